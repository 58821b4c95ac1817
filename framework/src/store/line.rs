//! Standing in line: who wants the same at the same time is served together.
//!
//! A question costs a store nearly the same whether one asks it or a hundred. So whoever comes to the front of
//! the line has everybody served who stands there by then, by one statement; those who come meanwhile are served
//! by the next. Nobody lingers: who comes alone is served at once. And nobody holds the others up: where one waits
//! for what somebody else has locked, those who come after a moment are served beside it.

use crate::clock::rest;
use crate::error::{Error, ErrorKind};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// How many are served together at most.
const TOGETHER: usize = 512;

/// After so long the next are served though those before them are not.
const LONG: Duration = Duration::from_millis(200);

/// Somebody who waits for an answer.
type Waiting<Q, A> = (Q, oneshot::Sender<Result<A, Error>>);

/// Those who ask questions of one kind.
pub(crate) struct Line<Q, A> {
    waiting: Mutex<Vec<Waiting<Q, A>>>,
    /// Some are served while others gather.
    turns: Arc<Semaphore>,
}

impl<Q: Send + 'static, A: Send + 'static> Line<Q, A> {
    /// A line that is served in so many places.
    pub(crate) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::default(), turns: Arc::new(Semaphore::new(places)) })
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting<Q, A>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stands in line and waits for the answer. Whoever has its turn lets `serve` answer all who stand there,
    /// each in its place; and since others wait for that too, it goes on though one may stop waiting.
    pub(crate) async fn ask<F>(
        self: &Arc<Self>,
        question: Q,
        serve: impl Fn(Vec<Q>) -> F + Send + 'static,
    ) -> Result<A, Error>
    where
        F: Future<Output = Vec<Result<A, Error>>> + Send + 'static,
    {
        let (reply, mut answer) = oneshot::channel();
        self.waiting().push((question, reply));
        let turn = Arc::clone(&self.turns).acquire_owned();
        tokio::select! {
            biased;
            answered = &mut answer => return answered.map_err(|_| ended())?,
            turn = turn => {
                let (turn, line) = (turn.map_err(|_| ended())?, Arc::clone(self));
                tokio::spawn(async move { line.serve(serve, turn).await });
            }
        }
        answer.await.map_err(|_| ended())?
    }

    /// Serves until nobody stands there, or until it has taken long, for then another goes on.
    async fn serve<F>(&self, serve: impl Fn(Vec<Q>) -> F, turn: OwnedSemaphorePermit)
    where
        F: Future<Output = Vec<Result<A, Error>>>,
    {
        let mut turn = Some(turn);
        while turn.is_some() {
            let first = {
                let mut waiting = self.waiting();
                let most = waiting.len().min(TOGETHER);
                waiting.drain(..most).collect::<Vec<_>>()
            };
            if first.is_empty() {
                return;
            }
            let (questions, replies): (Vec<Q>, Vec<_>) = first.into_iter().unzip();
            let mut serving = pin!(serve(questions));
            let answers = tokio::select! {
                biased;
                answers = &mut serving => answers,
                () = rest(LONG) => {
                    turn = None;
                    serving.await
                }
            };
            for (reply, answer) in replies.into_iter().zip(answers) {
                // Whoever asked may have stopped waiting.
                let _ = reply.send(answer);
            }
        }
    }
}

/// Whoever served has ended in the middle: the runtime does, or what was read is damaged.
fn ended() -> Error {
    Error::new(
        ErrorKind::Store,
        "nobody answers any more: the process ends, or what was read is damaged",
    )
}

/// What was found for all, as far as one of them wanted it.
pub(crate) fn shared<K: Ord, V: Clone>(
    wanted: BTreeSet<K>,
    found: &BTreeMap<K, V>,
) -> BTreeMap<K, V> {
    let at = |key: K| found.get(&key).cloned().map(|value| (key, value));
    wanted.into_iter().filter_map(at).collect()
}

/// The same error for everybody who was served together.
pub(crate) fn each<A>(told: &Error, count: usize) -> Vec<Result<A, Error>> {
    (0..count).map(|_| Err(Error::new(told.kind(), told))).collect()
}

#[cfg(test)]
mod tests {
    use super::Line;
    use crate::clock::{Stopwatch, rest};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;
    use tokio::task::yield_now;

    /// Answers each with twice what it asked, and notes how many were served together.
    fn double(groups: &Arc<Mutex<Vec<usize>>>) -> impl Fn(Vec<u32>) -> Answers + Send + 'static {
        let groups = Arc::clone(groups);
        move |questions| {
            groups.lock().unwrap().push(questions.len());
            Box::pin(async move {
                yield_now().await;
                questions.into_iter().map(|question| Ok(question * 2)).collect()
            })
        }
    }

    type Answers = futures::future::BoxFuture<'static, Vec<Result<u32, crate::Error>>>;

    #[tokio::test]
    async fn whoever_comes_alone_is_served_alone_and_those_who_come_meanwhile_together() {
        let (line, groups) = (Line::new(1), Arc::new(Mutex::default()));
        let asking = (0..600).map(|n| {
            let (line, serve) = (Arc::clone(&line), double(&groups));
            tokio::spawn(async move { line.ask(n, serve).await })
        });
        let mut answers = Vec::new();
        for asked in asking.collect::<Vec<_>>() {
            answers.push(asked.await.unwrap().unwrap());
        }
        assert_eq!(answers, (0..600).map(|n| n * 2).collect::<Vec<_>>());
        let groups = groups.lock().unwrap();
        assert!(groups.len() <= 4 && groups.iter().max() <= Some(&512), "{groups:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_takes_long_holds_up_nobody_who_comes_later() {
        let line: Arc<Line<u32, u32>> = Line::new(1);
        let serve = |questions: Vec<u32>| async move {
            if questions.contains(&1) {
                rest(Duration::from_secs(10)).await;
            }
            questions.into_iter().map(Ok).collect()
        };
        let slow = tokio::spawn({
            let line = Arc::clone(&line);
            async move { line.ask(1, serve).await }
        });
        yield_now().await;
        let begun = Stopwatch::start();
        for later in 2..5 {
            assert_eq!(line.ask(later, serve).await.unwrap(), later);
        }
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        assert_eq!(slow.await.unwrap().unwrap(), 1);
    }

    #[tokio::test]
    async fn whoever_stops_waiting_has_the_others_served_all_the_same() {
        let (line, groups) = (Line::new(1), Arc::new(Mutex::default()));
        let mut first = Box::pin(line.ask(1, double(&groups)));
        let second = line.ask(2, double(&groups));
        assert!(futures::poll!(&mut first).is_pending());
        drop(first);
        assert_eq!(second.await.unwrap(), 4);
    }
}
