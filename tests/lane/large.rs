//! What is too large for the broker is refused before it is written down: nothing that stands in the outbox
//! can hold up what stands behind it (F8). So is a key that no store has room for in its indexes.

use crate::lane::echo::{Said, WORDS, stamped};
use crate::lane::shop::{Buy, choreographed, ended, orchestrated, order, world};
use ballet::memory::World;
use ballet::{App, ErrorKind, Fault, Key, Outcome, Reactions, Reactor, Running, Tx, react};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How many bytes the broker takes.
const MOST: usize = 1_000;
const SHOUTED: usize = 900;
const SCREAMED: usize = 1_100;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Shouted {
    id: String,
    text: String,
}
ballet::topic! { SHOUTS = "t.shouts", key id { Shouted = "word.shouted" } }

/// Says as many letters as it hears.
struct Parrot {
    says: fn(&Said, String) -> Shouted,
}

impl Reactor for Parrot {
    const NAME: &'static str = "parrot";
    fn reactions() -> Reactions<Self> {
        Reactions::new().on::<Said>(react(Self::shout))
    }
}

impl Parrot {
    async fn shout(&self, _: &mut Tx, said: &Said) -> Result<Shouted, Fault> {
        Ok((self.says)(said, "a".repeat(usize::try_from(said.n)?)))
    }
}

fn as_a_text(said: &Said, letters: String) -> Shouted {
    Shouted { id: said.id.clone(), text: letters }
}

fn to_a_key(_: &Said, letters: String) -> Shouted {
    Shouted { id: letters, text: String::new() }
}

async fn listens(world: &World, parrot: Parrot) -> Running {
    let node = world.node();
    let app = App::new(node.store()).broker(node.broker()).lanes(1);
    app.reactor_from_the_beginning(parrot).start().await.expect("the app starts")
}

/// Who has shouted so far.
fn heard(world: &World) -> Vec<String> {
    world.topic(SHOUTS.name).into_iter().map(|said| said.envelope.key.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_a_dead_letter_and_goes_out_when_the_broker_takes_more() {
    let world = world();
    world.take_at_most(MOST);
    let app = listens(&world, Parrot { says: as_a_text }).await;
    for (seq, (id, letters)) in [("a", SHOUTED), ("b", SCREAMED), ("c", SHOUTED)].iter().enumerate()
    {
        let message = stamped(id, *letters as u64, seq as u64 + 1);
        world.append(WORDS.name, 0, message.encode());
    }
    ballet::clock::rest(Duration::from_secs(120)).await;
    assert_eq!(heard(&world), ["a", "c"]);
    let letter = app.dead_letters(10).await.unwrap().remove(0);
    let told = format!(
        "`word.shouted` to `{}` has {} bytes and may have {MOST}: say less, or let the broker take more",
        SHOUTS.name,
        SCREAMED + r#"{"id":"b","text":""}"#.len()
    );
    assert!(letter.reason.starts_with(&told), "{}", letter.reason);

    world.take_at_most(2 * MOST);
    app.replay(letter.id).await.unwrap();
    ballet::clock::rest(Duration::from_secs(5)).await;
    assert_eq!(heard(&world), ["a", "c", "b"]);
    assert!(app.dead_letters(10).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_said_to_a_key_that_is_too_long_is_a_dead_letter() {
    let world = world();
    let app = listens(&world, Parrot { says: to_a_key }).await;
    for (seq, letters) in [(1, Key::LONGEST), (2, Key::LONGEST + 1)] {
        let message = stamped(&seq.to_string(), letters as u64, seq);
        world.append(WORDS.name, 0, message.encode());
    }
    ballet::clock::rest(Duration::from_secs(120)).await;
    assert_eq!(heard(&world), ["a".repeat(Key::LONGEST)]);
    let letters = app.dead_letters(10).await.unwrap();
    let told =
        "the key of `word.shouted` to `t.shouts` has 1025 bytes and may have 1024: make it shorter";
    assert_eq!(letters.iter().map(|letter| &*letter.reason).collect::<Vec<_>>(), [told]);
}

/// Nothing of it is written down: a store that has no room for it would refuse it again and again.
#[tokio::test(start_paused = true)]
async fn an_id_that_is_too_long_is_refused_to_whoever_comes_with_it() {
    let (longest, long) = ("i".repeat(Key::LONGEST), "i".repeat(Key::LONGEST + 1));
    let world = world();
    let app = orchestrated(&world.node()).await;
    let run = app.begin::<Buy>(&*longest, &order(&longest, 5)).await.unwrap();
    assert_eq!(ended(&run).await, Outcome::Completed);
    let told = app.begin::<Buy>(&*long, &order("1", 5)).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::TooLong);
    let why = "the id of the run has 1025 bytes and may have 1024: make it shorter";
    assert_eq!(told.to_string(), why);
    let told = app.run::<Buy>(&*long).cancel("eva", "").await.unwrap_err();
    assert_eq!(told.to_string(), why);
    assert!(app.run::<Buy>(&*long).journal().await.unwrap().is_none(), "there is none");
    drop(app);

    let app = choreographed(&world.node()).await;
    for (key, about, what) in
        [(&long, "1", "the key of the request"), (&longest, &*long, "the key of what it is about")]
    {
        let told = app.request(key, &Key::new(about), &order("1", 5)).await.unwrap_err();
        let why = format!("{what} has 1025 bytes and may have 1024: make it shorter");
        assert_eq!((told.kind(), told.to_string()), (ErrorKind::TooLong, why));
    }
}
