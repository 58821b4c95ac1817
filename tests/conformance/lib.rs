//! One suite over every store and every broker: what the engine relies on, whoever provides it.
//!
//! Goal: an adapter that passes can be put under the lanes. Method: each sentence is a function over a
//! [`Pair`]; one line makes a whole suite for one pair. There are three suites: what a store promises
//! beside any broker, what a broker promises beside any store, and what a store promises of a log that is
//! its own. What only one adapter promises is beside its pair.
//!
//! The sentences are a crate of their own, so that the tests without servers and those with them say the
//! same.

#![allow(async_fn_in_trait)] // Only tests call them.

pub mod batches;
pub mod entries;
pub mod lanes;
pub mod log;
pub mod own;
pub mod retention;
pub mod slots;

use ballet::broker::{Arrived, Broker};
use ballet::clock::Time;
use ballet::message::Outgoing;
use ballet::message::{Envelope, Kind, Stamp};
use ballet::store::{Advance, Batch, Begun, LaneId, Position, Store, Taken, Writes};
use ballet::{Key, Message};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A store and a broker under test.
pub trait Pair: Sized {
    /// New ones, at the given moment.
    async fn fresh(now: Time) -> Self;

    /// What a new process finds: whatever was only in memory is gone.
    async fn reopen(self) -> Self;

    /// Now it is this late.
    fn set_time(&self, now: Time);

    fn store(&self) -> Arc<dyn Store>;

    fn broker(&self) -> Arc<dyn Broker>;
}

/// What a store promises, beside any broker.
#[macro_export]
macro_rules! store_sentences {
    ($pair:ty) => {
        $crate::sentences! { $pair;
            lanes::taking_a_lane_raises_its_epoch,
            lanes::whoever_lost_the_lane_is_told_so_with_epoch_and_batch,
            lanes::whoever_lost_the_lane_cannot_begin_even_what_nobody_else_has_begun,
            lanes::of_two_batches_with_the_same_number_one_is_committed,
            lanes::time_never_goes_backwards,
            lanes::a_group_begins_where_it_was_registered_first,
            lanes::positions_of_other_topics_stay_as_they_are,
            lanes::lanes_do_not_meet,
            lanes::a_snapshot_tells_where_a_group_stands_and_what_a_table_holds,
            batches::everything_that_a_batch_writes_is_found_again,
            batches::everything_that_a_batch_deletes_is_gone,
            batches::what_is_written_twice_is_there_as_it_was_written_last,
            batches::a_batch_that_is_rolled_back_leaves_nothing,
            batches::a_batch_that_is_dropped_leaves_nothing,
            batches::whoever_stops_waiting_at_any_moment_leaves_nothing_open,
            batches::a_begin_that_nobody_waits_for_leaves_nothing_open,
            batches::batches_that_are_not_published_are_found_by_the_next_owner,
            batches::an_ended_run_is_still_found_and_listed,
            batches::runs_are_listed_newest_first,
            batches::dead_letters_are_listed_newest_first,
            batches::a_dead_letter_is_found_by_its_id,
            batches::a_batch_sees_what_the_one_before_it_wrote,
            batches::a_batch_follows_on_one_that_is_only_precommitted,
            batches::whoever_lost_the_lane_cannot_precommit,
            slots::a_slot_is_written_read_and_deleted,
            slots::keys_and_values_may_be_any_bytes,
            slots::the_longest_keys_fit,
            slots::the_three_spaces_do_not_meet,
            slots::a_scan_gives_rows_in_order_of_their_keys,
            slots::a_scan_stops_at_its_bounds_and_at_its_limit,
            slots::five_hundred_rows_are_written_and_read_at_once,
            slots::a_value_of_a_mebibyte_comes_back_whole,
            slots::lanes_that_change_the_same_row_do_so_one_after_the_other,
            own::what_is_taken_for_absent_and_is_so_is_written,
            own::what_is_taken_for_absent_may_end_at_once,
            own::what_is_taken_for_absent_and_is_there_fails_and_leaves_nothing,
            own::a_run_that_is_known_to_go_on_goes_on_and_ends_without_being_read,
            own::what_is_the_lanes_own_is_read_and_changed_without_a_lock,
            own::whoever_is_replaced_in_the_middle_of_a_batch_has_written_nothing,
            own::an_owner_that_was_replaced_between_batches_commits_nothing,
            entries::entries_are_taken_in_the_order_in_which_they_came,
            entries::the_same_id_enters_once,
            entries::what_was_never_in_the_inbox_is_written_only_if_it_does_not_wait_there,
            entries::of_two_who_begin_the_same_in_both_ways_one_sees_the_other,
            entries::whoever_owns_the_lane_finds_what_has_entered_early,
            entries::nothing_enters_if_what_it_would_bring_about_is_there,
            entries::of_those_that_come_together_only_what_is_new_enters,
            entries::a_batch_puts_entries_into_other_lanes,
            entries::timers_are_taken_in_the_order_in_which_they_are_due,
            entries::a_timer_is_moved_by_taking_it_away_and_setting_another,
            entries::a_timer_that_is_set_already_is_set_once,
            entries::foreign_ids_are_seen_by_their_group_alone,
            entries::parked_messages_are_changed_and_released,
            entries::texts_may_hold_any_characters,
            entries::the_longest_ids_fit,
            retention::runs_that_ended_long_ago_go_and_others_stay,
            retention::barriers_and_foreign_ids_go_when_they_are_old,
            retention::dead_letters_go_when_they_are_old,
            retention::batches_go_only_when_they_have_reached_the_broker,
            retention::a_lane_counts_how_often_it_was_taken_since_its_last_batch,
            retention::lanes_with_something_in_their_inbox_are_found,
        }
    };
}

/// What a broker promises, beside any store.
#[macro_export]
macro_rules! log_sentences {
    ($pair:ty) => {
        $crate::sentences! { $pair;
            log::a_partition_keeps_its_order,
            log::a_reader_begins_where_it_is_told_to,
            log::a_reader_wakes_up_when_something_is_appended,
            log::a_read_that_is_cancelled_loses_nothing,
            log::a_range_tells_what_a_partition_holds,
            log::a_topic_with_another_number_of_partitions_is_refused,
            log::a_topic_that_is_not_there_is_named,
            log::a_message_of_a_mebibyte_comes_back_whole,
            log::every_lane_belongs_to_exactly_one_member,
            log::all_topics_of_a_lane_are_read,
            log::what_was_produced_is_there_after_a_restart,
        }
    };
}

/// What a store promises of a log that is its own, or that it looks after: what is old goes.
#[macro_export]
macro_rules! fused_sentences {
    ($pair:ty) => {
        $crate::sentences! { $pair;
            retention::old_messages_go_when_every_group_has_read_them,
            retention::young_messages_stay,
            retention::messages_that_a_group_has_not_read_stay_until_they_are_given_up,
            retention::of_a_compacted_topic_the_newest_message_of_each_key_stays,
        }
    };
}

/// A test for each sentence, for one pair.
#[macro_export]
macro_rules! sentences {
    ($pair:ty; $($module:ident::$test:ident,)*) => {
        $(
            #[tokio::test]
            async fn $test() {
                $crate::$module::$test::<$pair>().await;
            }
        )*
    };
}

/// The lane that most sentences are about.
pub fn lane() -> LaneId {
    LaneId::new("group", 0)
}

/// When most of them begin.
pub const NOON: Time = Time::from_micros(1_700_000_000_000_000);

/// The compare-and-set that follows on this.
pub fn next(lane: &LaneId, taken: &Taken) -> Advance {
    Advance {
        lane: lane.clone(),
        epoch: taken.epoch,
        batch: taken.batch,
        positions: BTreeMap::new(),
        published: 0,
        said: Time::default(),
    }
}

/// Begins a batch that must be allowed to begin.
pub async fn begin(store: &dyn Store, advance: &Advance) -> Box<dyn Batch> {
    match store.begin(advance).await.unwrap() {
        Begun::Open(batch) => batch,
        Begun::Lost { epoch, batch } => panic!("the lane is at epoch {epoch}, batch {batch}"),
    }
}

/// Takes the lane, opens its next batch, and gives what was taken too.
pub async fn open(store: &dyn Store, lane: &LaneId) -> (Taken, Box<dyn Batch>) {
    let taken = store.take(lane).await.unwrap();
    let batch = begin(store, &next(lane, &taken)).await;
    (taken, batch)
}

/// Takes the lane and commits one batch that writes this.
pub async fn write(store: &dyn Store, lane: &LaneId, writes: Writes) {
    let (_, mut batch) = open(store, lane).await;
    batch.flush(writes).await.unwrap();
    batch.commit().await.unwrap();
}

/// The `n`-th message of an edge with this body, counted from 0.
pub fn message(n: u64, body: impl Into<Bytes>) -> Message {
    let envelope = Envelope {
        id: ballet::id::derived(&["message", &n.to_string()]),
        kind: Kind::Event,
        name: "something.happened".into(),
        version: 1,
        key: Key::new("k"),
        correlation: "c".into(),
        causation: None,
        hop: 1,
        occurred_at: NOON,
        traceparent: None,
        stamp: Some(Stamp { source: "group".into(), incarnation: 1, lane: 0, seq: n + 1 }),
        step: None,
    };
    Message::new(envelope, body)
}

/// A message on its way.
pub fn outgoing(topic: &str, partition: u32, n: u64, body: impl Into<Bytes>) -> Outgoing {
    Outgoing { topic: topic.into(), partition, message: message(n, body) }
}

/// Which message of its edge has arrived, counted from 0.
pub fn nth(arrived: &Arrived) -> u64 {
    let message = arrived.message.as_ref().expect("it is a message");
    message.envelope.stamp.as_ref().expect("it stands on an edge").seq - 1
}

/// Where to read one topic.
pub fn at(topic: &str, next: u64) -> BTreeMap<String, Position> {
    BTreeMap::from([(topic.to_owned(), Position { next, from: 0 })])
}
