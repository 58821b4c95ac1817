-- Everything of ballet 0.1: one schema is the store of one service, and the outbox of its lanes.
-- `group_name` and `lane` together name a lane; `key` decides the order of delivery. Times are
-- microseconds since the Unix epoch.
--
-- What changes with every step is in no index, and `fillfactor` leaves room beside it, so that the new
-- version of a row stays on its page and no index is written (HOT). Names that the program gives are text,
-- compared as bytes; what users choose is bytes, for a text cannot hold a zero.
--
-- The planner chooses an index by what it knew of the table when it last looked. Of one that had next to nothing
-- left then, all indexes cost the same but for their height, and one that shares a column with the primary key may
-- be taken for it, and walked through for every row. So an index that serves another order is made of expressions,
-- which only the statements name that want it. Where that cannot be, the primary key is made last: of two that cost
-- the same the planner takes the newer.

-- meta: one row a fact about the schema: its version and its incarnation. Written by migrations, read when
-- a process connects. A schema that holds a log too has one for both.
CREATE TABLE IF NOT EXISTS meta (
    name  text COLLATE "C" PRIMARY KEY,
    value bigint NOT NULL
);

-- lanes: who owns a lane and where it stands. Written by the owner with every batch, by compare-and-set
-- on (epoch, batch); read when the lane is taken. The primary key serves both. All of them are a few pages
-- that every batch writes, so most of each page is left free.
CREATE TABLE lanes (
    group_name text COLLATE "C" NOT NULL,
    lane       integer NOT NULL,
    epoch      bigint NOT NULL,
    takes      bigint NOT NULL, -- since the last batch
    batch      bigint NOT NULL,
    time       bigint NOT NULL,
    positions  jsonb NOT NULL, -- {topic: {next, from}}
    published  bigint NOT NULL,
    PRIMARY KEY (group_name, lane)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- edges: the last number sent on each edge that leaves a lane (way 'sent', to topic and partition), and
-- taken on each that enters it (way 'taken', from source, incarnation and source_lane by topic). Written
-- by the owner with every batch, read when the lane is taken: a prefix of the primary key.
CREATE TABLE edges (
    group_name  text COLLATE "C" NOT NULL,
    lane        integer NOT NULL,
    way         text COLLATE "C" NOT NULL,
    topic       text COLLATE "C" NOT NULL,
    partition   integer NOT NULL,
    source      text COLLATE "C" NOT NULL,
    incarnation bigint NOT NULL,
    source_lane integer NOT NULL,
    seq         bigint NOT NULL,
    PRIMARY KEY (group_name, lane, way, topic, partition, source, incarnation, source_lane)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- inbox: what enters a lane and comes from no broker. Written by clients and by handlers of other lanes,
-- read and deleted by the owner in the order of `number`, which is that of the primary key. The unique
-- index makes the same id enter once; it begins with the id, so that whoever looks for one is not led along all
-- that waits in the lane.
CREATE TABLE inbox (
    number     bigint GENERATED ALWAYS AS IDENTITY,
    group_name text COLLATE "C" NOT NULL,
    lane       integer NOT NULL,
    id         bytea NOT NULL,
    key        bytea NOT NULL,
    at         bigint NOT NULL,
    body       bytea NOT NULL,
    UNIQUE (id, group_name, lane)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE inbox ADD PRIMARY KEY (group_name, lane, number);

-- lane_key: under which number something about a lane is locked. Two are: 0, that a caller's own transaction may have
-- put something into its inbox, which holds it to its end; and 1, that a batch is being committed whose entries were
-- never in the inbox. `inbox` stands for the schema, whatever else is in the path.
CREATE FUNCTION lane_key(whose text, which integer, what integer) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT hashtextextended(to_regclass('inbox')::oid || '/' || whose || '/' || which, what)
$$;

-- none_entered: fails if one of these ids waits in the inbox of a lane, or may: then a caller's own transaction that
-- has put something there is open, for which nobody waits. Called by the statement that writes a batch. Its
-- statements see what was committed before they began, and not before the batch did, and whoever puts such an id
-- there afterwards waits at `lane_key` 1 before he looks whether the batch has written what it stands for. So of two
-- that begin the same in both ways, one sees the other.
CREATE FUNCTION none_entered(whose text, which integer, ids bytea[]) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(lane_key(whose, which, 0)) THEN
        RAISE EXCEPTION 'something enters the inbox of lane %/% by a transaction that is open', whose, which;
    END IF;
    PERFORM pg_advisory_xact_lock(lane_key(whose, which, 1));
    PERFORM 1 FROM inbox t
    WHERE t.id = ANY (ids) AND (t.group_name || '') = whose AND (t.lane + 0) = which;
    IF FOUND THEN
        RAISE EXCEPTION 'an entry waits in the inbox of lane %/% that was handed over too', whose, which;
    END IF;
    RETURN 1;
END
$$;

-- runs: the runs of sagas that go on, each with its whole journal. Written by the owner of its lane, read
-- by it and by whoever asks for a run. runs_by_age serves lists, newest first; it never changes.
CREATE TABLE runs (
    saga   text COLLATE "C" NOT NULL,
    key    bytea NOT NULL,
    status text COLLATE "C",
    begun  bigint NOT NULL,
    body   bytea NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX runs_by_age ON runs ((saga || ''), begun, (key || ''::bytea));
ALTER TABLE runs ADD PRIMARY KEY (saga, key);

-- archive: runs that have ended. A run moves here in the flush that ends it. Read as `runs` is. What is
-- old is deleted, saga by saga, in the order of archive_by_age.
CREATE TABLE archive (
    saga   text COLLATE "C" NOT NULL,
    key    bytea NOT NULL,
    status text COLLATE "C",
    begun  bigint NOT NULL,
    ended  bigint NOT NULL,
    body   bytea NOT NULL
);
CREATE INDEX archive_by_age ON archive ((saga || ''), begun, (key || ''::bytea));
ALTER TABLE archive ADD PRIMARY KEY (saga, key);

-- rows: the rows of services and views, `name` being `service.table`. Written by the owner of the lane of
-- the row, read by it, by key or in a range of keys, and by clients.
CREATE TABLE rows (
    name  text COLLATE "C" NOT NULL,
    key   bytea NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (name, key)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- barriers: what participants and reactors remember of commands, reactions and waits, and when they wrote
-- it last. Written and read by the owner of the lane, read by whoever waits for a reply. What is old is
-- found by walking along the primary key, which costs the writer no index on `at`; what is open stays.
CREATE TABLE barriers (
    group_name text COLLATE "C" NOT NULL,
    key        bytea NOT NULL,
    at         bigint NOT NULL,
    is_open    boolean NOT NULL, -- a call or a wait goes on
    value      bytea NOT NULL,
    PRIMARY KEY (group_name, key)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- timers: what is due when. Written and read by the owner of the lane, in the order in which they are due. Most are set
-- for about as long, so what is new goes to the end of its lane in the index, and what is gone was at its beginning.
CREATE TABLE timers (
    group_name text COLLATE "C" NOT NULL,
    lane       integer NOT NULL,
    due        bigint NOT NULL,
    id         bytea NOT NULL,
    key        bytea NOT NULL,
    PRIMARY KEY (group_name, lane, due, id)
) WITH (autovacuum_vacuum_scale_factor = 0.05);

-- calls: calls to the outside that are under way. Written by the owner of the lane, read when it is taken.
CREATE TABLE calls (
    group_name text COLLATE "C" NOT NULL,
    lane       integer NOT NULL,
    id         bytea NOT NULL,
    key        bytea NOT NULL,
    holds      boolean NOT NULL,
    body       bytea NOT NULL,
    PRIMARY KEY (group_name, lane, id)
);

-- parked: messages that are set aside. Written by the owner of the lane, read when it is taken.
CREATE TABLE parked (
    group_name text COLLATE "C" NOT NULL,
    lane       integer NOT NULL,
    number     bigint NOT NULL,
    key        bytea NOT NULL,
    held       text COLLATE "C" NOT NULL,
    attempts   bigint NOT NULL,
    since      bigint NOT NULL,
    due        bigint,
    reason     bytea NOT NULL,
    edge       text, -- [edge, seq]
    body       bytea NOT NULL,
    PRIMARY KEY (group_name, lane, number)
);

-- dead_letters: messages that were given up. Written by the owner of the lane, read by operators, newest
-- first, for which is dead_letters_by_age, and by the owner when one is replayed.
CREATE TABLE dead_letters (
    id         uuid PRIMARY KEY,
    group_name text COLLATE "C" NOT NULL,
    lane       integer NOT NULL,
    key        bytea NOT NULL,
    reason     bytea NOT NULL,
    at         bigint NOT NULL,
    attempts   bigint NOT NULL,
    body       bytea NOT NULL
);
CREATE INDEX dead_letters_by_age ON dead_letters (at);

-- seen: ids of foreign messages that a group has taken, and when. Written and read by the owners of its
-- lanes. What is old is found as it is in `barriers`.
CREATE TABLE seen (
    group_name text COLLATE "C" NOT NULL,
    id         bytea NOT NULL,
    at         bigint NOT NULL,
    PRIMARY KEY (group_name, id)
);

-- outbox: what batches have to publish: one blob a batch, cut into pieces. Written with the batch, read
-- when a lane is taken, deleted a while after it has reached the broker: ranges of the primary key. The
-- pieces are not compressed, for they are read once or never.
CREATE TABLE outbox (
    group_name text COLLATE "C" NOT NULL,
    lane       integer NOT NULL,
    batch      bigint NOT NULL,
    piece      integer NOT NULL,
    at         bigint NOT NULL,
    messages   bytea NOT NULL,
    PRIMARY KEY (group_name, lane, batch, piece)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE outbox ALTER COLUMN messages SET STORAGE EXTERNAL;
