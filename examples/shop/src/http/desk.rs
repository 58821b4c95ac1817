//! The services behind the surface: those of the shop that this process serves.

use crate::cast::Player;
use crate::contracts::{ORDERS, OrderId, PlaceOrder};
use crate::fakes::World;
use crate::http::answer::No;
use crate::http::flow::{Entrance, Flow};
use crate::http::ground::Ground;
use crate::http::metrics::Counts;
use crate::http::resume::{resume, taken_up};
use crate::http::seed::seed;
use crate::http::{Example, Runs};
use crate::orders::{self, Row};
use axum::http::StatusCode;
use ballet::clock::Stopwatch;
use ballet::store::LaneId;
use ballet::{
    Command, Error, ErrorKind, Health, Key, Position, Reactions, Reactor, Refusal, Running,
    Settings,
};
use futures::future::{join_all, try_join_all};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How long to look away between two looks at all that is under way.
const BETWEEN_SWEEPS: Duration = Duration::from_millis(100);

/// The name of Orders, to look into its table; whatever its reactor is in this example.
struct Books;

impl Reactor for Books {
    const NAME: &'static str = ORDERS;

    fn reactions() -> Reactions<Self> {
        Reactions::new()
    }
}

/// What is let in, and how patient the services are.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How many orders may be under way before no more are let in.
    pub in_flight: usize,
    /// The bounds of the engine.
    pub engine: Settings,
    /// Whether customers and stock are there at first.
    pub seed: bool,
}

/// The services behind the surface.
pub struct Desk {
    cast: Vec<Player>,
    ground: Ground,
    engine: Settings,
    playing: Mutex<BTreeMap<&'static str, Arc<Running>>>,
    /// One at a time is sent away or called back.
    turning: tokio::sync::Mutex<()>,
    swept: tokio::sync::Mutex<Option<Stopwatch>>,
    closing: watch::Sender<bool>,
    /// Whether everything that earlier lives have accepted was taken up.
    pub(super) resumed: watch::Sender<bool>,
    pub(super) runs: Option<Runs>,
    pub(super) world: World,
    pub(super) flow: Flow,
    pub(super) counts: Counts,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.playing().keys()).finish()
    }
}

impl Desk {
    /// Starts everybody on this ground, and sees to it that there is something to buy.
    ///
    /// # Errors
    ///
    /// That a service is to be served that nobody knows; what store and broker say.
    ///
    /// # If the process dies
    ///
    /// The next one goes on where this one was.
    pub async fn open(
        example: &Example,
        ground: impl Into<Ground>,
        world: World,
        limits: Limits,
    ) -> Result<Arc<Self>, Error> {
        let ground = ground.into();
        ground.check(example)?;
        let all = example.cast.iter().chain(example.beside);
        let desk = Arc::new(Self {
            cast: all.filter(|player| ground.has(player)).copied().collect(),
            ground,
            engine: limits.engine,
            playing: Mutex::default(),
            turning: tokio::sync::Mutex::default(),
            swept: tokio::sync::Mutex::default(),
            closing: watch::Sender::new(false),
            resumed: watch::Sender::new(false),
            runs: example.runs,
            world,
            flow: Flow::new(limits.in_flight),
            counts: Counts::default(),
        });
        let starting = desk.cast.iter().map(|player| desk.start(player));
        try_join_all(starting).await?;
        if limits.seed {
            seed(&desk).await?;
        }
        match desk.has(ORDERS) {
            true => {
                desk.count_open().await?;
                tokio::spawn(resume(Arc::clone(&desk)));
            }
            false => drop(desk.resumed.send_replace(true)),
        }
        Ok(desk)
    }

    async fn start(&self, player: &Player) -> Result<(), Error> {
        let app = self.ground.app(player.name).await?.settings(self.engine.clone());
        let running = (player.start)(app, &self.world).await?;
        self.playing().insert(player.name, Arc::new(running));
        Ok(())
    }

    fn playing(&self) -> MutexGuard<'_, BTreeMap<&'static str, Arc<Running>>> {
        self.playing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The app that serves this. On one file any other will do if it was sent away: all see the same,
    /// and who serves it hears of an entry at once.
    pub(super) fn app(&self, name: &str) -> Result<Arc<Running>, Error> {
        let playing = self.playing();
        let any = || playing.values().next().filter(|_| !self.ground.is_shared());
        let found = playing.get(name).or_else(any).cloned();
        let away = || Error::new(ErrorKind::Store, format!("`{name}` is not at work here"));
        found.ok_or_else(away)
    }

    /// The apps that together see everything that this process may see.
    pub(super) fn apps(&self) -> Vec<Arc<Running>> {
        let stores = if self.ground.is_shared() { usize::MAX } else { 1 };
        self.playing().values().take(stores).cloned().collect()
    }

    /// Whether this process is one of those that serve this.
    pub(super) fn has(&self, name: &str) -> bool {
        self.cast.iter().any(|player| player.name == name)
    }

    /// Refuses what only a process that serves this can answer.
    pub(super) fn serves(&self, name: &str) -> Result<(), No> {
        if self.has(name) {
            return Ok(());
        }
        let reason = format!(
            "this process does not serve `{name}`: ask one that was started with `--service {name}`"
        );
        Err(No::new(StatusCode::NOT_FOUND, "not_served", "service", reason))
    }

    pub(super) const fn is_shared(&self) -> bool {
        self.ground.is_shared()
    }

    pub(super) const fn lanes(&self) -> u32 {
        self.ground.lanes()
    }

    /// Sends a service away, or calls it back; what it is asked meanwhile waits for it.
    ///
    /// # Errors
    ///
    /// A no if there is no such service, or it is the one that answers here.
    pub(super) async fn turn(&self, name: &str, up: bool) -> Result<(), No> {
        let player = self.cast.iter().find(|player| player.name == name);
        let Some(player) = player else { return self.serves(name) };
        if player.name == ORDERS {
            let reason = "answers these requests and cannot be sent away: end the program";
            return Err(No::bad("not_a_dial", "service", reason));
        }
        let _turning = self.turning.lock().await;
        let is_up = self.playing().contains_key(name);
        if up && !is_up {
            self.start(player).await?;
        }
        if !up && is_up {
            let gone = self.playing().remove(name);
            stop(gone).await;
        }
        Ok(())
    }

    /// Every service, and whether it is at work.
    pub(super) fn services(&self) -> BTreeMap<&'static str, bool> {
        let playing = self.playing();
        self.cast.iter().map(|player| (player.name, playing.contains_key(player.name))).collect()
    }

    pub(super) fn health(&self) -> BTreeMap<LaneId, Health> {
        self.playing().values().flat_map(|app| app.health()).collect()
    }

    /// Why nothing may come in, whatever the lanes say.
    pub(super) fn trouble(&self) -> Option<String> {
        self.playing().values().find_map(|app| app.trouble())
    }

    /// Whether it may be given work: everybody is well, and what was left was taken up.
    pub(super) fn is_ready(&self) -> bool {
        let playing = self.playing();
        *self.resumed.borrow()
            && !*self.closing.borrow()
            && playing.len() == self.cast.len()
            && playing.values().all(|app| app.is_ready())
    }

    /// Asks a service something under a key, and waits so long for its answer.
    ///
    /// # Errors
    ///
    /// That the key was used for something else; what the store says.
    ///
    /// # If the process dies
    ///
    /// After this has returned, it is answered by the next one.
    pub async fn ask<C: Command>(
        &self,
        key: &str,
        about: &str,
        command: &C,
        within: Duration,
    ) -> Result<Option<Result<C::Reply, Refusal>>, Error> {
        self.ask_in(None, key, about, command, within).await
    }

    /// The same in a trace.
    pub(super) async fn ask_in<C: Command>(
        &self,
        traceparent: Option<&str>,
        key: &str,
        about: &str,
        command: &C,
        within: Duration,
    ) -> Result<Option<Result<C::Reply, Refusal>>, Error> {
        let app = self.app(C::TO)?;
        let asked = app.traced(traceparent).request(key, &Key::new(about), command).await?;
        tokio::select! {
            biased;
            reply = asked.reply(within) => reply,
            () = self.closed() => Ok(None),
        }
    }

    /// Accepts an order, and says where it stands until it is taken up.
    pub(super) async fn accept(
        &self,
        traceparent: &str,
        ask: &PlaceOrder,
    ) -> Result<Position, Error> {
        let app = self.app(ORDERS)?;
        let (key, about) = (format!("order/{}", ask.order_id), Key::new(&*ask.order_id));
        let asked = app.traced(traceparent).request(&key, &about, ask).await?;
        Ok(asked.position())
    }

    /// Waits until what was accepted at a position has been taken up, so long.
    async fn reached(&self, position: &Position, within: Duration) -> Result<bool, Error> {
        let app = self.app(ORDERS)?;
        tokio::select! {
            biased;
            reached = app.reached(position, within) => reached,
            () = self.closed() => Ok(false),
        }
    }

    /// Waits until an order is as `until` wants it, so long.
    pub(super) async fn watch(
        &self,
        order_id: &OrderId,
        within: Duration,
        until: impl Fn(&Row) -> bool + Send + Sync,
    ) -> Result<Option<Row>, Error> {
        let app = self.app(ORDERS)?;
        tokio::select! {
            biased;
            row = app.watch::<Books, _, _>(orders::ORDERS, order_id, within, until) => row,
            () = self.closed() => Ok(None),
        }
    }

    pub(super) async fn row(&self, order_id: &OrderId) -> Result<Option<Row>, Error> {
        self.app(ORDERS)?.row::<Books, _, _>(orders::ORDERS, order_id).await
    }

    async fn rows(&self) -> Result<Vec<Row>, Error> {
        let rows = self.app(ORDERS)?.rows::<Books, _, _>(orders::ORDERS).await?;
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    /// Counts the orders that are under way, as the table has them: what earlier lives have let in takes
    /// room, too.
    pub(super) async fn count_open(&self) -> Result<(), Error> {
        let open = self.rows().await?.into_iter().filter(|row| !row.order.status.is_end());
        open.for_each(|row| self.flow.resume(row.order.order_id));
        Ok(())
    }

    /// An order, waited for so long if it was accepted and nobody has taken it up yet.
    ///
    /// Whoever has the position of the request waits for that, and is then told how it is. Without one,
    /// an order that this process has not accepted may have been accepted by an earlier one, and
    /// still be in the inbox of Orders. So nobody is told that there is none before everything that
    /// was in that inbox at the start has been taken up.
    pub(super) async fn order(
        &self,
        order_id: &OrderId,
        position: Option<&Position>,
        within: Duration,
    ) -> Result<Row, No> {
        if let Some(position) = position {
            return self.order_since(order_id, position, within).await;
        }
        if let Some(row) = self.row(order_id).await? {
            return Ok(row);
        }
        let waited = Stopwatch::start();
        if !self.flow.has(order_id) {
            if !self.resumed(within).await {
                let reason = "what was accepted before the last start is still being taken up";
                return Err(No::timeout("not_known_yet", reason));
            }
            if let Some(row) = self.row(order_id).await? {
                return Ok(row);
            }
            if !self.flow.has(order_id) {
                return self.order_of_others(order_id, within).await;
            }
        }
        let left = within.saturating_sub(waited.elapsed());
        let row = self.watch(order_id, left, |_| true).await?;
        row.ok_or_else(not_taken_up)
    }

    /// An order that no life of this process has accepted: another process may have.
    async fn order_of_others(&self, order_id: &OrderId, within: Duration) -> Result<Row, No> {
        let no = || No::unknown(format!("order `{order_id}`"));
        if !self.ground.is_shared() {
            return Err(no());
        }
        let lane = Key::new(&**order_id).partition(self.lanes());
        if !taken_up(self, lane, within).await? {
            return Err(not_taken_up());
        }
        self.row(order_id).await?.ok_or_else(no)
    }

    async fn order_since(
        &self,
        order_id: &OrderId,
        position: &Position,
        within: Duration,
    ) -> Result<Row, No> {
        if !self.reached(position, within).await? {
            return Err(not_taken_up());
        }
        self.row(order_id).await?.ok_or_else(|| No::unknown(format!("order `{order_id}`")))
    }

    async fn resumed(&self, within: Duration) -> bool {
        let mut resumed = self.resumed.subscribe();
        let waited = tokio::time::timeout(within, resumed.wait_for(|resumed| *resumed));
        tokio::select! {
            biased;
            resumed = waited => matches!(resumed, Ok(Ok(_))),
            () = self.closed() => false,
        }
    }

    /// Lets an order in, or says that there is no room: never to one that is in already.
    pub(super) async fn admit(&self, order_id: &OrderId) -> Result<Entrance, No> {
        let entrance = self.flow.admit(order_id);
        if entrance != Entrance::Full {
            return Ok(entrance);
        }
        self.sweep().await?;
        match self.flow.admit(order_id) {
            Entrance::Full if self.row(order_id).await?.is_some() => Ok(Entrance::Inside),
            Entrance::Full => {
                let reason = format!("{} orders are under way: ask again", self.flow.bound());
                Err(No::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "", reason))
            }
            entrance => Ok(entrance),
        }
    }

    /// Forgets the orders that have come to an end; not more often than is good for the file.
    pub(super) async fn sweep(&self) -> Result<(), Error> {
        let mut swept = self.swept.lock().await;
        if swept.is_some_and(|swept| swept.elapsed() < BETWEEN_SWEEPS) {
            return Ok(());
        }
        for order_id in self.flow.inside() {
            let row = self.row(&order_id).await?;
            if row.is_some_and(|row| row.order.status.is_end()) {
                self.flow.leave(&order_id);
            }
        }
        *swept = Some(Stopwatch::start());
        Ok(())
    }

    /// Ends all waiting: from now on everybody is told how things stand.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    pub(super) async fn closed(&self) {
        // The sender is here, so it cannot be gone.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }

    /// Lets everybody finish what is under way, and lets go of the file.
    ///
    /// # If the process dies
    ///
    /// Instead of this, nothing is lost.
    pub async fn stop(&self) {
        self.close();
        let _turning = self.turning.lock().await;
        let playing = std::mem::take(&mut *self.playing());
        join_all(playing.into_values().map(|app| stop(Some(app)))).await;
        self.ground.close().await;
    }
}

fn not_taken_up() -> No {
    No::timeout("not_taken_up_yet", "it was accepted: ask again")
}

/// Stops an app politely if nobody else holds it, and otherwise as a crash would.
async fn stop(app: Option<Arc<Running>>) {
    if let Some(app) = app.and_then(Arc::into_inner) {
        app.stop().await;
    }
}
