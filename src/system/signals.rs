//! Stop requests: SIGINT, SIGHUP, SIGTERM, SIGUSR1, or a budget of steps in tests.

use crate::error::{Error, Result, StopReason};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// What a run asks after every step. Clones hear the same.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// 0, or the signal's number.
    signal: Arc<AtomicUsize>,
    /// How often it may still be asked before it says stop of its own accord; 0 for ever.
    left: Arc<AtomicU64>,
}

impl Stop {
    /// Never asks to stop.
    pub fn never() -> Self {
        Self::default()
    }

    /// Asks to stop, as SIGTERM does, the `n`th time that it is asked; for tests and for programs with a budget.
    pub fn after(n: u64) -> Self {
        Self { left: Arc::new(AtomicU64::new(n)), ..Self::default() }
    }

    /// Listens to SIGINT, SIGHUP, SIGTERM and SIGUSR1 from now on. A second SIGINT ends the process at once. SIGHUP
    /// stays ignored where it is, as `nohup` has it. A file that outgrows the process's limit (SIGXFSZ) is an error of
    /// the write from now on, not the end.
    ///
    /// # Errors
    /// [`Error::Run`] when the operating system does not let it.
    pub fn on_signals() -> Result<Self> {
        let stop = Self::default();
        let refused = |e: std::io::Error| Error::Run(format!("cannot listen to signals: {e}."));
        let again = Arc::new(AtomicBool::new(false));
        // In this order: the first SIGINT finds the flag down, raises it, and the second finds it up.
        flag::register_conditional_shutdown(SIGINT, StopReason::Int.exit_code().into(), Arc::clone(&again))
            .map_err(refused)?;
        flag::register(SIGINT, again).map_err(refused)?;
        flag::register(libc::SIGXFSZ, Arc::default()).map_err(refused)?;
        let heard = StopReason::ALL.into_iter().filter(|&reason| reason != StopReason::Hup || !is_ignored(SIGHUP));
        for reason in heard {
            let number = reason.signal().unsigned_abs() as usize;
            flag::register_usize(reason.signal(), Arc::clone(&stop.signal), number).map_err(refused)?;
        }
        Ok(stop)
    }

    /// Whether to stop, and why.
    pub fn requested(&self) -> Option<StopReason> {
        if let Some(left) = self.left.load(Ordering::Relaxed).checked_sub(1) {
            self.left.store(left, Ordering::Relaxed);
            if left == 0 {
                self.signal.store(SIGTERM.unsigned_abs() as usize, Ordering::Relaxed);
            }
        }
        let signal = self.signal.load(Ordering::Relaxed);
        StopReason::ALL.into_iter().find(|reason| reason.signal().unsigned_abs() as usize == signal)
    }
}

/// Whether whoever started this process told it to ignore a signal.
fn is_ignored(signal: i32) -> bool {
    // SAFETY: all zeros is a valid `sigaction`; without a new action the call only writes the present one to the place
    // it is given.
    unsafe {
        let mut present: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &mut present) == 0 && present.sa_sigaction == libc::SIG_IGN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_the_shells_and_names_the_systems() {
        for reason in StopReason::ALL {
            let code = if reason == StopReason::Usr1 { 0 } else { 128 + reason.signal() };
            assert_eq!(i32::from(reason.exit_code()), code, "{}", reason.name());
        }
        assert_eq!(StopReason::ALL.map(StopReason::name), ["SIGINT", "SIGHUP", "SIGTERM", "SIGUSR1"]);
        assert_eq!(StopReason::ALL.map(StopReason::signal), [2, 1, 15, libc::SIGUSR1]);
        // What nobody asked for; what every Rust program ignores.
        assert!(!is_ignored(libc::SIGWINCH) && is_ignored(libc::SIGPIPE));
    }

    #[test]
    fn stops_when_the_budget_is_spent_and_stays_so() {
        let stop = Stop::after(3);
        let other = stop.clone();
        assert_eq!(
            [stop.requested(), other.requested(), stop.requested(), other.requested()],
            [None, None, Some(StopReason::Term), Some(StopReason::Term)]
        );
        assert_eq!(Stop::never().requested(), None);
    }

    #[test]
    fn a_signal_is_heard_and_the_process_lives_on() {
        let stop = Stop::on_signals().expect("signals");
        assert_eq!(stop.requested(), None);
        // SAFETY: raising a signal that this process handles.
        assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0);
        assert_eq!(stop.requested(), Some(StopReason::Usr1));
        assert_eq!(StopReason::Usr1.exit_code(), 0);
    }
}
