//! What clients want: those who want the same at the same time are served by one statement.

use crate::error::Error;
use crate::postgres::enter::{Entering, enter_all};
use crate::postgres::pool::Pool;
use crate::postgres::read;
use crate::postgres::trouble::gone;
use crate::store::line::{Line, each, shared};
use crate::store::{Entered, Slot};
use bytes::Bytes;
use futures::FutureExt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// So many connections put in what enters. Whoever comes while its commit is under way goes in with the next; with
/// a second one, entries that come one by one went in by nearly a statement and a commit each.
const ENTERING: usize = 1;

/// And so many more as long as what is put in waits for what an open transaction has locked.
const HELD_UP: usize = 1;

/// So many look, which waits for nothing.
const LOOKING: usize = 2;

type Slots = BTreeMap<Slot, Bytes>;

/// The connections of clients, and where they stand in line.
#[derive(Clone)]
pub(super) struct Clients {
    pub(super) pool: Arc<Pool>,
    entering: Arc<Line<Entering, Entered>>,
    looking: Arc<Line<BTreeSet<Slot>, Slots>>,
}

impl Clients {
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        let (enters, looks) = (Arc::clone(&pool), Arc::clone(&pool));
        let enter = move |all| enter_for_all(Arc::clone(&enters), all).boxed();
        let look = move |wanted| look_for_all(Arc::clone(&looks), wanted).boxed();
        let (entering, looking) =
            (Line::new(ENTERING, HELD_UP, enter), Line::new(LOOKING, 0, look));
        Self { pool, entering, looking }
    }

    /// Puts an entry into an inbox, together with whoever else does.
    pub(super) async fn enter(&self, entering: Entering) -> Result<Entered, Error> {
        self.entering.ask(entering).await
    }

    /// Looks for slots, together with whoever else does.
    pub(super) async fn look(&self, slots: BTreeSet<Slot>) -> Result<Slots, Error> {
        self.looking.ask(slots).await
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
