//! What fate does: to messages, and to everybody outside.

use crate::cast::topology;
use crate::fakes::{Outsider, Reach, Turn};
use crate::stage::{Moment, Stage, Whim};
use ballet::message::Kind;
use ballet::{Envelope, Event, Key, Message};
use serde_json::Value;

/// The dials of somebody outside.
#[derive(Debug)]
pub struct Dial<'s> {
    stage: &'s mut Stage,
    whom: Outsider,
}

impl Dial<'_> {
    /// From now on nobody is reached.
    pub async fn cut(self) {
        self.reach(Reach::Down, 0).await;
    }

    /// The same, after so many calls more.
    pub async fn cut_after(self, calls: u32) {
        self.reach(Reach::Down, calls).await;
    }

    /// From now on calls hang, until the wire is mended or cut.
    pub async fn hang(self) {
        self.reach(Reach::Slow, 0).await;
    }

    /// The same, after so many calls more.
    pub async fn hang_after(self, calls: u32) {
        self.reach(Reach::Slow, calls).await;
    }

    /// All is well again, and calls that hang go on.
    pub async fn mend(self) {
        self.reach(Reach::Up, 0).await;
    }

    /// Whatever this customer is to pay is declined.
    pub async fn decline(self, payer: &str) {
        self.turn(Turn { decline: vec![payer.to_owned()], ..Turn::default() }).await;
    }

    /// What is kept ready for this customer expires before it is taken.
    pub async fn expire(self, payer: &str) {
        self.turn(Turn { expire: vec![payer.to_owned()], ..Turn::default() }).await;
    }

    /// The next so many answers get lost, after what was asked was done.
    pub async fn lose_answers(self, times: u32) {
        self.turn(Turn { lose_answers: Some(times), ..Turn::default() }).await;
    }

    /// How often they were called, answered or not.
    pub async fn calls(self) -> u64 {
        self.stage.house.calls(self.whom).await
    }

    /// Waits until they were called so often in all.
    ///
    /// # Panics
    ///
    /// If they never are.
    pub async fn until_called(self, times: u64) {
        let Self { stage, whom } = self;
        let what = format_args!("{whom:?} is called {times} times");
        stage.until(what, async |stage| stage.house.calls(whom).await >= times).await;
    }

    async fn reach(self, reach: Reach, after: u32) {
        self.turn(Turn { wire: Some(reach), after: Some(after), ..Turn::default() }).await;
    }

    async fn turn(self, turn: Turn) {
        self.stage.house.turn(self.whom, turn).await;
    }
}

impl Stage {
    /// Who takes the customers' money.
    pub fn provider(&mut self) -> Dial<'_> {
        Dial { stage: self, whom: Outsider::Provider }
    }

    /// Who carries parcels.
    pub fn carrier(&mut self) -> Dial<'_> {
        Dial { stage: self, whom: Outsider::Carrier }
    }

    /// Who carries letters.
    pub fn mail(&mut self) -> Dial<'_> {
        Dial { stage: self, whom: Outsider::Mail }
    }

    /// The broker behaves otherwise from now on.
    pub fn broker(&mut self, whim: Whim) {
        self.house.whim(whim);
    }

    /// The broker goes away: it takes nothing any more.
    pub async fn broker_goes(&mut self) {
        self.house.broker_goes(true).await;
    }

    /// The broker is there again.
    pub async fn broker_returns(&mut self) {
        self.house.broker_goes(false).await;
    }

    /// Everything that was ever said is said once more, as after a restore of old producers.
    pub async fn replay_all(&mut self) {
        self.house.replay_all().await;
    }

    /// This process dies when it comes to such a moment, after it was spared so many times.
    pub fn doom(&mut self, whom: &'static str, moment: Moment, spared: usize) {
        self.house.doom(whom, moment, spared);
    }

    /// Somebody who is none of us says something on one of our topics.
    ///
    /// # Panics
    ///
    /// If it cannot be written as JSON.
    pub async fn say<E: Event>(&mut self, event: &E) {
        let body = serde_json::to_value(event).expect("an event can be written as JSON");
        self.say_in::<E>(E::VERSION, &event.key(), &body).await;
    }

    /// Somebody who is none of us says something of a name that we know, in a version of its schema
    /// that we may not know.
    ///
    /// # Panics
    ///
    /// If it cannot be written as JSON.
    pub async fn say_in<E: Event>(&mut self, version: u32, key: &Key, body: &Value) {
        let said = body.to_string();
        let envelope = Envelope {
            id: ballet::id::derived(&["stranger", E::NAME, &version.to_string(), &said]),
            kind: Kind::Event,
            name: E::NAME.into(),
            version,
            key: key.clone(),
            correlation: key.to_string().into(),
            causation: None,
            hop: 0,
            occurred_at: self.now(),
            traceparent: None,
            stamp: None,
            step: None,
        };
        let body = serde_json::to_vec(body).expect("JSON can be written");
        self.house.say(E::TOPIC.name, Message::new(envelope, body)).await;
    }

    /// Bytes that are no message are in every partition of every topic; how many dead letters that
    /// will be, one for each reader.
    pub async fn garble(&mut self) -> usize {
        let rights = topology(self.house.cast().iter().chain(self.house.beside())).rights();
        let readers =
            |topic: &String| rights.values().filter(|its| its.reads.contains(topic)).count();
        let garbage = self.house.garble().await;
        let lanes = usize::try_from(super::LANES).unwrap_or(usize::MAX);
        garbage.iter().map(|(topic, pieces)| pieces * lanes * readers(topic)).sum()
    }
}
