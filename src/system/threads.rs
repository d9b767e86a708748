//! Worker threads: as many as were asked for, or as the system gives. The bits of every result are the same for any
//! number.

use std::io;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, Scope};

use rayon::{ThreadBuilder, ThreadPoolBuilder};
use tracing::warn;

/// Whether the thread that starts the others is one of the workers.
static HERE: AtomicBool = AtomicBool::new(false);
/// Whether the system gives no threads.
static ALONE: AtomicBool = AtomicBool::new(false);

/// Makes the calling thread one of the workers that [`start`] starts: to be called by a program's main thread, and by
/// none that ends before the process. A loop that workers share is then handed over among them: from outside, each of
/// the hundred loops of a training step would wake a worker and wait for it, and what follows would be read on another
/// core than it was written by (4 % of a step, 8 % of an evaluation on one thread).
///
/// Such a worker works only while it waits for others in a shared loop. So no other thread may start one, unless there
/// are more workers.
pub fn main_thread_works() {
    HERE.store(true, Ordering::Relaxed);
}

/// Starts this process's worker threads, `wanted` of them, or else as many as `RAYON_NUM_THREADS` says or the machine
/// has cores, and tells their number. Where the system gives fewer, these do the work, with a warning; where it gives
/// none, the calling thread does. To be called before anything is computed; later calls change nothing.
pub fn start(wanted: Option<usize>) -> usize {
    let wanted = wanted.unwrap_or_else(usual).clamp(1, rayon::max_num_threads());
    let here = HERE.load(Ordering::Relaxed);
    // rayon tries once: a pool that it could not fill would be none for ever. Its workers get threads that are there
    // already.
    let (ready, refused) = ready(if here { wanted.saturating_sub(1) } else { wanted });
    let given = ready.len();
    let mut ready = ready.into_iter();
    let hand_over = move |worker| match ready.next() {
        Some(thread) => thread.send(worker).map_err(|_| io::Error::other("a thread has ended")),
        None => Err(io::Error::other("there are fewer threads than workers")),
    };
    let (pool, workers) = match (here || given == 0, ThreadPoolBuilder::new()) {
        (true, pool) => (pool.use_current_thread(), given.saturating_add(1)),
        (false, pool) => (pool, given),
    };
    if pool.num_threads(workers).spawn_handler(hand_over).build_global().is_ok() {
        ALONE.store(refused.is_some() && given == 0, Ordering::Relaxed);
        match (refused, given) {
            (None, _) => {}
            (Some(why), 0) => warn!("the system gives no threads ({why}): one does all work"),
            (Some(why), _) => warn!("the system gives {workers} threads of {wanted} ({why}): these do all work"),
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
