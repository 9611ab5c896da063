-- What boothd remembers: the whole schema of version 3, from which a new file is made.
--
-- Every name that ends in _at is milliseconds since 1970-01-01 UTC; its CHECK (up to the year
-- 3000) catches seconds and microseconds that were taken for it. No table holds a
-- picture, a sound, or a secret.

-- A start of the machine. Times of rows count from its origin, which is moved, and they with it,
-- when the clock is set.
CREATE TABLE clock_epoch (
  epoch_id INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order of the starts
  boot_id TEXT NOT NULL CHECK (length(boot_id) <= 64), -- the kernel's; '': not known
  origin_ms INTEGER NOT NULL, -- unix ms of the start, as best known
  certain_ms INTEGER NOT NULL, -- the same for retention: docs/ref/time.md
  seen_ms INTEGER NOT NULL CHECK (seen_ms >= 0), -- how long the machine had run when last seen
  is_vouched INTEGER NOT NULL CHECK (is_vouched IN (0, 1)) -- by a time server
) STRICT;

-- Who may open a door. The token of the configuration is not here: it has no row.
CREATE TABLE token (
  token_id INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice, as the audit log names it
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
  role TEXT NOT NULL CHECK (role IN ('viewer', 'guest', 'operator')),
  secret_sha256 BLOB NOT NULL UNIQUE CHECK (length(secret_sha256) = 32), -- of 256 random bits
  session_id TEXT CHECK (length(session_id) BETWEEN 1 AND 128), -- the only one it may touch
  created_at INTEGER NOT NULL CHECK (created_at BETWEEN 0 AND 32503680000000),
  expires_at INTEGER CHECK (expires_at BETWEEN 0 AND 32503680000000), -- NULL: never
  revoked_at INTEGER CHECK (revoked_at BETWEEN 0 AND 32503680000000), -- NULL: not revoked
  epoch_id INTEGER REFERENCES clock_epoch (epoch_id), -- NULL: of before there were epochs
  revoked_epoch_id INTEGER REFERENCES clock_epoch (epoch_id),
  lifetime_ms INTEGER CHECK (lifetime_ms > 0) -- NULL: it expires at a moment that was named
) STRICT;

-- A session id belongs to the token that first used it.
CREATE TABLE session_binding (
  session_id TEXT NOT NULL PRIMARY KEY CHECK (length(session_id) BETWEEN 1 AND 128),
  token_id INTEGER REFERENCES token (token_id) ON DELETE CASCADE, -- NULL: the configuration's
  bound_at INTEGER NOT NULL CHECK (bound_at BETWEEN 0 AND 32503680000000),
  epoch_id INTEGER REFERENCES clock_epoch (epoch_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX session_binding_by_token ON session_binding (token_id);

-- One interview of one person.
CREATE TABLE session (
  session_id TEXT NOT NULL PRIMARY KEY CHECK (length(session_id) BETWEEN 1 AND 128),
  stream TEXT NOT NULL CHECK (stream IN ('booth', 'client')),
  token_name TEXT CHECK (length(token_name) BETWEEN 1 AND 64), -- who began it
  subject_ref TEXT CHECK (length(subject_ref) BETWEEN 1 AND 128), -- the operator's own name
  state TEXT NOT NULL CHECK (state IN ('running', 'ended', 'abandoned')),
  started_at INTEGER NOT NULL CHECK (started_at BETWEEN 0 AND 32503680000000),
  ended_at INTEGER CHECK (ended_at BETWEEN started_at AND 32503680000000),
  features TEXT NOT NULL CHECK (json_valid(features)), -- what was analysed
  summary TEXT CHECK (json_valid(summary)), -- its metrics, once it has ended
  epoch_id INTEGER REFERENCES clock_epoch (epoch_id),
  CHECK ((state = 'ended') = (ended_at IS NOT NULL)), -- nobody knows when a crash ended one
  CHECK (state = 'ended' OR summary IS NULL)
) STRICT, WITHOUT ROWID;

CREATE INDEX session_by_start ON session (started_at, session_id);
CREATE INDEX session_by_epoch ON session (epoch_id, started_at, session_id);

-- What the person agreed to before the session began.
CREATE TABLE consent (
  session_id TEXT NOT NULL PRIMARY KEY REFERENCES session (session_id) ON DELETE CASCADE,
  notice_version TEXT NOT NULL CHECK (length(notice_version) BETWEEN 1 AND 64),
  consent_at INTEGER NOT NULL CHECK (consent_at BETWEEN 0 AND 32503680000000)
) STRICT, WITHOUT ROWID;

-- Who did what. Rows are only added, until they are a year old.
CREATE TABLE audit (
  audit_id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL CHECK (at BETWEEN 0 AND 32503680000000),
  actor TEXT NOT NULL CHECK (length(actor) BETWEEN 1 AND 128), -- a token's name, or "boothd"
  action TEXT NOT NULL CHECK (length(action) BETWEEN 1 AND 64), -- such as token.add
  object TEXT NOT NULL CHECK (length(object) <= 200), -- what it was done to, such as token 7
  detail TEXT NOT NULL CHECK (length(detail) <= 1000),
  epoch_id INTEGER REFERENCES clock_epoch (epoch_id)
) STRICT;

CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_by_actor ON audit (actor, audit_id);

-- What is kept of a session as it happens: a name of 8 bytes for it, so that a row of a metric is
-- small, and how many rows of it there was no room for.
CREATE TABLE recording (
  recording_id INTEGER PRIMARY KEY,
  session_id TEXT NOT NULL UNIQUE REFERENCES session (session_id) ON DELETE CASCADE,
  lost_rows INTEGER NOT NULL DEFAULT 0 CHECK (lost_rows >= 0)
) STRICT;

-- At most one row a second. Whole numbers, since SQLite keeps small ones in a byte or two:
-- _permille is thousandths, _cdeg hundredths of a degree. NULL is what cannot be known.
CREATE TABLE video_metric (
  recording_id INTEGER NOT NULL REFERENCES recording (recording_id) ON DELETE CASCADE,
  offset_s INTEGER NOT NULL CHECK (offset_s BETWEEN 0 AND 604800), -- since the session began
  face_detected INTEGER NOT NULL CHECK (face_detected IN (0, 1)),
  face_count INTEGER NOT NULL CHECK (face_count BETWEEN 0 AND 1000),
  angry_permille INTEGER CHECK (angry_permille BETWEEN 0 AND 1000),
  disgust_permille INTEGER CHECK (disgust_permille BETWEEN 0 AND 1000),
  fear_permille INTEGER CHECK (fear_permille BETWEEN 0 AND 1000),
  happy_permille INTEGER CHECK (happy_permille BETWEEN 0 AND 1000),
  sad_permille INTEGER CHECK (sad_permille BETWEEN 0 AND 1000),
  surprise_permille INTEGER CHECK (surprise_permille BETWEEN 0 AND 1000),
  neutral_permille INTEGER CHECK (neutral_permille BETWEEN 0 AND 1000),
  emotion_stability_permille INTEGER CHECK (emotion_stability_permille BETWEEN 0 AND 1000),
  head_yaw_cdeg INTEGER CHECK (head_yaw_cdeg BETWEEN -18000 AND 18000),
  head_pitch_cdeg INTEGER CHECK (head_pitch_cdeg BETWEEN -18000 AND 18000),
  head_roll_cdeg INTEGER CHECK (head_roll_cdeg BETWEEN -18000 AND 18000),
  head_pose_stability_permille INTEGER CHECK (head_pose_stability_permille BETWEEN 0 AND 1000),
  horizontal_deviation_permille INTEGER
    CHECK (horizontal_deviation_permille BETWEEN 0 AND 1000),
  gaze_yaw_cdeg INTEGER CHECK (gaze_yaw_cdeg BETWEEN -18000 AND 18000),
  gaze_pitch_cdeg INTEGER CHECK (gaze_pitch_cdeg BETWEEN -18000 AND 18000),
  eye_contact INTEGER CHECK (eye_contact IN (0, 1)),
  eye_contact_ratio_permille INTEGER CHECK (eye_contact_ratio_permille BETWEEN 0 AND 1000),
  blink_rate_deci_per_min INTEGER CHECK (blink_rate_deci_per_min BETWEEN 0 AND 100000),
  mouth_open_ratio_permille INTEGER CHECK (mouth_open_ratio_permille BETWEEN 0 AND 100000),
  face_present_ratio_permille INTEGER CHECK (face_present_ratio_permille BETWEEN 0 AND 1000),
  brightness_permille INTEGER CHECK (brightness_permille BETWEEN 0 AND 1000),
  smile_permille INTEGER CHECK (smile_permille BETWEEN 0 AND 1000),
  mouth_stretch_permille INTEGER CHECK (mouth_stretch_permille BETWEEN 0 AND 1000),
  upper_lip_raise_permille INTEGER CHECK (upper_lip_raise_permille BETWEEN 0 AND 1000),
  jaw_open_permille INTEGER CHECK (jaw_open_permille BETWEEN 0 AND 1000),
  lip_pucker_permille INTEGER CHECK (lip_pucker_permille BETWEEN 0 AND 1000),
  brow_up_permille INTEGER CHECK (brow_up_permille BETWEEN 0 AND 1000),
  brow_down_permille INTEGER CHECK (brow_down_permille BETWEEN 0 AND 1000),
  eye_wide_permille INTEGER CHECK (eye_wide_permille BETWEEN 0 AND 1000),
  eye_squint_permille INTEGER CHECK (eye_squint_permille BETWEEN 0 AND 1000),
  cheek_raise_permille INTEGER CHECK (cheek_raise_permille BETWEEN 0 AND 1000),
  PRIMARY KEY (recording_id, offset_s)
) STRICT, WITHOUT ROWID;

-- The same for the voice: _dhz is tenths of a hertz, _cdb hundredths of a decibel.
CREATE TABLE audio_metric (
  recording_id INTEGER NOT NULL REFERENCES recording (recording_id) ON DELETE CASCADE,
  offset_s INTEGER NOT NULL CHECK (offset_s BETWEEN 0 AND 604800), -- since the session began
  audio_detected INTEGER NOT NULL CHECK (audio_detected IN (0, 1)),
  speech_rate_deci_per_min INTEGER CHECK (speech_rate_deci_per_min BETWEEN 0 AND 100000),
  articulation_rate_milli_per_s INTEGER
    CHECK (articulation_rate_milli_per_s BETWEEN 0 AND 100000),
  pitch_mean_dhz INTEGER CHECK (pitch_mean_dhz BETWEEN 0 AND 100000),
  pitch_median_dhz INTEGER CHECK (pitch_median_dhz BETWEEN 0 AND 100000),
  pitch_range_dhz INTEGER CHECK (pitch_range_dhz BETWEEN 0 AND 100000),
  volume_cdbfs INTEGER CHECK (volume_cdbfs BETWEEN -20000 AND 1000),
  clarity_permille INTEGER CHECK (clarity_permille BETWEEN 0 AND 1000),
  spectral_centroid_hz INTEGER CHECK (spectral_centroid_hz BETWEEN 0 AND 24000),
  speech_ratio_permille INTEGER CHECK (speech_ratio_permille BETWEEN 0 AND 1000),
  pause_count INTEGER CHECK (pause_count BETWEEN 0 AND 1000),
  longest_pause_ms INTEGER CHECK (longest_pause_ms BETWEEN 0 AND 3600000),
  arousal_permille INTEGER CHECK (arousal_permille BETWEEN -1000 AND 1000),
  clipping_permille INTEGER CHECK (clipping_permille BETWEEN 0 AND 1000),
  PRIMARY KEY (recording_id, offset_s)
) STRICT, WITHOUT ROWID;

-- What happened: to a session, or (NULL) to the booth.
CREATE TABLE event (
  event_id INTEGER PRIMARY KEY,
  session_id TEXT REFERENCES session (session_id) ON DELETE CASCADE,
  at INTEGER NOT NULL CHECK (at BETWEEN 0 AND 32503680000000),
  kind TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 64), -- such as camera_lost
  data TEXT NOT NULL CHECK (json_valid(data)),
  epoch_id INTEGER REFERENCES clock_epoch (epoch_id)
) STRICT;

CREATE INDEX event_by_session ON event (session_id, at);
CREATE INDEX event_by_time ON event (at);

-- What the central desk has not acknowledged yet. A row goes with its own PUBACK only.
CREATE TABLE outbox (
  outbox_id INTEGER PRIMARY KEY AUTOINCREMENT, -- the message's seq, never given twice
  boot_id TEXT NOT NULL CHECK (length(boot_id) = 32), -- of the start that put it here
  session_id TEXT CHECK (length(session_id) BETWEEN 1 AND 128), -- may outlive its session
  kind TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 64), -- started, summary or event/...
  at INTEGER NOT NULL CHECK (at BETWEEN 0 AND 32503680000000),
  is_clock_set INTEGER NOT NULL CHECK (is_clock_set IN (0, 1)), -- 0: at is not to be trusted
  payload TEXT NOT NULL CHECK (json_valid(payload)),
  -- NULL: it waits for the broker; else the broker refused it then, and it is not sent by itself
  set_aside_at INTEGER CHECK (set_aside_at BETWEEN 0 AND 32503680000000),
  set_aside_reason TEXT CHECK (length(set_aside_reason) BETWEEN 1 AND 400),
  epoch_id INTEGER REFERENCES clock_epoch (epoch_id)
) STRICT;

CREATE INDEX outbox_by_session ON outbox (session_id);
CREATE INDEX outbox_set_aside ON outbox (set_aside_at) WHERE set_aside_at IS NOT NULL;

-- The name that the last start of the daemon gave this file, in its one row; a copy gets a name of its
-- own. `boothd.db-opening` beside the file says which names the log beside it belongs to.
CREATE TABLE opening (
  opening_id TEXT NOT NULL PRIMARY KEY CHECK (length(opening_id) = 32)
) STRICT, WITHOUT ROWID;
