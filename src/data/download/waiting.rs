//! Blocking work that a signal cannot interrupt, such as a call that waits for a server: on a thread of its own, while
//! the caller listens for a request to stop.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{Builder, sleep};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::system::signals::Stop;

/// How often a request to stop is looked for.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// What may wait to be taken; the work waits then, too.
const MOST_WAITING: usize = 2;

/// What a thread hands over, piece by piece. A caller that drops it leaves the thread behind, which ends at its next
/// piece.
pub struct Chunks<T>(Receiver<T>);

impl<T: Send + 'static> Chunks<T> {
    /// Begins `work`, which sends what it has.
    ///
    /// # Errors
    /// [`Error::Data`] when the operating system gives no thread.
    pub fn begin(work: impl FnOnce(SyncSender<T>) + Send + 'static) -> Result<Self> {
        let (sender, receiver) = sync_channel(MOST_WAITING);
        let started = Builder::new().name("waiting".into()).spawn(move || work(sender));
        started
            .map_err(|e| Error::Data(format!("cannot start a thread: {e}. End other work on this machine first.")))?;
        Ok(Self(receiver))
    }

    /// Waits for the next piece; there is none when the work has ended.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when asked to stop before it comes.
    pub fn next(&self, stop: &Stop) -> Result<Option<T>> {
        loop {
            match self.0.recv_timeout(BETWEEN_LOOKS) {
                Ok(piece) => return Ok(Some(piece)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => listen(stop)?,
            }
        }
    }
}

/// Lets time pass.
///
/// # Errors
/// [`Error::Interrupted`] when asked to stop meanwhile.
pub fn pause(time: Duration, stop: &Stop) -> Result<()> {
    let began = Instant::now();
    loop {
        listen(stop)?;
        let left = time.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Ok(());
        }
        sleep(left.min(BETWEEN_LOOKS));
    }
}

/// # Errors
/// [`Error::Interrupted`] when asked to stop.
pub fn listen(stop: &Stop) -> Result<()> {
    stop.requested().map_or(Ok(()), |reason| Err(Error::Interrupted(reason)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_in_order_and_end_with_the_work() {
        let numbers = Chunks::begin(|to| (0..100).for_each(|number| to.send(number).unwrap())).unwrap();
        let mut seen = Vec::new();
        while let Some(number) = numbers.next(&Stop::never()).unwrap() {
            seen.push(number);
        }
        assert_eq!(seen, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn what_never_comes_is_not_waited_for_after_a_request_to_stop() {
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let nothing = Chunks::begin(move |_to: SyncSender<()>| assert!(held.recv().is_err())).unwrap();
        assert!(matches!(nothing.next(&Stop::after(2)), Err(Error::Interrupted(_))));
        assert!(matches!(pause(Duration::MAX, &Stop::after(3)), Err(Error::Interrupted(_))));
        pause(Duration::from_millis(1), &Stop::never()).unwrap();
        drop(hold);
    }

    #[test]
    fn work_that_nobody_waits_for_ends_at_its_next_piece() {
        let (ended, end) = std::sync::mpsc::channel();
        let pieces = Chunks::begin(move |to| {
            while to.send(0).is_ok() {}
            ended.send(()).unwrap();
        });
        drop(pieces.unwrap());
        end.recv_timeout(Duration::from_secs(60)).unwrap();
    }
}
