-- The tables of version 1, as they were: a store made by it must go on.
CREATE TABLE event (
  id TEXT PRIMARY KEY, episode TEXT NOT NULL, seq INTEGER NOT NULL, type TEXT NOT NULL, kind TEXT NOT NULL,
  time INTEGER NOT NULL, committed_at INTEGER NOT NULL, json TEXT NOT NULL,
  UNIQUE (episode, seq)
) STRICT;
CREATE INDEX event_time ON event (time);

CREATE TABLE episode (
  id TEXT PRIMARY KEY, market TEXT NOT NULL, rule TEXT NOT NULL, direction TEXT, kind TEXT NOT NULL,
  origin TEXT NOT NULL, severity TEXT NOT NULL, headline TEXT NOT NULL, state TEXT NOT NULL,
  opened_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, closed_at INTEGER, last_seq INTEGER NOT NULL
) STRICT;
CREATE INDEX episode_opened ON episode (opened_at);
CREATE INDEX episode_open ON episode (opened_at) WHERE state = 'open';

CREATE TABLE delivery (
  n INTEGER PRIMARY KEY, event_id TEXT NOT NULL REFERENCES event (id), episode TEXT NOT NULL, seq INTEGER NOT NULL,
  sink TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'delivered', 'dead', 'superseded')),
  created_at INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, first_at INTEGER, next_at INTEGER,
  fault TEXT, last_error TEXT, delivered_at INTEGER, remote_ref TEXT, detail TEXT,
  merged_into TEXT, merged INTEGER NOT NULL DEFAULT 0, requeued INTEGER NOT NULL DEFAULT 0,
  UNIQUE (event_id, sink)
) STRICT;
CREATE INDEX delivery_episode ON delivery (episode, sink, seq);
CREATE INDEX delivery_waiting ON delivery (sink) WHERE state IN ('pending', 'sending');
CREATE INDEX delivery_dead ON delivery (n) WHERE state = 'dead';

CREATE TABLE machine (key TEXT PRIMARY KEY, blob BLOB NOT NULL) STRICT;

CREATE TABLE snapshot (
  name TEXT PRIMARY KEY, version INTEGER NOT NULL, saved_at INTEGER NOT NULL, blob BLOB NOT NULL
) STRICT;

CREATE TABLE fixing (
  series TEXT NOT NULL, day INTEGER NOT NULL, source TEXT NOT NULL, value REAL NOT NULL, convention TEXT NOT NULL,
  imported_at INTEGER NOT NULL,
  PRIMARY KEY (series, day, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE tick (
  series TEXT NOT NULL, time INTEGER NOT NULL, source TEXT NOT NULL, value REAL NOT NULL,
  PRIMARY KEY (series, time, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE import (
  n INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, source TEXT NOT NULL,
  convention TEXT NOT NULL, rows INTEGER NOT NULL, added INTEGER NOT NULL, changed INTEGER NOT NULL
) STRICT;
PRAGMA user_version = 1;
