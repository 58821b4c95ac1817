//! One telling: from the start to the end, with the faults of its plot, in virtual time.

use crate::story::explore::fault::{Fault, Step};
use crate::story::explore::plot::Plot;
use crate::story::explore::scene::Scene;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// What came of a telling.
#[derive(Debug)]
pub(super) struct Told<E> {
    /// The end, or why there is none.
    pub(super) end: Result<E, String>,
    /// What must not be, whatever the story.
    pub(super) wrong: Vec<String>,
    /// The points that were come to, until the story was at its end.
    pub(super) steps: Vec<Step>,
    /// How many of them belong to the setting.
    pub(super) setting: usize,
}

/// Tells a story once, for so much of its time at most. A panic in it is an end, too.
pub(super) fn tell<E>(
    play: &impl AsyncFn(Scene) -> E,
    faults: &[Fault],
    within: Duration,
) -> Told<E> {
    let plot = Plot::of(faults);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime needs nothing but memory");
    let telling = async {
        let scene = Scene::open(plot.clone()).await.expect("a world in memory has no faults");
        let end = tokio::time::timeout(within, play(scene.clone())).await;
        let late = |_| format!("it does not come to an end within {within:?}");
        (end.map_err(late), scene.troubles().await)
    };
    let (end, wrong) = match catch_unwind(AssertUnwindSafe(|| runtime.block_on(telling))) {
        Ok(told) => told,
        Err(panic) => (Err(said(&*panic)), Vec::new()),
    };
    Told { end, wrong, steps: plot.steps(), setting: plot.setting() }
}

/// What a panic has said.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("it panics: {}", text.unwrap_or("without words"))
}
