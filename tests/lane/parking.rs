//! What is set aside, what waits behind it, what is given up, and what goes on meanwhile.

use crate::lane::echo::{Dial, Echo, HEARD, Room, WORDS, foreign, stamped};
use ballet::{Retry, Settings, Table};

#[tokio::test(start_paused = true)]
async fn a_fault_holds_its_key_in_order_and_nobody_else() {
    let mut room = Room::open().await;
    room.dials.set(2, Dial::Fault);
    for n in 1..=4 {
        room.say("a", n);
        room.say("b", n + 10);
    }
    assert_eq!(room.heard_after("b", 1).await, [11, 12, 13, 14]);
    assert_eq!(room.heard("a").await, [1]);
    room.dials.clear();
    assert_eq!(room.heard_after("a", 20).await, [1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_fault_and_the_lane_lives_on() {
    let mut room = Room::open().await;
    room.dials.set(1, Dial::Panic);
    room.say("a", 1);
    room.say("b", 2);
    assert_eq!(room.heard_after("b", 1).await, [2]);
    room.dials.clear();
    assert_eq!(room.heard_after("a", 20).await, [1]);
}

#[tokio::test(start_paused = true)]
async fn after_its_attempts_a_message_is_a_dead_letter_and_its_key_goes_on() {
    let mut room = Room::open().await;
    room.dials.set(1, Dial::Fault);
    room.say("a", 1);
    room.say("a", 2);
    assert_eq!(room.heard_after("a", 120).await, [2]);
    assert_eq!(room.dead().await, ["the dial says so"]);

    room.dials.clear();
    let letter = room.app.dead_letters(1).await.unwrap().remove(0);
    room.app.replay(letter.id).await.unwrap();
    assert_eq!(room.heard_after("a", 5).await, [2, 1]);
    assert_eq!(room.dead().await, [""; 0]);
    let told = room.app.replay(letter.id).await.unwrap_err();
    assert_eq!(told.kind(), ballet::ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_still_faults_stays_dead_with_its_new_reason() {
    let mut room = Room::open().await;
    room.dials.set(1, Dial::Fault);
    room.say("a", 1);
    ballet::clock::rest(std::time::Duration::from_secs(120)).await;
    let letter = room.app.dead_letters(1).await.unwrap().remove(0);
    room.dials.set(1, Dial::Panic);
    room.app.replay(letter.id).await.unwrap();
    room.heard_after("a", 5).await;
    assert_eq!(room.dead().await, ["it panicked: the dial says so"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_yet_possible_holds_nobody_and_is_tried_until_it_is() {
    let mut room = Room::open().await;
    room.dials.set(1, Dial::NotYet);
    for n in 1..=3 {
        room.say("a", n);
    }
    assert_eq!(room.heard_after("a", 30).await, [2, 3]);
    // Its handler gives up waiting after a minute.
    assert_eq!(room.heard_after("a", 40).await, [2, 3, 1]);
    assert_eq!(room.dead().await, [""; 0], "waiting is no attempt");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_yet_possible_is_tried_after_each_later_message_of_its_key() {
    let mut room = Room::open().await;
    room.dials.set(1, Dial::NotYet);
    room.say("a", 1);
    room.heard_after("a", 20).await;
    room.dials.clear();
    room.say("a", 2);
    assert_eq!(room.heard_after("a", 0).await, [] as [u64; 0]);
    ballet::clock::rest(std::time::Duration::from_millis(1)).await;
    assert_eq!(room.heard("a").await, [2, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_waits_for_something_else_than_its_transaction_is_named() {
    let mut room = Room::open().await;
    room.dials.set(1, Dial::Sleep);
    room.say("a", 1);
    room.heard_after("a", 120).await;
    let told = "the handler of `word.said` in `echo` waits for something else than its transaction";
    assert_eq!(room.dead().await, [told]);
}

#[tokio::test(start_paused = true)]
async fn garbage_goes_to_dead_letters_and_its_neighbours_go_on() {
    let mut room = Room::open().await;
    room.say("a", 1);
    room.world.append(WORDS.name, 0, "garbage");
    let mut message = room.message("a", 2);
    message.body = "{not json".into();
    room.world.append(WORDS.name, 0, message.encode());
    room.say("b", 3);
    assert_eq!(room.heard_after("b", 120).await, [3]);
    let dead = room.dead().await;
    assert_eq!(dead.len(), 2, "{dead:?}");
    assert!(dead.iter().any(|told| told == "these bytes are not a message: no envelope"));
    let told = "`word.said` of schema version 1 is not readable: key must be a string";
    assert!(dead.iter().any(|dead| dead.starts_with(told)), "{dead:?}");
}

#[tokio::test(start_paused = true)]
async fn duplicates_on_an_edge_are_dropped_and_gaps_wait() {
    let room = Room::open().await;
    for (n, seq) in [(1, 1), (1, 1), (3, 3), (3, 3), (1, 1), (4, 4)] {
        room.world.append(WORDS.name, 0, stamped("a", n, seq).encode());
    }
    assert_eq!(room.heard_after("a", 5).await, [1]);
    room.world.append(WORDS.name, 0, stamped("a", 2, 2).encode());
    assert_eq!(room.heard_after("a", 5).await, [1, 2, 3, 4]);
}

/// A message that never comes was lost by somebody: its edge halts, loudly, and nobody else (H3).
#[tokio::test(start_paused = true)]
async fn a_gap_that_grows_old_is_told_by_health_and_other_edges_go_on() {
    let room = Room::open().await;
    room.heard_after("a", 1).await;
    assert!(room.app.is_ready());
    room.world.append(WORDS.name, 0, stamped("a", 2, 2).encode());
    room.world.append(WORDS.name, 0, foreign("b", 7, None).encode());
    assert_eq!(room.heard_after("b", 5).await, [7]);
    assert!(room.app.is_ready(), "it may still come");
    room.heard_after("a", 60).await;
    let health = room.app.health().into_values().next().unwrap();
    assert_eq!(health.broken, ["talker/0 to t.words misses the message before number 2"]);
    assert!(!room.app.is_ready());
    room.world.append(WORDS.name, 0, stamped("a", 1, 1).encode());
    assert_eq!(room.heard_after("a", 5).await, [1, 2]);
    assert!(room.app.is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_foreign_message_stands_on_no_edge_and_is_taken_once() {
    let room = Room::open().await;
    for n in [1, 1, 2, 1] {
        room.world.append(WORDS.name, 0, foreign("a", n, None).encode());
    }
    assert_eq!(room.heard_after("a", 5).await, [1, 2]);
    room.world.append(WORDS.name, 0, foreign("a", 2, None).encode());
    assert_eq!(room.heard_after("a", 5).await, [1, 2]);
}

/// The outage of something that all handlers need must not fill the dead letters (H13).
#[tokio::test(start_paused = true)]
async fn when_many_keys_fault_at_once_the_lane_stops_instead_of_parking() {
    let mut room = Room::open().await;
    for n in 1..=20 {
        room.dials.set(n, Dial::Fault);
        room.say(&format!("k{n}"), n);
    }
    ballet::clock::rest(std::time::Duration::from_millis(60)).await;
    assert!(room.app.health().values().all(|health| health.parked.is_empty()));
    room.dials.clear();
    for n in 1..=20 {
        assert_eq!(room.heard_after(&format!("k{n}"), 1).await, [n]);
    }
    assert_eq!(room.dead().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn when_many_keys_fault_again_and_again_they_are_parked_after_all() {
    let settings = Settings { attempts: 2, ..Settings::default() };
    let mut room = Room::open_with(settings).await;
    for n in 1..=20 {
        room.dials.set(n, Dial::Fault);
        room.say(&format!("k{n}"), n);
    }
    room.say("healthy", 21);
    assert_eq!(room.heard_after("healthy", 60).await, [21]);
    assert_eq!(room.dead().await.len(), 20);
}

/// Bounded: what is set aside takes memory. A lane that has set aside too much says so, takes what passes,
/// and what must be set aside too ever more slowly, until there is room again (H15).
#[tokio::test(start_paused = true)]
async fn a_lane_that_has_set_aside_too_much_slows_down_until_there_is_room() {
    let again = Retry::every(std::time::Duration::from_secs(60));
    let settings = Settings { parked: 5, storm: 100, again, ..Settings::default() };
    let mut room = Room::open_with(settings).await;
    room.dials.set(1, Dial::NotYet);
    (2..=5).chain(10..=12).for_each(|n| room.dials.set(n, Dial::Fault));
    (1..=5).for_each(|n| room.say(&format!("k{n}"), n));
    ballet::clock::rest(std::time::Duration::from_millis(1)).await;
    (6..=9).for_each(|n| room.say("b", n));
    (10..=12).for_each(|n| room.say(&format!("k{n}"), n));
    assert_eq!(room.heard_after("b", 1).await, [6, 7, 8, 9], "they pass");
    let parked = |room: &Room| {
        let health = room.app.health().into_values().next().unwrap();
        health.parked.into_values().sum::<usize>()
    };
    assert_eq!(parked(&room), 6, "the next one is not read before a minute is over");
    let health = room.app.health().into_values().next().unwrap();
    let told = health.told.clone().expect("it says so");
    assert_eq!(told, "6 messages are set aside: the lane takes one at a time");
    assert!(!room.app.is_ready() && !health.is_well());
    room.dials.clear();
    room.heard_after("b", 120).await;
    for n in [1, 5, 10, 11, 12] {
        assert_eq!(room.heard(&format!("k{n}")).await, [n]);
    }
    assert_eq!(parked(&room), 0);
    assert!(room.app.is_ready());
}

/// Whoever stands behind a message that holds its key must not wait for it once it holds the key no more:
/// it may be what that message waits for.
#[tokio::test(start_paused = true)]
async fn what_stands_behind_a_fault_goes_on_when_the_fault_becomes_a_not_yet() {
    let mut room = Room::open().await;
    room.dials.set(1, Dial::Fault);
    room.say("a", 1);
    room.say("a", 2);
    ballet::clock::rest(std::time::Duration::from_millis(1)).await;
    assert_eq!(room.parked(), 2);
    room.dials.set(1, Dial::NotYet);
    assert_eq!(room.heard_after("a", 20).await, [2]);
    room.say("a", 3);
    assert_eq!(room.heard_after("a", 1).await, [2, 3]);
    assert_eq!(room.heard_after("a", 60).await, [2, 3, 1]);
}

/// The message before it was set aside first, and the one that held the key later: whoever is due is not
/// put off for somebody who is not.
#[tokio::test(start_paused = true)]
async fn a_message_that_a_gap_held_is_not_stuck_behind_a_later_one_of_its_key() {
    let mut room = Room::open().await;
    room.dials.set(7, Dial::Fault);
    room.world.append(WORDS.name, 0, stamped("a", 2, 2).encode());
    assert_eq!(room.heard_after("a", 1).await, [] as [u64; 0]);
    room.world.append(WORDS.name, 0, foreign("a", 7, None).encode());
    ballet::clock::rest(std::time::Duration::from_millis(1)).await;
    assert_eq!(room.parked(), 2);
    room.say("a", 1);
    room.heard_after("a", 1).await;
    room.dials.clear();
    let mut heard = room.heard_after("a", 60).await;
    heard.sort_unstable();
    assert_eq!(heard, [1, 2, 7]);
}

/// Waiting would not make it better, and nobody should wait for nothing.
#[tokio::test(start_paused = true)]
async fn who_waits_for_a_row_that_is_of_another_type_is_told_at_once() {
    let mut room = Room::open().await;
    room.say("a", 1);
    assert_eq!(room.heard_after("a", 1).await, [1]);
    let wrong: Table<String, u64> = Table::new(HEARD.name());
    let long = std::time::Duration::from_secs(3600);
    let told = room.app.watch::<Echo, _, _>(wrong, &"a".to_owned(), long, |_| true).await;
    assert_eq!(told.unwrap_err().kind(), ballet::ErrorKind::Codec);
}
