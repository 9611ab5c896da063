-- From version 1 to 2: metrics as they happen, events, and the outbox.

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
  data TEXT NOT NULL CHECK (json_valid(data))
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
  payload TEXT NOT NULL CHECK (json_valid(payload))
) STRICT;

CREATE INDEX outbox_by_session ON outbox (session_id);
