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
