//! What clients want: those who want the same at the same time are served by one statement.

use crate::error::Error;
use crate::postgres::enter::{Entering, enter_all};
use crate::postgres::pool::Pool;
use crate::postgres::read;
use crate::postgres::trouble::gone;
use crate::store::line::{Line, each, shared};
use crate::store::{Entered, Slot};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// So many connections put in what enters. Whoever comes while its commit is under way goes in with the next; with
/// a second connection, entries that come one by one go in by nearly a statement and a commit each.
const ENTERING: usize = 1;

/// So many look, which waits for no commit.
const LOOKING: usize = 2;

type Slots = BTreeMap<Slot, Bytes>;

/// The connections of clients, and where they stand in line.
pub(super) struct Clients {
    pub(super) pool: Arc<Pool>,
    entering: Arc<Line<Entering, Entered>>,
    looking: Arc<Line<BTreeSet<Slot>, Slots>>,
}

impl Clients {
    pub(super) fn new(pool: Arc<Pool>) -> Arc<Self> {
        Arc::new(Self { pool, entering: Line::new(ENTERING), looking: Line::new(LOOKING) })
    }

    /// Puts an entry into an inbox, together with whoever else does.
    pub(super) async fn enter(&self, entering: Entering) -> Result<Entered, Error> {
        let pool = Arc::clone(&self.pool);
        let serve = move |all| enter_for_all(Arc::clone(&pool), all);
        self.entering.ask(entering, serve).await
    }

    /// Looks for slots, together with whoever else does.
    pub(super) async fn look(&self, slots: BTreeSet<Slot>) -> Result<Slots, Error> {
        let pool = Arc::clone(&self.pool);
        let serve = move |wanted| look_for_all(Arc::clone(&pool), wanted);
        self.looking.ask(slots, serve).await
    }
}

async fn enter_for_all(pool: Arc<Pool>, all: Vec<Entering>) -> Vec<Result<Entered, Error>> {
    match enter(&pool, all.clone()).await {
        Ok(entered) => entered.into_iter().map(Ok).collect(),
        Err(told) if all.len() == 1 || gone(&told) => each(&told, all.len()),
        // One of them may be at fault, and the others are not.
        Err(_) => {
            let mut told = Vec::with_capacity(all.len());
            for one in all {
                told.push(enter(&pool, vec![one]).await.map(|mut one| one.remove(0)));
            }
            told
        }
    }
}

async fn enter(pool: &Arc<Pool>, all: Vec<Entering>) -> Result<Vec<Entered>, Error> {
    pool.run(move |db| Box::pin(async move { enter_all(db, &all).await })).await
}

async fn look_for_all(pool: Arc<Pool>, wanted: Vec<BTreeSet<Slot>>) -> Vec<Result<Slots, Error>> {
    let all: BTreeSet<Slot> = wanted.iter().flatten().cloned().collect();
    let none = BTreeSet::new();
    match pool.run(move |db| Box::pin(async move { read::find(db, &all, &none).await })).await {
        Ok(found) => wanted.into_iter().map(|one| Ok(shared(one, &found.slots))).collect(),
        Err(told) => each(&told, wanted.len()),
    }
}
