-- The outbox: leads, their deliveries, what happened to them, and the counters.
-- Times are milliseconds since 1970 UTC. Enumerations are those of the headers named.
-- Append-only: what is released here is never edited; a change is the next file.

CREATE TABLE meta ( -- facts of this store: relay, match_key, marker, intake_only
	key TEXT PRIMARY KEY,
	value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE source (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	configured INTEGER NOT NULL,
	-- counted once per committed batch: requests = accepted + duplicates + quarantined
	requests INTEGER NOT NULL DEFAULT 0,    -- leads in answers of 2xx
	accepted INTEGER NOT NULL DEFAULT 0,    -- leads kept
	duplicates INTEGER NOT NULL DEFAULT 0,
	quarantined INTEGER NOT NULL DEFAULT 0, -- still so, or discarded as such
	waiting INTEGER NOT NULL DEFAULT 0,     -- of quarantined: neither replayed nor discarded
	rejected INTEGER NOT NULL DEFAULT 0,    -- requests answered 4xx and 5xx
	test INTEGER NOT NULL DEFAULT 0,        -- of accepted
	last_at INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE destination (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	kind TEXT NOT NULL,
	configured INTEGER NOT NULL,
	keeps_key INTEGER NOT NULL,
	-- health.h
	health INTEGER NOT NULL,
	reason INTEGER NOT NULL DEFAULT 0,
	since INTEGER NOT NULL,
	next_at INTEGER NOT NULL DEFAULT 0,
	failures INTEGER NOT NULL DEFAULT 0,
	open_ms INTEGER NOT NULL DEFAULT 0,
	probe_passed INTEGER NOT NULL DEFAULT 0,
	asks_itself INTEGER NOT NULL DEFAULT 0,
	forbidden_delivery INTEGER NOT NULL DEFAULT 0,
	error TEXT,
	-- counted once per committed batch:
	-- accepted = pending + held + delivered + dead + discarded
	accepted INTEGER NOT NULL DEFAULT 0,
	pending INTEGER NOT NULL DEFAULT 0,
	held INTEGER NOT NULL DEFAULT 0,
	delivered INTEGER NOT NULL DEFAULT 0,
	dead INTEGER NOT NULL DEFAULT 0,
	discarded INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Wide and cold: written once, read when it is sent or shown. raw comes last, so that
-- reading the rest of a row never follows its overflow pages.
CREATE TABLE lead (
	seq INTEGER PRIMARY KEY AUTOINCREMENT,
	id BLOB NOT NULL UNIQUE CHECK (length(id) = 16), -- UUIDv7: inserts at the right edge
	source INTEGER NOT NULL REFERENCES source (id),
	received_at INTEGER NOT NULL,
	state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 3), -- kept, quarantined, discarded as such
	test INTEGER NOT NULL,
	duplicates INTEGER NOT NULL DEFAULT 0,
	email TEXT,
	company TEXT,
	problem TEXT,            -- why it is quarantined
	fields TEXT NOT NULL,    -- JSON object: canonical name -> text
	extra TEXT,              -- JSON object, or nothing
	raw_of INTEGER,          -- seq of the lead whose raw is the array this one came in
	raw BLOB                 -- the bytes as received
) STRICT;
CREATE INDEX lead_received ON lead (received_at); -- grows at its right edge, too
CREATE INDEX lead_quarantined ON lead (state, seq) WHERE state <> 1;

-- Narrow and hot: one lead to one destination. delivery.h
CREATE TABLE delivery (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	lead INTEGER NOT NULL REFERENCES lead (seq),
	destination INTEGER NOT NULL REFERENCES destination (id),
	state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 5),
	queue INTEGER NOT NULL, -- 1 never tried, 2 waits by the retry rule, 3 for the destination
	due_at INTEGER NOT NULL,
	attempts INTEGER NOT NULL DEFAULT 0, -- counted by the retry rule
	few INTEGER NOT NULL DEFAULT 0,      -- of them "retry few"
	age_from INTEGER NOT NULL,           -- the destination's open_ms when its age began
	outcome INTEGER NOT NULL DEFAULT 0,  -- of the last attempt
	reason INTEGER NOT NULL DEFAULT 0,
	edited INTEGER NOT NULL DEFAULT 0,   -- replay --set since the last attempt
	settled_at INTEGER,                  -- delivered, dead or discarded since
	remote_id TEXT,
	error TEXT,
	UNIQUE (lead, destination)
) STRICT;
-- Only what waits is in delivery_due, and only what is not delivered in
-- delivery_unsettled: millions of delivered rows cost a claim nothing.
CREATE INDEX delivery_due ON delivery (destination, state, queue, due_at) WHERE state = 1;
CREATE INDEX delivery_unsettled ON delivery (destination, state, lead) WHERE state <> 3;

CREATE TABLE attempt ( -- every exchange, in order; append-only
	delivery INTEGER NOT NULL REFERENCES delivery (id),
	n INTEGER NOT NULL,
	at INTEGER NOT NULL,
	duration_ms INTEGER NOT NULL,
	outcome INTEGER NOT NULL,
	reason INTEGER NOT NULL,
	http_status INTEGER NOT NULL,
	error TEXT,
	PRIMARY KEY (delivery, n)
) STRICT, WITHOUT ROWID;

-- What makes a repeat. Small: it ages out.
CREATE TABLE fingerprint (
	kind INTEGER NOT NULL, -- 1 the whole body, 2 an Idempotency-Key
	source INTEGER NOT NULL REFERENCES source (id),
	hash BLOB NOT NULL,
	lead INTEGER NOT NULL,  -- seq of the first lead of the request
	leads INTEGER NOT NULL, -- how many it made, their seqs in a row
	body_hash BLOB NOT NULL,
	expires_at INTEGER NOT NULL,
	PRIMARY KEY (kind, source, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX fingerprint_expiry ON fingerprint (expires_at);

CREATE TABLE boot (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	started_at INTEGER NOT NULL,
	ended_at INTEGER,          -- for an unclean end: when the next start found it
	clean INTEGER NOT NULL DEFAULT 0
) STRICT;
