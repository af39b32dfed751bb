-- Mails (notifications, alerts, reports), what is told once, and what retention took.
-- Times are milliseconds since 1970 UTC. Enumerations are those of the headers named.
-- Append-only: what is released here is never edited; a change is the next file.

-- Sums that only grow, and rows that retention turned into counters. The counters of
-- 001_outbox.sql go on counting what was pruned:
-- delivered = rows of that state + pruned_delivered, and so on.
ALTER TABLE destination ADD COLUMN died INTEGER NOT NULL DEFAULT 0; -- ever became dead
ALTER TABLE destination ADD COLUMN pruned_delivered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE destination ADD COLUMN pruned_dead INTEGER NOT NULL DEFAULT 0;
ALTER TABLE destination ADD COLUMN pruned_discarded INTEGER NOT NULL DEFAULT 0;
UPDATE destination SET died = dead;

ALTER TABLE source ADD COLUMN quarantines INTEGER NOT NULL DEFAULT 0; -- bodies ever
ALTER TABLE source ADD COLUMN pruned_accepted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE source ADD COLUMN pruned_quarantined INTEGER NOT NULL DEFAULT 0;
ALTER TABLE source ADD COLUMN pruned_test INTEGER NOT NULL DEFAULT 0; -- of pruned_accepted
UPDATE source SET quarantines = quarantined;

-- The words of an alert or a report, once for all its recipients. mails.h
CREATE TABLE notice (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	created_at INTEGER NOT NULL,
	subject TEXT NOT NULL,
	text TEXT NOT NULL,
	html TEXT
) STRICT;
CREATE TABLE attachment (
	notice INTEGER NOT NULL REFERENCES notice (id),
	n INTEGER NOT NULL,
	type TEXT NOT NULL,
	name TEXT,
	content_id TEXT,
	bytes BLOB NOT NULL,
	PRIMARY KEY (notice, n)
) STRICT;

-- One mail to one recipient: the waiting work of the destination "(mail)", which is made
-- when mail is first configured. delivery.h, mails.h
CREATE TABLE mail (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 3),
	lead INTEGER REFERENCES lead (seq),    -- notification
	notice INTEGER REFERENCES notice (id), -- alert, report
	contact TEXT NOT NULL,
	uid BLOB NOT NULL DEFAULT (randomblob(16)), -- of its Message-ID
	created_at INTEGER NOT NULL,
	state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 5),
	-- 1 never tried, 2 waits by the retry rule, 3 for the mail server, 4 for the end of
	-- its digest's window, 5 goes with its carrier
	queue INTEGER NOT NULL,
	due_at INTEGER NOT NULL,
	digest_at INTEGER NOT NULL DEFAULT 0, -- end of its window; 0: a mail of its own
	carrier INTEGER,                      -- digest: the mail it goes with, once claimed
	attempts INTEGER NOT NULL DEFAULT 0,
	few INTEGER NOT NULL DEFAULT 0,
	age_from INTEGER NOT NULL,
	outcome INTEGER NOT NULL DEFAULT 0,
	reason INTEGER NOT NULL DEFAULT 0,
	settled_at INTEGER,
	error TEXT
) STRICT;
CREATE INDEX mail_due ON mail (state, queue, due_at) WHERE state = 1;
CREATE INDEX mail_unsettled ON mail (state) WHERE state <> 3;
CREATE INDEX mail_digest ON mail (digest_at, contact COLLATE NOCASE)
	WHERE carrier IS NULL AND digest_at > 0;
CREATE INDEX mail_carrier ON mail (carrier) WHERE carrier IS NOT NULL;
CREATE INDEX mail_lead ON mail (lead) WHERE lead IS NOT NULL;
CREATE INDEX mail_notice ON mail (notice) WHERE notice IS NOT NULL;
CREATE INDEX mail_settled ON mail (state, settled_at, kind) WHERE settled_at IS NOT NULL;

CREATE TABLE mail_attempt ( -- every exchange, in order; of a digest: its carrier's
	mail INTEGER NOT NULL REFERENCES mail (id),
	n INTEGER NOT NULL,
	at INTEGER NOT NULL,
	duration_ms INTEGER NOT NULL,
	outcome INTEGER NOT NULL,
	reason INTEGER NOT NULL,
	status INTEGER NOT NULL,
	error TEXT,
	PRIMARY KEY (mail, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX mail_attempt_at ON mail_attempt (at);

CREATE TABLE mail_kind ( -- counters, as those of a destination
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL,
	accepted INTEGER NOT NULL DEFAULT 0,
	pending INTEGER NOT NULL DEFAULT 0,
	held INTEGER NOT NULL DEFAULT 0,
	delivered INTEGER NOT NULL DEFAULT 0,
	dead INTEGER NOT NULL DEFAULT 0,
	discarded INTEGER NOT NULL DEFAULT 0,
	died INTEGER NOT NULL DEFAULT 0,
	pruned_delivered INTEGER NOT NULL DEFAULT 0,
	pruned_dead INTEGER NOT NULL DEFAULT 0,
	pruned_discarded INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO mail_kind (id, name) VALUES (1, 'notification'), (2, 'alert'), (3, 'report');

CREATE TABLE alert ( -- conditions that are raised
	key TEXT PRIMARY KEY,
	since INTEGER NOT NULL,
	told INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE report ( -- when each was last made
	name TEXT PRIMARY KEY,
	due_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What happened in a period, and what is past its age. Each grows at its right edge.
CREATE INDEX delivery_settled ON delivery (state, settled_at)
	WHERE settled_at IS NOT NULL;
CREATE INDEX attempt_at ON attempt (at);

-- Kept leads without a delivery: they go when they are past their age (since 0: at once)
-- and nothing needs them any more.
CREATE TABLE idle (
	lead INTEGER PRIMARY KEY,
	since INTEGER NOT NULL
) STRICT;
CREATE INDEX idle_since ON idle (since);
INSERT INTO idle SELECT seq, received_at FROM lead
	WHERE state = 1 AND NOT EXISTS (SELECT 1 FROM delivery WHERE lead = seq);
CREATE INDEX lead_raw_of ON lead (raw_of) WHERE raw_of IS NOT NULL;

-- Who sends, in every Message-ID.
INSERT INTO meta (key, value) VALUES ('relay', lower(hex(randomblob(8))))
	ON CONFLICT (key) DO NOTHING;
