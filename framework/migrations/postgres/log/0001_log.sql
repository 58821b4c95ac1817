-- The log of services whose stores are in the same database, beside no other broker. It is in a schema of
-- its own, or in that of one of them. Times are microseconds since the Unix epoch.

-- meta: one row a fact about the schema, as the version of the log. Written by migrations, read when a
-- process connects.
CREATE TABLE IF NOT EXISTS meta (
    name  text COLLATE "C" PRIMARY KEY,
    value bigint NOT NULL
);

-- topics: the topics of the log. Written when an app starts, read by every process that speaks or reads.
CREATE TABLE topics (
    number     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text COLLATE "C" NOT NULL UNIQUE,
    partitions integer NOT NULL,
    compacted  boolean NOT NULL
);

-- ends: the offset of the next message of each partition. Whoever appends adds to it and holds it until the
-- commit, so that offsets are committed in their order; processes look at it to see what others have
-- appended. A few pages that every batch writes, as those of `lanes` are.
CREATE TABLE ends (
    topic     integer NOT NULL,
    partition integer NOT NULL,
    next      bigint NOT NULL,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- log: the messages, and when they were written: what one batch says in one partition is a row, from the
-- offset `first` to `last`. Appended by the batch that sends them, read by the lanes that take them: a
-- range of the primary key. The newest row of a partition is never removed. Only messages of compacted topics
-- have a `key`, and are a row each: log_by_key tells which of them have a successor.
CREATE TABLE log (
    topic     integer NOT NULL,
    partition integer NOT NULL,
    first     bigint NOT NULL,
    last      bigint NOT NULL,
    at        bigint NOT NULL,
    key       bytea,
    messages  bytea NOT NULL,
    PRIMARY KEY (topic, partition, last)
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX log_by_key ON log (topic, partition, key, last) WHERE key IS NOT NULL;
ALTER TABLE log ALTER COLUMN messages SET STORAGE EXTERNAL;

-- members: who reads the lanes of a group, since when, and when it last said so. Written and read by every
-- process that reads.
CREATE TABLE members (
    id         uuid PRIMARY KEY,
    group_name text COLLATE "C" NOT NULL,
    joined     bigint NOT NULL,
    seen       bigint NOT NULL
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- readers: where each lane of a group reads a topic next, so that nothing is deleted that it has not read.
-- Written when the group begins and whenever its service deletes what is old: never ahead of the lane.
CREATE TABLE readers (
    topic      text COLLATE "C" NOT NULL,
    lane       integer NOT NULL,
    group_name text COLLATE "C" NOT NULL,
    next       bigint NOT NULL,
    PRIMARY KEY (topic, lane, group_name)
) WITH (fillfactor = 50);
