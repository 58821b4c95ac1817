//! Doing many things at once, one for each processor.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Does all of it, in no order, until one finds something; of several that do, what the first job found.
/// `tick` is told after each how many are done.
pub(super) fn search<J: Sync, F: Send>(
    jobs: &[J],
    find: impl Fn(&J) -> Option<F> + Sync,
    tick: impl Fn(usize) + Sync,
) -> Option<F> {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let found: Mutex<Option<(usize, F)>> = Mutex::default();
    let lock = || found.lock().unwrap_or_else(PoisonError::into_inner);
    let take = || {
        let at = next.fetch_add(1, Ordering::Relaxed);
        jobs.get(at).map(|job| (at, job))
    };
    let work = || {
        while let Some((at, job)) = take() {
            if lock().is_some() {
                return;
            }
            if let Some(what) = find(job) {
                let mut found = lock();
                if found.as_ref().is_none_or(|(before, _)| at < *before) {
                    *found = Some((at, what));
                }
            }
            tick(done.fetch_add(1, Ordering::Relaxed) + 1);
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner).map(|(_, found)| found)
}

#[cfg(test)]
mod tests {
    use super::search;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn everything_is_looked_at_if_nothing_is_found() {
        let (jobs, looked) = ((0..1_000).collect::<Vec<u32>>(), AtomicUsize::new(0));
        let found: Option<u32> =
            search(&jobs, |_| None, |_| _ = looked.fetch_add(1, Ordering::SeqCst));
        assert_eq!((found, looked.into_inner()), (None, 1_000));
    }

    #[test]
    fn what_is_found_ends_the_search() {
        let jobs: Vec<u32> = (0..1_000_000).collect();
        let found = search(&jobs, |job| (*job == 70).then_some(*job), |_| {});
        assert_eq!(found, Some(70));
    }
}
