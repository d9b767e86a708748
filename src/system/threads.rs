//! Worker threads: as many as were asked for, or as the system gives. The bits of every result are the same for any
//! number.

use std::io;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, Scope};

use rayon::{ThreadBuilder, ThreadPoolBuilder};
use tracing::warn;

/// Whether the main thread does all work.
static ALONE: AtomicBool = AtomicBool::new(false);

/// Starts this process's worker threads, `wanted` of them, or else as many as `RAYON_NUM_THREADS` says or the machine
/// has cores, and tells their number. Where the system gives fewer, these do the work, with a warning; where it gives
/// none, the calling thread does. To be called before anything is computed; later calls change nothing.
pub fn start(wanted: Option<usize>) -> usize {
    let wanted = wanted.unwrap_or_else(usual).clamp(1, rayon::max_num_threads());
    // rayon tries once: a pool that it could not fill would be none for ever. Its workers get threads that are there
    // already.
    let (ready, refused) = ready(wanted);
    let given = ready.len();
    let built = match given {
        0 => ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global(),
        _ => {
            let mut ready = ready.into_iter();
            let hand_over = move |worker| match ready.next() {
                Some(thread) => thread.send(worker).map_err(|_| io::Error::other("a thread has ended")),
                None => Err(io::Error::other("there are fewer threads than workers")),
            };
            ThreadPoolBuilder::new().num_threads(given).spawn_handler(hand_over).build_global()
        }
    };
    if built.is_ok() {
        ALONE.store(given == 0, Ordering::Relaxed);
        match (refused, given) {
            (None, _) => {}
            (Some(why), 0) => warn!("the system gives no threads ({why}): one does all work"),
            (Some(why), _) => warn!("the system gives {given} threads of {wanted} ({why}): these do all work"),
        }
    }
    rayon::current_num_threads()
}

/// Threads that wait for a worker to become, at most `wanted`, and why there are not more.
fn ready(wanted: usize) -> (Vec<Sender<ThreadBuilder>>, Option<io::Error>) {
    let mut ready = Vec::with_capacity(wanted);
    for _ in 0..wanted {
        let (sender, worker) = channel::<ThreadBuilder>();
        let body = move || {
            // Nothing comes where there is a pool already.
            if let Ok(worker) = worker.recv() {
                worker.run();
            }
        };
        match thread::Builder::new().spawn(body) {
            Ok(_) => ready.push(sender),
            Err(why) => return (ready, Some(why)),
        }
    }
    (ready, None)
}

/// As rayon counts them.
fn usual() -> usize {
    let requested = std::env::var("RAYON_NUM_THREADS").ok().and_then(|number| number.parse().ok());
    requested.filter(|&number| number > 0).unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from))
}

/// Starts a thread for `work`, if there is one to be had: whether it does the work. What is refused is warned of once.
pub fn beside<'scope>(scope: &'scope Scope<'scope, '_>, work: impl FnOnce() + Send + 'scope) -> bool {
    static WARNED: Once = Once::new();
    // Workers that are the main thread would work only while it waits for them.
    if ALONE.load(Ordering::Relaxed) {
        return false;
    }
    match thread::Builder::new().spawn_scoped(scope, work) {
        Ok(_) => true,
        Err(why) => {
            WARNED.call_once(|| {
                warn!("the system gives no thread to make batches ahead ({why}): training waits for each")
            });
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_become_no_workers_end_and_a_pool_is_built_once() {
        let (ready, refused) = ready(3);
        assert!(ready.len() == 3 && refused.is_none());
        drop(ready);
        let threads = start(Some(3));
        assert_eq!(start(Some(5)), threads);
        assert_eq!(rayon::broadcast(|_| ()).len(), threads);
    }
}
