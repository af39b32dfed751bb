-- Files: the ledger of imports; what recognises a lead again after its row is gone.
-- Times are milliseconds since 1970 UTC. Hashes are keyed with meta.match_key
-- (SHA-256, cut): without the key nobody can try addresses against them. batches.h
-- Append-only: what is released here is never edited; a change is the next file.

INSERT INTO meta (key, value) VALUES ('match_key', randomblob(32))
	ON CONFLICT (key) DO NOTHING;

-- One row per file and source. run counts how often the file was begun anew; rows of an
-- older run are nobody's any more.
CREATE TABLE import (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	source INTEGER NOT NULL REFERENCES source (id),
	file BLOB NOT NULL CHECK (length(file) = 32), -- SHA-256 of its bytes and how they are read
	run INTEGER NOT NULL,
	started_at INTEGER NOT NULL,
	finished_at INTEGER,        -- NULL: under way, or killed
	taken INTEGER NOT NULL,     -- rows from the file's begin that are decided
	accepted INTEGER NOT NULL,  -- of them
	duplicates INTEGER NOT NULL,
	erased INTEGER NOT NULL,    -- refused: the person asked to be forgotten
	rejected INTEGER NOT NULL,  -- refused before they came here
	UNIQUE (source, file)
) STRICT;

-- Contents that were imported, forever: the same row again adds nothing. An index of
-- match_hash.content up to the lead meta.imported_until: made in sorted batches. contents.h
CREATE TABLE imported (
	hash BLOB PRIMARY KEY CHECK (length(hash) = 16)
) STRICT, WITHOUT ROWID;

-- Rows that name no person may repeat within a file (two leads of one firm): how often
-- each came so far in that run. Goes, in slices, when its run is over.
CREATE TABLE import_repeat (
	import INTEGER NOT NULL REFERENCES import (id),
	run INTEGER NOT NULL,
	hash BLOB NOT NULL,
	n INTEGER NOT NULL,
	PRIMARY KEY (import, run, hash)
) STRICT, WITHOUT ROWID;

-- One row per lead ever kept or quarantined, in their order: it grows at its right edge
-- and is read from end to end (reconcile). It outlives retention and erasure.
CREATE TABLE match_hash (
	seq INTEGER PRIMARY KEY,     -- lead.seq, also after the lead is gone
	at INTEGER NOT NULL,         -- the lead's own time
	origin INTEGER NOT NULL,     -- enum lead_origin
	email BLOB,                  -- 8 bytes each; NULL: the lead has none
	offer BLOB,
	came_at INTEGER,             -- of one that was imported; NULL: at
	content BLOB                 -- 16 bytes, of a file's row; NULL: it came otherwise
) STRICT;

-- Persons who asked to be forgotten. Small; forever.
CREATE TABLE tombstone (
	hash BLOB PRIMARY KEY CHECK (length(hash) = 16), -- of the e-mail, in lower case
	at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
