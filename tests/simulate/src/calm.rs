//! Calm: nothing goes wrong any more, clients ask again for what they do not know, operators help, and in a
//! bounded time everything has come to its end.

use crate::cast::plans::NAMES;
use crate::dice;
use crate::harms::{Harming, verb};
use crate::house::Role;
use crate::mirror::Mirror;
use crate::play::Play;
use crate::scenario::Act;
use ballet::clock::rest;
use ballet::saga::journal::Verb;
use std::time::Duration;

/// How long a round is.
const ROUND: Duration = Duration::from_secs(3);
/// In so many rounds everything must have ended.
const ROUNDS_MAX: u32 = 100;

/// Calms a play down, and waits until all is quiet.
pub(crate) async fn down(play: &mut Play<'_>) {
    play.note_trips();
    heal(play).await;
    rest(ROUND).await;
    for (_, timed) in play.scenario.acts() {
        if !matches!(timed.act, Act::CancelRun(_) | Act::Signal(..)) {
            play.act(&timed.act).await;
        }
    }
    let mut mirror = Mirror::default();
    let mut quiet = 0;
    for round in 0..ROUNDS_MAX {
        rest(ROUND).await;
        for at in 0..play.processes.len() {
            if !play.processes[at].is_alive() {
                play.restart(at).await;
            }
        }
        mirror.follow(&play.house.trace);
        let is_quiet = mirror.is_quiet(&play.house.trace) && is_read(play, &mirror).await;
        quiet = if is_quiet { quiet + 1 } else { 0 };
        if quiet == 2 {
            break;
        }
        help(play, &mirror, round).await;
    }
}

/// Whether every lane has read its log and its inbox to the end.
async fn is_read(play: &Play<'_>, mirror: &Mirror) -> bool {
    let node = play.house.world.node();
    let (store, broker) = (node.store(), node.broker());
    if store.waiting().await.is_ok_and(|waiting| !waiting.is_empty()) {
        return false;
    }
    for group in mirror.groups() {
        let snapshot = store.snapshot(group, None).await.unwrap_or_default();
        for (lane, positions) in snapshot.positions {
            for (topic, at) in positions {
                if broker.range(&topic, lane).await.is_ok_and(|range| at.next < range.end) {
                    return false;
                }
            }
        }
    }
    true
}

async fn heal(play: &mut Play<'_>) {
    for (_, guest) in &mut play.guests {
        guest.kill();
    }
    play.house.weather.calm();
    play.house.weather.skew(0);
    play.house.world.repeat(1);
    play.house.world.delay(|_, _| Duration::ZERO);
    for at in 0..play.processes.len() {
        let process = &mut play.processes[at];
        process.wires.heal();
        process.freeze(false);
        if !process.is_alive() || process.version < play.version {
            play.restart(at).await;
        }
    }
}

/// What persons do for what cannot go on by itself: signals for runs that wait for one, another try for what
/// needs attention, and for what was given up.
async fn help(play: &mut Play<'_>, mirror: &Mirror, round: u32) {
    for saga in ["transfer", "pooled", "wired"] {
        for run in mirror.open_runs(saga).iter().filter(|_| round % 4 == 2) {
            if mirror.attends(saga, run, "credit") {
                play.operate(saga, run, "credit", Verb::Retry).await;
            }
        }
    }
    for run in mirror.open_runs("drawn") {
        let Some(n) = run.strip_prefix('r').and_then(|n| n.parse().ok()) else { continue };
        for step in NAMES {
            if round.is_multiple_of(4) && mirror.hears(&run, step) {
                play.act(&Act::Signal(n, step, true)).await;
            }
            if round % 4 == 2 && mirror.attends("drawn", &run, step) {
                let about = format!("{run}/{step}/{round}");
                let verb = verb(dice::about(play.scenario.seed, &about).next());
                play.operate("drawn", &run, step, verb).await;
            }
        }
    }
    if round == 1 || round == 10 {
        replay(play).await;
    }
}

/// Whatever was given up is tried once more.
async fn replay(play: &mut Play<'_>) {
    let Some(at) = play.somebody(Role::Sagas) else { return };
    let Some(app) = play.processes[at].app() else { return };
    for letter in app.dead_letters(u32::MAX).await.unwrap_or_default() {
        let _ = app.replay(letter.id).await;
    }
}
