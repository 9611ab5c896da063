-- Version 2 to 3: what operating the booth needs.

-- A message that the broker refuses is set aside, so that the others go on.
ALTER TABLE outbox ADD COLUMN
  set_aside_at INTEGER CHECK (set_aside_at BETWEEN 0 AND 32503680000000);
ALTER TABLE outbox ADD COLUMN
  set_aside_reason TEXT CHECK (length(set_aside_reason) BETWEEN 1 AND 400);
CREATE INDEX outbox_set_aside ON outbox (set_aside_at) WHERE set_aside_at IS NOT NULL;
