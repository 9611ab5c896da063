-- What boothd remembers: the whole schema of version 1, from which a new file is made.
--
-- Every name that ends in _at is milliseconds since 1970-01-01 UTC; its CHECK (up to the year
-- 3000) catches seconds and microseconds that were taken for it. No table holds a metric as it
-- happens, a picture, a sound, or a secret.
-- An older file becomes the same by upgrade/; tests/store.rs compares the two.

-- Who may open a door. The token of the configuration is not here: it has no row.
CREATE TABLE token (
  token_id INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice, as the audit log names it
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
  role TEXT NOT NULL CHECK (role IN ('viewer', 'guest', 'operator')),
  secret_sha256 BLOB NOT NULL UNIQUE CHECK (length(secret_sha256) = 32), -- of 256 random bits
  session_id TEXT CHECK (length(session_id) BETWEEN 1 AND 128), -- the only one it may touch
  created_at INTEGER NOT NULL CHECK (created_at BETWEEN 0 AND 32503680000000),
  expires_at INTEGER CHECK (expires_at BETWEEN 0 AND 32503680000000), -- NULL: never
  revoked_at INTEGER CHECK (revoked_at BETWEEN 0 AND 32503680000000) -- NULL: not revoked
) STRICT;

-- A session id belongs to the token that first used it.
CREATE TABLE session_binding (
  session_id TEXT NOT NULL PRIMARY KEY CHECK (length(session_id) BETWEEN 1 AND 128),
  token_id INTEGER REFERENCES token (token_id) ON DELETE CASCADE, -- NULL: the configuration's
  bound_at INTEGER NOT NULL CHECK (bound_at BETWEEN 0 AND 32503680000000)
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
  CHECK ((state = 'ended') = (ended_at IS NOT NULL)), -- nobody knows when a crash ended one
  CHECK (state = 'ended' OR summary IS NULL)
) STRICT, WITHOUT ROWID;

CREATE INDEX session_by_start ON session (started_at, session_id);

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
  detail TEXT NOT NULL CHECK (length(detail) <= 1000)
) STRICT;

CREATE INDEX audit_by_time ON audit (at);
