//! A terminal that may be closed while bars are drawn on it: a run of days must not end for it.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};

use console::Term;
use indicatif::{ProgressDrawTarget, TermLike};

/// Drawings a second at most.
const RATE: u8 = 20;

/// Where bars are drawn on standard error, which is a terminal. [`indicatif`] ends the process where its own terminal
/// cannot be written to.
pub(crate) fn standard_error() -> ProgressDrawTarget {
    let terminal = Terminal { term: Term::buffered_stderr(), closed: AtomicBool::new(false) };
    ProgressDrawTarget::term_like_with_hz(Box::new(terminal), RATE)
}

/// Takes everything, and drops it once the terminal takes nothing any more.
#[derive(Debug)]
struct Terminal<T> {
    term: T,
    closed: AtomicBool,
}

impl<T: TermLike> Terminal<T> {
    fn attempt(&self, draw: impl FnOnce(&T) -> io::Result<()>) -> io::Result<()> {
        if self.closed.load(Ordering::Relaxed) {
            return Ok(());
        }
        if let Err(refused) = draw(&self.term)
            && refused.kind() != ErrorKind::WouldBlock
        {
            self.closed.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl<T: TermLike> TermLike for Terminal<T> {
    fn width(&self) -> u16 {
        self.term.width()
    }

    fn height(&self) -> u16 {
        self.term.height()
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.attempt(|term| term.move_cursor_up(n))
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.attempt(|term| term.move_cursor_down(n))
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.attempt(|term| term.move_cursor_right(n))
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.attempt(|term| term.move_cursor_left(n))
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.attempt(|term| term.write_line(text))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.attempt(|term| term.write_str(text))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.attempt(T::clear_line)
    }

    fn flush(&self) -> io::Result<()> {
        self.attempt(T::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::{MultiProgress, ProgressBar};
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    /// Refuses everything, and counts.
    #[derive(Debug, Clone)]
    struct Refusing(ErrorKind, Arc<AtomicUsize>);

    impl Refusing {
        fn refuse(&self) -> io::Result<()> {
            self.1.fetch_add(1, Ordering::Relaxed);
            Err(self.0.into())
        }
    }

    impl TermLike for Refusing {
        fn width(&self) -> u16 {
            80
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            self.refuse()
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            self.refuse()
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            self.refuse()
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            self.refuse()
        }
        fn write_line(&self, _: &str) -> io::Result<()> {
            self.refuse()
        }
        fn write_str(&self, _: &str) -> io::Result<()> {
            self.refuse()
        }
        fn clear_line(&self) -> io::Result<()> {
            self.refuse()
        }
        fn flush(&self) -> io::Result<()> {
            self.refuse()
        }
    }

    /// How often a terminal is asked while a bar is drawn, lines are written above it, and it vanishes.
    fn requested(kind: ErrorKind) -> usize {
        let term = Refusing(kind, Arc::default());
        let terminal = Terminal { term: term.clone(), closed: AtomicBool::new(false) };
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::term_like(Box::new(terminal)));
        let bar = bars.add(ProgressBar::new(3));
        for _ in 0..3 {
            bar.inc(1);
            assert_eq!(bars.suspend(|| 7), 7);
        }
        bar.finish_and_clear();
        term.1.load(Ordering::Relaxed)
    }

    #[test]
    fn a_closed_terminal_is_asked_once_and_one_that_is_busy_again_and_again() {
        assert_eq!(requested(ErrorKind::BrokenPipe), 1);
        assert!(requested(ErrorKind::WouldBlock) > 10);
    }
}
