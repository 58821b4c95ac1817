//! Where scenarios play: what a stage needs of the house that it stands in.
//!
//! One is [in memory](super::memory), with virtual time and faults at any point. Another one, of
//! processes over real servers, is in the tests. A scenario cannot tell in which one it plays: it waits for
//! what it expects, and lets time pass in seconds of the text, which are shorter where time is real.

use crate::audit::{Books, Expected};
use crate::cast::{Cast, Player};
use crate::contracts::{CancelNoted, OrderId, Placed, SetRule};
use crate::fakes::{Outsider, Turn, World};
use crate::order::NewOrder;
use crate::settings::Settings;
use crate::stage::Moment;
use ballet::clock::Time;
use ballet::{Error, Message, Refusal, Running};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// Something that takes its time.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// How a broker behaves from now on. Not every broker can be told to do every one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whim {
    /// Every message comes so many times.
    Repeat(usize),
    /// Readers see each message so much later.
    Dawdle(Duration),
    /// They see each one later by another time, up to this, so that topics overtake each other.
    MixUp(Duration),
}

/// Where customers and operators are served who come from outside.
pub trait Counter {
    /// A customer places an order under a key. The number that it is given is not that of the text.
    fn place<'a>(
        &'a self,
        key: &'a str,
        order: &'a NewOrder,
    ) -> Doing<'a, Result<Result<Placed, Refusal>, Error>>;

    /// A customer wants an order cancelled.
    fn cancel<'a>(&'a self, order_id: &'a OrderId) -> Doing<'a, CancelNoted>;

    /// An operator says which check is required.
    fn rule<'a>(&'a self, rule: &'a SetRule) -> Doing<'a, ()>;

    /// An operator takes up again whatever was given up.
    fn resume(&self) -> Doing<'_, ()>;
}

/// Where a scenario plays.
pub trait House: fmt::Debug {
    /// Everybody who may play.
    fn cast(&self) -> Cast;

    /// Who listens besides, and can do nothing.
    fn beside(&self) -> Cast {
        &[]
    }

    /// How long deadlines and windows are here.
    fn settings(&self) -> &Settings;

    /// What time it is.
    fn now(&self) -> Time;

    /// How long so much time of the text takes here.
    fn paced(&self, time: Duration) -> Duration;

    /// How long to look away when waiting for something.
    fn a_moment(&self) -> Duration;

    /// Who has waited for so long waits in vain.
    fn patience(&self) -> Duration;

    /// Lets as much time pass as it is here.
    fn pass(&self, time: Duration) -> Doing<'_, ()>;

    /// Lets everybody do very little.
    fn blink(&self) -> Doing<'_, ()>;

    /// Starts a process that is not at work.
    fn start<'a>(&'a mut self, name: &'a str) -> Doing<'a, ()>;

    /// Starts a process as this player, who is not of the cast.
    fn start_as(&mut self, player: Player) -> Doing<'_, ()>;

    /// Ends a process where it is.
    fn kill<'a>(&'a mut self, name: &'a str) -> Doing<'a, ()>;

    /// Stops a process where it is, until it is thawed.
    fn freeze<'a>(&'a mut self, name: &'a str) -> Doing<'a, ()>;

    /// Lets a process go on that was frozen.
    fn thaw<'a>(&'a mut self, name: &'a str) -> Doing<'a, ()>;

    /// Starts a process more of what serves this already. Who is frozen or killed by this name is the other.
    fn double<'a>(&'a mut self, name: &'a str) -> Doing<'a, ()>;

    /// Ends all processes at once.
    fn kill_everybody(&mut self) -> Doing<'_, ()>;

    /// Starts everybody who is not at work.
    fn revive(&mut self) -> Doing<'_, ()>;

    /// Starts those again who have died by themselves; who was sent away stays away.
    fn bury(&mut self) -> Doing<'_, ()>;

    /// A process is to die when it comes to such a moment, after it was spared so many times.
    fn doom(&mut self, whom: &'static str, moment: Moment, spared: usize);

    /// Whether the one who was doomed has died.
    fn has_died(&self) -> bool;

    /// Where a service is asked something.
    fn desk(&self, service: &str) -> &Running;

    /// An app that serves nothing and sees what the service keeps.
    fn office(&self, service: &str) -> &Running;

    /// Apps that together see everything, each something else.
    fn offices(&self) -> Vec<&Running>;

    /// Where customers and operators are served, if not at the desks.
    fn counter(&self) -> Option<&dyn Counter>;

    /// The books, as they are now.
    fn books(&self, expected: Expected) -> Doing<'_, Books>;

    /// Every message of every topic, each partition in its order.
    fn messages(&self) -> Doing<'_, Vec<Message>>;

    /// How many messages there are on all topics, and bytes that are none.
    fn appended(&self) -> Doing<'_, usize>;

    /// Whether what services keep can be read now: it may be away together with the broker.
    fn is_legible(&self) -> bool {
        true
    }

    /// Whether anybody still has something at hand that is not written down as a message.
    fn is_busy(&self) -> Doing<'_, bool>;

    /// For how many moments nothing must have been said until it is quiet.
    fn quiet(&self) -> u32;

    /// How many messages came again and were dropped, by all that are at work.
    fn duplicates(&self) -> Doing<'_, u64>;

    /// The broker goes away, or is there again.
    fn broker_goes(&mut self, away: bool) -> Doing<'_, ()>;

    /// Changes how the broker behaves.
    fn whim(&mut self, whim: Whim);

    /// Everything that was ever said is said once more.
    fn replay_all(&mut self) -> Doing<'_, ()>;

    /// Somebody who is none of us says something.
    fn say<'a>(&'a mut self, topic: &'a str, message: Message) -> Doing<'a, ()>;

    /// Somebody puts bytes that are no message into every partition of every topic: how many pieces
    /// into each.
    fn garble(&mut self) -> Doing<'_, Vec<(String, usize)>>;

    /// What the outside has on file now.
    fn outside(&self) -> World;

    /// Somebody outside is otherwise from now on.
    fn turn(&mut self, whom: Outsider, turn: Turn) -> Doing<'_, ()>;

    /// How often somebody outside was called.
    fn calls(&self, whom: Outsider) -> Doing<'_, u64>;
}
