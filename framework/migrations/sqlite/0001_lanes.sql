-- Everything of ballet 0.1: one file is a store and a log.
-- `group_name` and `lane` together name a lane; `key` decides the order of delivery.
--
-- What holds a body is no WITHOUT ROWID table: there a row of more than a kilobyte would spill out of the
-- tree, and every comparison with its key would read all of it.

-- meta: one row a fact about the file, as its incarnation. Written when the file is made, read when it
-- is opened.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- lanes: who owns a lane and where it stands. Written by the owner with every batch, by compare-and-set
-- on (epoch, batch); read when the lane is taken. The primary key serves both.
CREATE TABLE lanes (
    group_name TEXT NOT NULL,
    lane       INTEGER NOT NULL,
    epoch      INTEGER NOT NULL,
    takes      INTEGER NOT NULL, -- since the last batch
    batch      INTEGER NOT NULL,
    time       INTEGER NOT NULL,
    positions  TEXT NOT NULL, -- {topic: {next, from}}
    published  INTEGER NOT NULL,
    PRIMARY KEY (group_name, lane)
) STRICT, WITHOUT ROWID;

-- edges: the last number sent on each edge that leaves a lane (way 'sent', to topic and partition), and
-- taken on each that enters it (way 'taken', from source, incarnation and source_lane by topic). Written
-- by the owner with every batch, read when the lane is taken: a prefix of the primary key.
CREATE TABLE edges (
    group_name  TEXT NOT NULL,
    lane        INTEGER NOT NULL,
    way         TEXT NOT NULL,
    topic       TEXT NOT NULL,
    partition   INTEGER NOT NULL,
    source      TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    source_lane INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    PRIMARY KEY (group_name, lane, way, topic, partition, source, incarnation, source_lane)
) STRICT, WITHOUT ROWID;

-- inbox: what enters a lane and comes from no broker. Written by clients and by handlers of other lanes,
-- read and deleted by the owner in the order of `number`, for which is inbox_in_order. The unique index
-- makes the same id enter once.
CREATE TABLE inbox (
    number     INTEGER PRIMARY KEY,
    group_name TEXT NOT NULL,
    lane       INTEGER NOT NULL,
    id         TEXT NOT NULL,
    key        TEXT NOT NULL,
    at         INTEGER NOT NULL,
    body       BLOB NOT NULL,
    UNIQUE (group_name, lane, id)
) STRICT;
CREATE INDEX inbox_in_order ON inbox (group_name, lane, number);

-- runs: the runs of sagas that go on, each with its whole journal. Written by the owner of its lane, read
-- by it and by whoever asks for a run. runs_by_age serves lists, newest first; it never changes.
CREATE TABLE runs (
    saga   TEXT NOT NULL,
    key    BLOB NOT NULL,
    status TEXT,
    begun  INTEGER NOT NULL,
    body   BLOB NOT NULL,
    PRIMARY KEY (saga, key)
) STRICT;
CREATE INDEX runs_by_age ON runs (saga, begun);

-- archive: runs that have ended. A run moves here in the flush that ends it. Read as `runs` is. What is
-- old is deleted, saga by saga, in the order of archive_by_age.
CREATE TABLE archive (
    saga   TEXT NOT NULL,
    key    BLOB NOT NULL,
    status TEXT,
    begun  INTEGER NOT NULL,
    ended  INTEGER NOT NULL,
    body   BLOB NOT NULL,
    PRIMARY KEY (saga, key)
) STRICT;
CREATE INDEX archive_by_age ON archive (saga, begun);

-- rows: the rows of services and views, `name` being `service.table`. Written by the owner of the lane of
-- the row, read by it, by key or in a range of keys, and by clients.
CREATE TABLE rows (
    name  TEXT NOT NULL,
    key   BLOB NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (name, key)
) STRICT;

-- barriers: what participants and reactors remember of commands, reactions and waits, and when they wrote
-- it last. Written and read by the owner of the lane, read by whoever waits for a reply. What is old is
-- found by walking along the primary key, which costs the writer no index on `at`; what is open stays.
CREATE TABLE barriers (
    group_name TEXT NOT NULL,
    key        BLOB NOT NULL,
    at         INTEGER NOT NULL,
    is_open    INTEGER NOT NULL, -- a call or a wait goes on
    value      BLOB NOT NULL,
    PRIMARY KEY (group_name, key)
) STRICT;

-- timers: what is due when. Written and read by the owner of the lane, in the order in which they are due.
CREATE TABLE timers (
    group_name TEXT NOT NULL,
    lane       INTEGER NOT NULL,
    due        INTEGER NOT NULL,
    id         TEXT NOT NULL,
    key        TEXT NOT NULL,
    PRIMARY KEY (group_name, lane, due, id)
) STRICT, WITHOUT ROWID;

-- calls: calls to the outside that are under way. Written by the owner of the lane, read when it is taken.
CREATE TABLE calls (
    group_name TEXT NOT NULL,
    lane       INTEGER NOT NULL,
    id         TEXT NOT NULL,
    key        TEXT NOT NULL,
    holds      INTEGER NOT NULL,
    body       BLOB NOT NULL,
    PRIMARY KEY (group_name, lane, id)
) STRICT;

-- parked: messages that are set aside. Written by the owner of the lane, read when it is taken.
CREATE TABLE parked (
    group_name TEXT NOT NULL,
    lane       INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    key        TEXT NOT NULL,
    held       TEXT NOT NULL,
    attempts   INTEGER NOT NULL,
    since      INTEGER NOT NULL,
    due        INTEGER,
    reason     TEXT NOT NULL,
    edge       TEXT, -- [edge, seq]
    body       BLOB NOT NULL,
    PRIMARY KEY (group_name, lane, number)
) STRICT;

-- dead_letters: messages that were given up. Written by the owner of the lane, read by operators, newest
-- first, for which is dead_letters_by_age, and by the owner when one is replayed.
CREATE TABLE dead_letters (
    id         BLOB PRIMARY KEY,
    group_name TEXT NOT NULL,
    lane       INTEGER NOT NULL,
    key        TEXT NOT NULL,
    reason     TEXT NOT NULL,
    at         INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    body       BLOB NOT NULL
) STRICT;
CREATE INDEX dead_letters_by_age ON dead_letters (at);

-- seen: ids of foreign messages that a group has taken, and when. Written and read by the owners of its
-- lanes. What is old is found as it is in `barriers`.
CREATE TABLE seen (
    group_name TEXT NOT NULL,
    id         BLOB NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (group_name, id)
) STRICT, WITHOUT ROWID;

-- topics: the topics of the log. Written when an app starts, read when the file is opened.
CREATE TABLE topics (
    number     INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    partitions INTEGER NOT NULL,
    compacted  INTEGER NOT NULL
) STRICT;

-- log: the messages, and when they were written. Appended by the batch that sends them, read by the lanes
-- that take them: a range of the primary key, which is made of the number of the topic, the partition and
-- the offset. The newest message of a partition is never removed, for its offset tells the next one. Only
-- messages of compacted topics have a `key`: log_by_key tells which of them have a successor.
CREATE TABLE log (
    place   INTEGER PRIMARY KEY, -- topic << 52 | partition << 40 | offset
    at      INTEGER NOT NULL,
    key     TEXT,
    message BLOB NOT NULL
) STRICT;
CREATE INDEX log_by_key ON log (place >> 40, key) WHERE key IS NOT NULL;
