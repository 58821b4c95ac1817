//! The connection that writes, and what it can do.

use crate::broker::TopicSpec;
use crate::clock::{Clock, Time};
use crate::error::{Error, ErrorKind};
use crate::sqlite::prune::Hands;
use crate::sqlite::tail::Log;
use crate::sqlite::take;
use crate::sqlite::trouble::store;
use crate::sqlite::writes::{Draft, Texts};
use crate::store::{Advance, LaneId, Taken};
use sqlx::{Executor, SqliteConnection};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a job needs to write.
pub(super) struct Pen {
    pub(super) db: SqliteConnection,
    pub(super) log: Arc<Log>,
    pub(super) clock: Arc<dyn Clock>,
    /// Where deleting what is old goes on.
    pub(super) hands: Hands,
    texts: Texts,
    /// How lanes stand, as far as it is known. Nobody else writes that; the compare-and-set in the file
    /// decides all the same.
    standing: BTreeMap<LaneId, Standing>,
}

/// The transaction is gone, with everything in it.
pub(super) struct Lost;

/// What a batch that failed has written before.
enum Wrote {
    Nothing(Error),
    Some(sqlx::Error),
}

/// How a lane stands: its epoch, its last batch and its time.
pub(super) type Standing = (u64, u64, Time);

impl Pen {
    pub(super) fn new(db: SqliteConnection, log: Arc<Log>, clock: Arc<dyn Clock>) -> Self {
        Self {
            db,
            log,
            clock,
            hands: Hands::default(),
            texts: Texts::default(),
            standing: BTreeMap::new(),
        }
    }

    /// Makes sure of a topic.
    pub(super) async fn ensure(&mut self, topic: TopicSpec) -> Result<(), Error> {
        if self.log.has(&topic)? {
            return Ok(());
        }
        let made =
            sqlx::query("INSERT INTO topics (name, partitions, compacted) VALUES ($1, $2, $3)");
        let made = made.bind(&topic.name).bind(topic.partitions).bind(topic.compacted);
        let made = made.execute(&mut self.db).await.map_err(store)?;
        self.log.add(&topic, made.last_insert_rowid());
        Ok(())
    }

    /// Appends messages that come from no batch.
    pub(super) async fn produce(&mut self, mut draft: Draft) -> Result<(), Error> {
        let outgoing = draft.outgoing();
        draft.append(&self.log.place(&outgoing)?);
        let (text, args) = self.texts.alone(draft, self.clock.now());
        sqlx::query_with(text, args.0).execute(&mut self.db).await.map_err(store)?;
        self.log.append(outgoing);
        Ok(())
    }

    /// Makes the caller the owner of a lane.
    pub(super) async fn take(&mut self, lane: &LaneId) -> Result<Taken, Error> {
        self.standing.remove(lane);
        take::take(&mut self.db, lane, self.clock.now()).await
    }

    /// How a lane stands.
    pub(super) async fn look(&mut self, lane: &LaneId) -> Result<Standing, Error> {
        if let Some(standing) = self.standing.get(lane) {
            return Ok(*standing);
        }
        let standing = take::look(&mut self.db, lane).await?;
        self.standing.insert(lane.clone(), standing);
        Ok(standing)
    }

    /// Whether somebody of this process has worked in a lane, as far as it is known.
    pub(super) fn knows(&self, lane: &LaneId) -> bool {
        self.standing.contains_key(lane)
    }

    /// What is known of lanes may be wrong: they may have been fenced, or taken back.
    pub(super) fn forget(&mut self) {
        self.standing.clear();
    }

    /// Writes a batch in a savepoint of its own, and says how many idle readers it has woken. One that
    /// fails, for the lane is another's or for what the store says, has left nothing; unless it cannot
    /// even be taken back, and then everything in the transaction is lost.
    pub(super) async fn batch(
        &mut self,
        draft: Draft,
        advance: &Advance,
        now: Time,
    ) -> Result<Result<usize, Error>, Lost> {
        let Advance { lane, epoch, batch, .. } = advance;
        self.standing.remove(lane);
        let told = match self.write(draft, advance, now).await {
            Ok(woken) => {
                self.standing.insert(lane.clone(), (*epoch, batch + 1, now));
                return Ok(Ok(woken));
            }
            Err(Wrote::Nothing(told)) => return Ok(Err(told)),
            Err(Wrote::Some(told)) => told,
        };
        self.say("ROLLBACK TO batch; RELEASE batch").await.map_err(|_| Lost)?;
        Ok(Err(match self.look(lane).await {
            Ok((theirs, last, _)) if (theirs, last) != (*epoch, *batch) => superseded(lane, theirs),
            _ => store(told),
        }))
    }

    async fn write(
        &mut self,
        mut draft: Draft,
        advance: &Advance,
        now: Time,
    ) -> Result<usize, Wrote> {
        let outgoing = draft.outgoing();
        draft.append(&self.log.place(&outgoing).map_err(Wrote::Nothing)?);
        let (text, args) = self.texts.batch(draft, advance, now);
        let wrote = sqlx::query_with(text, args.0).execute(&mut self.db).await;
        wrote.map_err(Wrote::Some)?;
        Ok(self.log.append(outgoing))
    }

    pub(super) async fn say(&mut self, text: &'static str) -> Result<(), sqlx::Error> {
        self.db.execute(sqlx::query(text)).await.map(drop)
    }
}

fn superseded(lane: &LaneId, epoch: u64) -> Error {
    let text = format!("lane {lane} belongs to another owner, of epoch {epoch}");
    Error::new(ErrorKind::Superseded, text)
}
