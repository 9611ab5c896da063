-- Version 2 to 3: what operating the booth needs.

-- A message that the broker refuses is set aside, so that the others go on.
ALTER TABLE outbox ADD COLUMN
  set_aside_at INTEGER CHECK (set_aside_at BETWEEN 0 AND 32503680000000);
ALTER TABLE outbox ADD COLUMN
  set_aside_reason TEXT CHECK (length(set_aside_reason) BETWEEN 1 AND 400);
CREATE INDEX outbox_set_aside ON outbox (set_aside_at) WHERE set_aside_at IS NOT NULL;

-- Which clock a time was taken by: a start of the machine. Times of rows count from its origin,
-- which is moved, and they with it, when the clock is set.
CREATE TABLE clock_epoch (
  epoch_id INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order of the starts
  boot_id TEXT NOT NULL CHECK (length(boot_id) <= 64), -- the kernel's; '': not known
  origin_ms INTEGER NOT NULL, -- unix ms of the start, as best known
  certain_ms INTEGER NOT NULL, -- the same for retention: docs/ref/time.md
  seen_ms INTEGER NOT NULL CHECK (seen_ms >= 0), -- how long the machine had run when last seen
  is_vouched INTEGER NOT NULL CHECK (is_vouched IN (0, 1)) -- by a time server
) STRICT;

-- Where it is NULL the row is of before there were epochs.
ALTER TABLE token ADD COLUMN epoch_id INTEGER REFERENCES clock_epoch (epoch_id);
ALTER TABLE token ADD COLUMN revoked_epoch_id INTEGER REFERENCES clock_epoch (epoch_id);
ALTER TABLE token ADD COLUMN lifetime_ms INTEGER CHECK (lifetime_ms > 0);
ALTER TABLE session_binding ADD COLUMN epoch_id INTEGER REFERENCES clock_epoch (epoch_id);
ALTER TABLE session ADD COLUMN epoch_id INTEGER REFERENCES clock_epoch (epoch_id);
ALTER TABLE audit ADD COLUMN epoch_id INTEGER REFERENCES clock_epoch (epoch_id);
ALTER TABLE event ADD COLUMN epoch_id INTEGER REFERENCES clock_epoch (epoch_id);
ALTER TABLE outbox ADD COLUMN epoch_id INTEGER REFERENCES clock_epoch (epoch_id);

CREATE INDEX session_by_epoch ON session (epoch_id, started_at, session_id);

-- The audit log is read by actor.
CREATE INDEX audit_by_actor ON audit (actor, audit_id);

-- The name by which a database knows the log beside it.

CREATE TABLE opening (
  opening_id TEXT NOT NULL PRIMARY KEY CHECK (length(opening_id) = 32)
) STRICT, WITHOUT ROWID;
