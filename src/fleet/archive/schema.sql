-- What the centre keeps of many booths: the whole schema, from which a new file is made.
--
-- Every name that ends in _at is milliseconds since 1970-01-01 UTC; its CHECK (up to the year
-- 3000) catches seconds and microseconds that were taken for it. No table holds what a booth did
-- not send, a picture, a sound, a secret, or a score of a person.

CREATE TABLE booth (
  booth_id INTEGER PRIMARY KEY,
  site TEXT NOT NULL CHECK (length(site) BETWEEN 1 AND 128),
  booth TEXT NOT NULL CHECK (length(booth) BETWEEN 1 AND 128),
  first_seen_at INTEGER NOT NULL CHECK (first_seen_at BETWEEN 0 AND 32503680000000),
  last_seen_at INTEGER NOT NULL CHECK (last_seen_at BETWEEN 0 AND 32503680000000), -- 0: never
  said TEXT CHECK (said IN ('online', 'offline', 'restarting')), -- its last status
  since_at INTEGER CHECK (since_at BETWEEN 0 AND 32503680000000), -- of that status
  info TEXT CHECK (json_valid(info)),
  health TEXT CHECK (json_valid(health)), -- the newest that was kept
  UNIQUE (site, booth)
) STRICT;

-- Means of a minute of live metrics. NULL is what was not known for the whole minute.
CREATE TABLE video_minute (
  booth_id INTEGER NOT NULL REFERENCES booth (booth_id) ON DELETE CASCADE,
  minute_at INTEGER NOT NULL
    CHECK (minute_at BETWEEN 0 AND 32503680000000 AND minute_at % 60000 = 0),
  session_id TEXT NOT NULL CHECK (length(session_id) <= 128), -- '': no session ran
  samples INTEGER NOT NULL CHECK (samples > 0), -- reports
  face_present_ratio REAL CHECK (face_present_ratio BETWEEN 0 AND 1),
  eye_contact_ratio REAL CHECK (eye_contact_ratio BETWEEN 0 AND 1),
  head_pose_stability_ratio REAL CHECK (head_pose_stability_ratio BETWEEN 0 AND 1),
  horizontal_deviation_ratio REAL CHECK (horizontal_deviation_ratio BETWEEN 0 AND 1),
  blink_rate_per_min REAL CHECK (blink_rate_per_min BETWEEN 0 AND 1000),
  brightness_ratio REAL CHECK (brightness_ratio BETWEEN 0 AND 1),
  processing_ms REAL CHECK (processing_ms BETWEEN 0 AND 1000000),
  PRIMARY KEY (booth_id, minute_at, session_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX video_minute_by_session ON video_minute (session_id) WHERE session_id <> '';
CREATE INDEX video_minute_by_time ON video_minute (minute_at);

CREATE TABLE audio_minute (
  booth_id INTEGER NOT NULL REFERENCES booth (booth_id) ON DELETE CASCADE,
  minute_at INTEGER NOT NULL
    CHECK (minute_at BETWEEN 0 AND 32503680000000 AND minute_at % 60000 = 0),
  session_id TEXT NOT NULL CHECK (length(session_id) <= 128), -- '': no session ran
  samples INTEGER NOT NULL CHECK (samples > 0), -- reports
  speech_ratio REAL CHECK (speech_ratio BETWEEN 0 AND 1),
  speech_rate_per_min REAL CHECK (speech_rate_per_min BETWEEN 0 AND 5000), -- syllables
  pitch_mean_hz REAL CHECK (pitch_mean_hz BETWEEN 0 AND 5000),
  volume_dbfs REAL CHECK (volume_dbfs BETWEEN -200 AND 20),
  clarity_ratio REAL CHECK (clarity_ratio BETWEEN 0 AND 1),
  clipping_ratio REAL CHECK (clipping_ratio BETWEEN 0 AND 1),
  processing_ms REAL CHECK (processing_ms BETWEEN 0 AND 1000000),
  PRIMARY KEY (booth_id, minute_at, session_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX audio_minute_by_session ON audio_minute (session_id) WHERE session_id <> '';
CREATE INDEX audio_minute_by_time ON audio_minute (minute_at);

-- Every record that came: a second one of the same boot_id and seq is the same record.
CREATE TABLE record (
  record_id INTEGER PRIMARY KEY,
  booth_id INTEGER NOT NULL REFERENCES booth (booth_id) ON DELETE CASCADE,
  boot_id TEXT NOT NULL CHECK (length(boot_id) BETWEEN 1 AND 128),
  seq INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 128), -- started, summary, event/...
  session_id TEXT CHECK (length(session_id) BETWEEN 1 AND 128),
  at INTEGER NOT NULL CHECK (at BETWEEN 0 AND 32503680000000),
  received_at INTEGER NOT NULL CHECK (received_at BETWEEN 0 AND 32503680000000),
  is_clock_set INTEGER NOT NULL CHECK (is_clock_set IN (0, 1)), -- 0: at is not to be trusted
  data TEXT CHECK (json_valid(data)), -- of events; a session's is in its own row
  UNIQUE (booth_id, boot_id, seq)
) STRICT;

CREATE INDEX record_by_session ON record (session_id);
CREATE INDEX record_by_time ON record (received_at);

-- A session as its booth tells it. Its beginning or its end may never come.
CREATE TABLE session (
  booth_id INTEGER NOT NULL REFERENCES booth (booth_id) ON DELETE CASCADE,
  session_id TEXT NOT NULL CHECK (length(session_id) BETWEEN 1 AND 128),
  listed_at INTEGER NOT NULL CHECK (listed_at BETWEEN 0 AND 32503680000000), -- first record's at
  started_at INTEGER CHECK (started_at BETWEEN 0 AND 32503680000000),
  ended_at INTEGER CHECK (ended_at BETWEEN 0 AND 32503680000000),
  started TEXT CHECK (json_valid(started)), -- the record of its beginning
  summary TEXT CHECK (json_valid(summary)), -- the record of its end
  PRIMARY KEY (booth_id, session_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX session_by_time ON session (listed_at);
CREATE INDEX session_by_id ON session (session_id);

-- What a person should look at. At most one of a kind is open for a booth.
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

CREATE UNIQUE INDEX alert_open ON alert (booth_id, kind) WHERE until_at IS NULL;
CREATE INDEX alert_by_time ON alert (since_at);

-- The archive's own key of the digests in "erased".
CREATE TABLE erase_salt (
  salt_id INTEGER PRIMARY KEY CHECK (salt_id = 1),
  salt BLOB NOT NULL CHECK (length(salt) = 32)
) STRICT;

-- What was erased, so that a record that comes later does not bring it back: nothing but a digest.
CREATE TABLE erased (
  digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32), -- keyed, of a session or a subject
  erased_at INTEGER NOT NULL CHECK (erased_at BETWEEN 0 AND 32503680000000)
) STRICT, WITHOUT ROWID;

-- Orders to booths to erase the same. An order outlives the booth's own row.
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

-- The name that the last start of the fleet server gave this file, in its one row; a copy gets a name
-- of its own. `fleet.db-opening` beside the file says which names the log beside it belongs to.
CREATE TABLE opening (
  opening_id TEXT NOT NULL PRIMARY KEY CHECK (length(opening_id) = 32)
) STRICT, WITHOUT ROWID;
