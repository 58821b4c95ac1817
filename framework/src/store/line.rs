//! Standing in line: who wants the same at the same time is served together.
//!
//! A question costs a store nearly the same whether one asks it or a hundred. So all who stand there when a place
//! is free are served by one statement; those who come meanwhile are served by the next. Nobody lingers: who comes
//! alone is served at once. Where one waits for what somebody else has locked, those who come later are served
//! beside it, as far as there is room.

use crate::clock::rest;
use crate::error::{Error, ErrorKind};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// How many are served together at most.
const TOGETHER: usize = 512;

/// After so long the next are served beside those who are not.
const LONG: Duration = Duration::from_millis(200);

/// Somebody who waits for an answer.
type Waiting<Q, A> = (Q, oneshot::Sender<Result<A, Error>>);

/// What answers all who are served together, each in its place.
type Serve<Q, A> = dyn Fn(Vec<Q>) -> BoxFuture<'static, Vec<Result<A, Error>>> + Send + Sync;

/// Those who ask questions of one kind.
///
/// Whoever asks holds nothing: what serves is a task of its own. So the line goes on though somebody stops waiting,
/// or is a future that nobody polls for a while.
pub(crate) struct Line<Q, A> {
    state: Mutex<State<Q, A>>,
    serve: Box<Serve<Q, A>>,
    /// How many serve at a time; those who come meanwhile gather.
    places: usize,
    /// How many more may be at it that take long.
    spare: usize,
}

struct State<Q, A> {
    /// If there is somebody, somebody serves.
    waiting: Vec<Waiting<Q, A>>,
    serving: usize,
    /// How many are at it that took long.
    slow: usize,
}

impl<Q: Send + 'static, A: Send + 'static> Line<Q, A> {
    /// A line that is served in so many places, and in so many more as long as it takes long there.
    pub(crate) fn new(
        places: usize,
        spare: usize,
        serve: impl Fn(Vec<Q>) -> BoxFuture<'static, Vec<Result<A, Error>>> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let state = Mutex::new(State { waiting: Vec::new(), serving: 0, slow: 0 });
        Arc::new(Self { state, serve: Box::new(serve), places, spare })
    }

    /// Stands in line and waits for the answer.
    pub(crate) async fn ask(self: &Arc<Self>, question: Q) -> Result<A, Error> {
        let (reply, answer) = oneshot::channel();
        self.state().waiting.push((question, reply));
        self.go_on();
        answer.await.map_err(|_| ended())?
    }

    /// Has those served who wait, if a place is free.
    fn go_on(self: &Arc<Self>) {
        {
            let mut state = self.state();
            if state.waiting.is_empty() || state.serving == self.places {
                return;
            }
            state.serving += 1;
        }
        let place = Place { line: Arc::clone(self), is_slow: false };
        tokio::spawn(place.serve());
    }
}

impl<Q, A> Line<Q, A> {
    fn state(&self) -> MutexGuard<'_, State<Q, A>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place at which somebody serves. It is free again when this is dropped, however that comes.
struct Place<Q, A> {
    line: Arc<Line<Q, A>>,
    is_slow: bool,
}

impl<Q: Send + 'static, A: Send + 'static> Place<Q, A> {
    /// Serves until nobody stands there, or until it has taken long, for then another goes on.
    async fn serve(mut self) {
        while !self.is_slow {
            let next = self.next();
            if next.is_empty() {
                break;
            }
            let (questions, replies): (Vec<Q>, Vec<_>) = next.into_iter().unzip();
            // If it panics, those who asked are told that it ended, and the others are served.
            let answers = self.answers(questions).await.unwrap_or_default();
            for (reply, answer) in replies.into_iter().zip(answers) {
                // Whoever asked may have stopped waiting.
                let _ = reply.send(answer);
            }
        }
        let line = Arc::clone(&self.line);
        drop(self);
        // Somebody may have come who saw that the place was taken.
        line.go_on();
    }

    /// Those who are served next.
    fn next(&self) -> Vec<Waiting<Q, A>> {
        let mut state = self.line.state();
        let most = state.waiting.len().min(TOGETHER);
        state.waiting.drain(..most).collect()
    }

    /// What they are answered. While it takes long, others may have the place.
    async fn answers(&mut self, questions: Vec<Q>) -> std::thread::Result<Vec<Result<A, Error>>> {
        let serving = (self.line.serve)(questions);
        let mut serving = pin!(AssertUnwindSafe(serving).catch_unwind());
        loop {
            tokio::select! {
                biased;
                answers = &mut serving => return answers,
                () = rest(LONG) => self.makes_room(),
            }
        }
    }

    /// Goes on beside the place, which is another's from now on, if there is room for that.
    fn makes_room(&mut self) {
        {
            let mut state = self.line.state();
            if self.is_slow || state.slow == self.line.spare {
                return;
            }
            (state.slow, state.serving) = (state.slow + 1, state.serving - 1);
            self.is_slow = true;
        }
        self.line.go_on();
    }
}

impl<Q, A> Drop for Place<Q, A> {
    fn drop(&mut self) {
        let mut state = self.line.state();
        match self.is_slow {
            true => state.slow -= 1,
            false => state.serving -= 1,
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
    use futures::FutureExt;
    use futures::future::BoxFuture;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;
    use tokio::task::yield_now;

    type Answers = BoxFuture<'static, Vec<Result<u32, crate::Error>>>;

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

    fn doubling() -> (Arc<Line<u32, u32>>, Arc<Mutex<Vec<usize>>>) {
        let groups = Arc::new(Mutex::default());
        (Line::new(1, 0, double(&groups)), groups)
    }

    /// One place and one to spare; what is below ten takes ten seconds.
    fn slow() -> Arc<Line<u32, u32>> {
        let serve = |questions: Vec<u32>| async move {
            if questions.iter().any(|question| *question < 10) {
                rest(Duration::from_secs(10)).await;
            }
            questions.into_iter().map(Ok).collect()
        };
        Line::new(1, 1, move |questions| serve(questions).boxed())
    }

    #[tokio::test]
    async fn whoever_comes_alone_is_served_alone_and_those_who_come_meanwhile_together() {
        let (line, groups) = doubling();
        let asking = (0..600).map(|n| {
            let line = Arc::clone(&line);
            tokio::spawn(async move { line.ask(n).await })
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
        let line = slow();
        let first = tokio::spawn({
            let line = Arc::clone(&line);
            async move { line.ask(1).await }
        });
        yield_now().await;
        let since = Stopwatch::start();
        for later in 10..15 {
            assert_eq!(line.ask(later).await.unwrap(), later);
        }
        assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
        assert_eq!(first.await.unwrap().unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_there_is_room_for_wait_for_those_that_take_long_and_then_all_are_served() {
        let line = slow();
        let asking = [1, 2, 3, 10].map(|n| {
            let line = Arc::clone(&line);
            tokio::spawn(async move {
                rest(Duration::from_secs(n.into())).await;
                line.ask(n).await
            })
        });
        let since = Stopwatch::start();
        for asked in asking {
            asked.await.unwrap().unwrap();
        }
        assert_eq!(line.ask(11).await.unwrap(), 11);
        // The third, and with it the fourth, was served when the first was done after eleven seconds.
        assert_eq!(since.elapsed().as_secs(), 21);
        let state = line.state();
        assert_eq!((state.waiting.len(), state.serving, state.slow), (0, 0, 0));
    }

    #[tokio::test]
    async fn whoever_stops_waiting_has_the_others_served_all_the_same() {
        let (line, _) = doubling();
        let mut first = Box::pin(line.ask(1));
        let second = line.ask(2);
        assert!(futures::poll!(&mut first).is_pending());
        drop(first);
        assert_eq!(second.await.unwrap(), 4);
    }

    /// As one of several that are waited for together, while the first to end is seen to.
    #[tokio::test(start_paused = true)]
    async fn a_future_that_nobody_polls_holds_up_nobody() {
        let (line, _) = doubling();
        let (mut first, mut second) = (Box::pin(line.ask(1)), Box::pin(line.ask(2)));
        assert!(futures::poll!(&mut first).is_pending());
        assert!(futures::poll!(&mut second).is_pending());
        assert_eq!(first.await.unwrap(), 2);
        tokio::select! {
            third = line.ask(3) => assert_eq!(third.unwrap(), 6),
            () = rest(Duration::from_secs(60)) => panic!("it is held up"),
        }
        assert_eq!(second.await.unwrap(), 4);
    }

    #[tokio::test]
    async fn if_serving_panics_those_are_told_and_the_next_are_served() {
        let serve = |questions: Vec<u32>| async move {
            assert!(!questions.contains(&1), "a deliberate panic");
            questions.into_iter().map(Ok).collect::<Vec<Result<u32, crate::Error>>>()
        };
        let line = Line::new(1, 0, move |questions| serve(questions).boxed());
        let told = line.ask(1).await.unwrap_err().to_string();
        assert!(told.starts_with("nobody answers any more"), "{told}");
        assert_eq!(line.ask(2).await.unwrap(), 2);
    }
}
