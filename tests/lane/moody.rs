//! Messages with moods: some fault for a while, some wait for others, all come in any order and some twice.
//!
//! Goal: each is handled once, or given up because processes died over it, and those of one key and one edge
//! in their order; none is forgotten among those that are set aside. Method: dice decide from a seed what
//! comes when, how each is met, and who dies; at the end it is read what was heard.

use crate::lane::echo::{HEARD, Said, WORDS, stamped};
use crate::lane::shop::world;
use crate::lane::wild::{Dice, play_all, seeds};
use ballet::clock::{Time, rest};
use ballet::memory::{Fate, Node, Point};
use ballet::{App, Fault, Reactions, Reactor, Running, Settings, Tx, react};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How a number is met.
#[derive(Debug, Clone, Copy, Default)]
struct Mood {
    /// It faults until then.
    well_from: Time,
    /// It waits until this one of its key was heard.
    after: Option<u64>,
}

struct Moody(Arc<BTreeMap<u64, Mood>>);

impl Reactor for Moody {
    const NAME: &'static str = "moody";
    fn reactions() -> Reactions<Self> {
        Reactions::new().on::<Said>(react(Self::hear))
    }
}

impl Moody {
    async fn hear(&self, tx: &mut Tx, said: &Said) -> Result<(), Fault> {
        let mut heard = tx.get(HEARD, &said.id).await?.unwrap_or_default();
        let mood = self.0.get(&said.n).copied().unwrap_or_default();
        heard.push(said.n);
        tx.put(HEARD, &said.id, &heard)?;
        if tx.now() < mood.well_from {
            return Err(Fault::new("not in the mood"));
        }
        match mood.after {
            Some(other) if !heard.contains(&other) && tx.waited() < Duration::from_secs(600) => {
                Err(Fault::not_yet("another one first"))
            }
            _ => Ok(()),
        }
    }
}

/// What is said: key, number, and its place on one of two edges.
struct Word {
    key: String,
    n: u64,
    edge: u64,
    seq: u64,
}

fn words(dice: &Dice) -> Vec<Word> {
    let mut seqs = [0, 0];
    let word = |n| {
        let edge = dice.roll(2);
        seqs[edge as usize] += 1;
        Word { key: format!("k{}", dice.roll(3)), n, edge, seq: seqs[edge as usize] }
    };
    (1..=10 + dice.roll(40)).map(word).collect()
}

fn moods(dice: &Dice, words: &[Word], start: Time) -> BTreeMap<u64, Mood> {
    let mut moods = BTreeMap::<u64, Mood>::new();
    for word in words {
        let well_from = match dice.roll(3) {
            0 => start.after(Duration::from_millis(dice.roll(8_000))),
            _ => start,
        };
        moods.insert(word.n, Mood { well_from, after: None });
    }
    for word in words {
        let other = &words[dice.roll(words.len() as u64) as usize];
        let waits = moods[&other.n].after.is_some();
        let is_awaited = moods.values().any(|mood| mood.after == Some(word.n));
        if dice.roll(3) == 0 && other.key == word.key && !waits && !is_awaited && other.n != word.n
        {
            moods.entry(word.n).or_default().after = Some(other.n);
        }
    }
    moods
}

async fn serve(node: &Node, moods: &Arc<BTreeMap<u64, Mood>>, batch: usize) -> Running {
    let app = App::new(node.store()).broker(node.broker()).lanes(1);
    let app = app.settings(Settings { batch, ..Settings::default() });
    let app = app.reactor_from_the_beginning(Moody(Arc::clone(moods)));
    app.start().await.expect("the app starts")
}

async fn play(seed: u64) -> Vec<String> {
    let (world, dice) = (world(), Dice::new(seed));
    let start = Time::from_micros(1_700_000_000_000_000);
    let words = words(&dice);
    let moods = Arc::new(moods(&dice, &words, start));
    let batch = [1, 3, 500][dice.roll(3) as usize];
    let odds = [6, 30, 1_000_000][dice.roll(3) as usize];
    let node =
        || {
            let dice = dice.clone();
            world.node_with(move |point| match point {
                Point::Commit(_) | Point::Committed(_) if dice.roll(odds) == 0 => {
                    if dice.roll(2) == 0 { Fate::Die } else { Fate::Fail }
                }
                _ => Fate::Go,
            })
        };
    let mut at = node();
    let mut app = serve(&at, &moods, batch).await;
    let mut order: Vec<usize> = (0..words.len()).collect();
    // Neighbours change places, some far.
    for from in 0..order.len() {
        if dice.roll(3) == 0 {
            let to = (from + dice.roll(6) as usize).min(order.len() - 1);
            order.swap(from, to);
        }
    }
    for which in order {
        let Word { key, n, edge, seq } = &words[which];
        let mut message = stamped(key, *n, *seq);
        let stamp = message.envelope_mut().stamp.as_mut().expect("it has one");
        stamp.source = format!("talker {edge}").into();
        for _ in 0..=u64::from(dice.roll(6) == 0) {
            world.append(WORDS.name, 0, message.encode());
        }
        rest(Duration::from_millis([0, 10, 700][dice.roll(3) as usize])).await;
        if !at.is_alive() {
            at = node();
            app = serve(&at, &moods, batch).await;
        }
    }
    // Whoever dies is replaced, and then all are well.
    for _ in 0..20 {
        rest(Duration::from_secs(5)).await;
        if !at.is_alive() {
            at = node();
            app = serve(&at, &moods, batch).await;
        }
    }
    at.kill();
    drop(app);
    let app = serve(&world.node(), &moods, batch).await;
    // Also for those who wait for one that was given up.
    rest(Duration::from_secs(900)).await;
    wrong(&app, &words, &moods).await
}

async fn wrong(app: &Running, words: &[Word], moods: &BTreeMap<u64, Mood>) -> Vec<String> {
    let dead = app.dead_letters(100).await.unwrap();
    let mut wrong: Vec<String> = dead
        .iter()
        .filter(|letter| !letter.reason.starts_with("the process died"))
        .map(|letter| format!("dead: {}", letter.reason))
        .collect();
    let mut all = 0;
    for key in ["k0", "k1", "k2"] {
        let heard = app.row::<Moody, _, _>(HEARD, &key.to_owned()).await.unwrap();
        let heard = heard.unwrap_or_default();
        let said: Vec<&Word> = words.iter().filter(|word| word.key == key).collect();
        all += heard.len();
        for word in &said {
            let times = heard.iter().filter(|n| **n == word.n).count();
            if times > 1 || times == 0 && dead.is_empty() {
                wrong.push(format!("{} was heard {times} times", word.n));
            }
        }
        for edge in 0..2 {
            let in_order: Vec<u64> = said
                .iter()
                .filter(|word| word.edge == edge && moods[&word.n].after.is_none())
                .map(|word| word.n)
                .collect();
            let heard: Vec<u64> = heard.iter().copied().filter(|n| in_order.contains(n)).collect();
            if !heard.is_sorted() {
                wrong.push(format!("{key} on edge {edge}: {heard:?}"));
            }
        }
    }
    if all + dead.len() != words.len() {
        wrong.push(format!("{all} heard and {} dead of {}", dead.len(), words.len()));
    }
    for (lane, health) in app.health() {
        if !health.is_well() || !health.parked.is_empty() {
            wrong.push(format!("{lane} is {health:?}"));
        }
    }
    wrong
}

/// Seeds that have found something: two messages that waited woke each other for ever.
const FOUND: [u64; 1] = [543];

#[test]
fn messages_of_any_mood_are_heard_once_and_in_their_order() {
    play_all(seeds().chain(FOUND), play);
}
