//! A witness: the database itself writes down every batch of every lane and every change of a barrier, in the
//! order in which they were committed.
//!
//! It sees what processes cannot hide, forget or tell differently, because they are dead. It is for shops to
//! which harm is done: each batch writes a few rows more.

use crate::servers::Database;
use ballet::store::{LaneId, Slot, Space, Value, Writes};
use checkers::Commit;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, Row};
use std::collections::{BTreeMap, BTreeSet};

/// Nobody but the database may write there: its functions run as their owner.
const MADE: &str = "
    CREATE SCHEMA witness;
    CREATE TABLE witness.batches (
        number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tx         bigint NOT NULL DEFAULT txid_current(),
        in_schema  text NOT NULL,
        group_name text NOT NULL,
        lane       integer NOT NULL,
        epoch      bigint NOT NULL,
        batch      bigint NOT NULL
    );
    CREATE TABLE witness.barriers (
        number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tx         bigint NOT NULL DEFAULT txid_current(),
        group_name text NOT NULL,
        key        bytea NOT NULL,
        value      bytea NOT NULL
    );
    CREATE FUNCTION witness.saw_batch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        INSERT INTO witness.batches (in_schema, group_name, lane, epoch, batch)
        VALUES (TG_TABLE_SCHEMA, NEW.group_name, NEW.lane, NEW.epoch, NEW.batch);
        RETURN NULL;
    END $$;
    CREATE FUNCTION witness.saw_barrier() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        INSERT INTO witness.barriers (group_name, key, value)
        VALUES (NEW.group_name, NEW.key, NEW.value);
        RETURN NULL;
    END $$;";

/// Watches these schemas, from now on. No batch may have been committed in them.
pub async fn watch(database: &Database, schemas: &[String]) {
    let mut db = PgConnection::connect(&database.superuser_url()).await.unwrap();
    db.execute(sqlx::raw_sql(MADE)).await.unwrap();
    for schema in schemas {
        let triggers = format!(
            "CREATE TRIGGER saw_batch AFTER UPDATE ON {schema}.lanes FOR EACH ROW
             WHEN (OLD.batch <> NEW.batch) EXECUTE FUNCTION witness.saw_batch();
             CREATE TRIGGER saw_barrier AFTER INSERT OR UPDATE ON {schema}.barriers FOR EACH ROW
             EXECUTE FUNCTION witness.saw_barrier()"
        );
        db.execute(sqlx::raw_sql(AssertSqlSafe(triggers))).await.unwrap();
    }
    db.close().await.unwrap();
}

/// The lanes of each schema that have committed something.
pub async fn lanes(database: &Database) -> BTreeMap<String, BTreeSet<LaneId>> {
    let mut db = PgConnection::connect(&database.superuser_url()).await.unwrap();
    let asked = "SELECT DISTINCT in_schema, group_name, lane FROM witness.batches";
    let rows = sqlx::query(asked).fetch_all(&mut db).await.unwrap();
    db.close().await.unwrap();
    let mut lanes: BTreeMap<String, BTreeSet<LaneId>> = BTreeMap::new();
    for row in rows {
        let lane = LaneId::new(row.get::<String, _>(1), row.get::<i32, _>(2).unsigned_abs());
        lanes.entry(row.get(0)).or_default().insert(lane);
    }
    lanes
}

/// Every batch that was committed, those of a lane in their order, with what it has written to barriers.
pub async fn commits(database: &Database) -> Vec<Commit> {
    let mut db = PgConnection::connect(&database.superuser_url()).await.unwrap();
    let mut barriers: BTreeMap<i64, Writes> = BTreeMap::new();
    let asked =
        sqlx::query("SELECT tx, group_name, key, value FROM witness.barriers ORDER BY number");
    for row in asked.fetch_all(&mut db).await.unwrap() {
        let (group, key): (String, Vec<u8>) = (row.get(1), row.get(2));
        let value = Value::plain(row.get::<Vec<u8>, _>(3));
        let slot = Slot::new(Space::Barriers, &group, key);
        barriers.entry(row.get(0)).or_default().slots.insert(slot, Some(value));
    }
    let asked = "SELECT tx, group_name, lane, epoch, batch FROM witness.batches ORDER BY number";
    let rows = sqlx::query(asked).fetch_all(&mut db).await.unwrap();
    db.close().await.unwrap();
    let number = |row: &sqlx::postgres::PgRow, at: usize| row.get::<i64, _>(at).unsigned_abs();
    let commit = |row: &sqlx::postgres::PgRow| Commit {
        lane: LaneId::new(row.get::<String, _>(1), row.get::<i32, _>(2).unsigned_abs()),
        epoch: number(row, 3),
        after: number(row, 4) - 1,
        positions: BTreeMap::new(),
        writes: barriers.remove(&row.get(0)).unwrap_or_default(),
    };
    rows.iter().map(commit).collect()
}
