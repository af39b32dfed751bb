-- Samples: the counters of each destination as they stood every few minutes, so that a
-- picture can be drawn of the last weeks without reading a lead.
-- Times are milliseconds since 1970 UTC.
-- Append-only: what is released here is never edited; a change is the next file.

CREATE TABLE sample ( -- one row per instant and destination; it grows at its right edge
	at INTEGER NOT NULL,
	destination INTEGER NOT NULL REFERENCES destination (id),
	accepted INTEGER NOT NULL,
	delivered INTEGER NOT NULL,
	dead INTEGER NOT NULL,
	pending INTEGER NOT NULL,
	held INTEGER NOT NULL,
	discarded INTEGER NOT NULL,
	PRIMARY KEY (at, destination)
) STRICT, WITHOUT ROWID;
