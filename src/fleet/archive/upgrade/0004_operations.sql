-- Alerts follow from the findings of /health: analysis, certificate, access, clock, configuration
-- and what a later version may find. As in 0002.
CREATE TABLE alert_before AS SELECT * FROM alert;
DROP TABLE alert;

CREATE TABLE alert (
  alert_id INTEGER PRIMARY KEY AUTOINCREMENT,
  booth_id INTEGER NOT NULL REFERENCES booth (booth_id) ON DELETE CASCADE,
  kind TEXT NOT NULL
    CHECK (kind IN ('offline', 'policy', 'light', 'camera', 'microphone', 'analysis', 'store', 'board', 'outbox',
      'certificate', 'access', 'clock', 'configuration', 'other', 'version')),
  since_at INTEGER NOT NULL CHECK (since_at BETWEEN 0 AND 32503680000000),
  until_at INTEGER CHECK (until_at BETWEEN 0 AND 32503680000000), -- NULL: it holds
  detail TEXT NOT NULL CHECK (length(detail) <= 1000),
  acknowledged_by TEXT CHECK (length(acknowledged_by) BETWEEN 1 AND 128), -- a token's name
  acknowledged_at INTEGER CHECK (acknowledged_at BETWEEN 0 AND 32503680000000),
  note TEXT CHECK (length(note) <= 1000),
  CHECK ((acknowledged_by IS NULL) = (acknowledged_at IS NULL)),
  CHECK (note IS NULL OR acknowledged_by IS NOT NULL)
) STRICT;

INSERT INTO alert SELECT * FROM alert_before;
DROP TABLE alert_before;

CREATE UNIQUE INDEX alert_open ON alert (booth_id, kind) WHERE until_at IS NULL;
CREATE INDEX alert_by_time ON alert (since_at);

-- Erasing at the fleet server: what must not come back, and the orders to the booths.
CREATE TABLE erase_salt (
  salt_id INTEGER PRIMARY KEY CHECK (salt_id = 1),
  salt BLOB NOT NULL CHECK (length(salt) = 32)
) STRICT;

CREATE TABLE erased (
  digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32), -- keyed, of a session or a subject
  erased_at INTEGER NOT NULL CHECK (erased_at BETWEEN 0 AND 32503680000000)
) STRICT, WITHOUT ROWID;

CREATE TABLE erase_order (
  order_id INTEGER PRIMARY KEY AUTOINCREMENT,
  receipt_id TEXT NOT NULL CHECK (length(receipt_id) BETWEEN 1 AND 64),
  site TEXT NOT NULL CHECK (length(site) BETWEEN 1 AND 128),
  booth TEXT NOT NULL CHECK (length(booth) BETWEEN 1 AND 128),
  session_id TEXT CHECK (length(session_id) BETWEEN 1 AND 128), -- NULL once it has ended
  state TEXT NOT NULL CHECK (state IN ('open', 'done', 'closed')),
  created_at INTEGER NOT NULL CHECK (created_at BETWEEN 0 AND 32503680000000),
  tries INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
  sent_at INTEGER CHECK (sent_at BETWEEN 0 AND 32503680000000),
  answer TEXT CHECK (length(answer) <= 1000), -- the booth's last, or who has closed it
  ended_at INTEGER CHECK (ended_at BETWEEN 0 AND 32503680000000),
  CHECK ((state = 'open') = (ended_at IS NULL)),
  CHECK ((state = 'open') = (session_id IS NOT NULL))
) STRICT;

CREATE INDEX erase_order_open ON erase_order (site, booth) WHERE state = 'open';

-- The name by which an archive knows the log beside it.
CREATE TABLE opening (
  opening_id TEXT NOT NULL PRIMARY KEY CHECK (length(opening_id) = 32)
) STRICT, WITHOUT ROWID;
