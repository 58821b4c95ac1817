//! What is too large for the broker is refused before it is written down: nothing that stands in the outbox
//! can hold up what stands behind it (F8).

use crate::lane::echo::{Said, WORDS, stamped};
use crate::lane::shop::world;
use ballet::memory::World;
use ballet::{App, Fault, Reactions, Reactor, Running, Tx, react};
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
struct Parrot;

impl Reactor for Parrot {
    const NAME: &'static str = "parrot";
    fn reactions() -> Reactions<Self> {
        Reactions::new().on::<Said>(react(Self::shout))
    }
}

impl Parrot {
    async fn shout(&self, _: &mut Tx, said: &Said) -> Result<Shouted, Fault> {
        let letters = usize::try_from(said.n)?;
        Ok(Shouted { id: said.id.clone(), text: "a".repeat(letters) })
    }
}

async fn listens(world: &World) -> Running {
    let node = world.node();
    let app = App::new(node.store()).broker(node.broker()).lanes(1);
    app.reactor_from_the_beginning(Parrot).start().await.expect("the app starts")
}

/// Who has shouted so far.
fn heard(world: &World) -> Vec<String> {
    world.topic(SHOUTS.name).into_iter().map(|said| said.envelope.key.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_a_dead_letter_and_goes_out_when_the_broker_takes_more() {
    let world = world();
    world.take_at_most(MOST);
    let app = listens(&world).await;
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
