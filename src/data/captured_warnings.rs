//! Captures the warnings that are logged while a test works.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, Once};

use tracing::Level;

#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `work` gives, and the warnings of this thread meanwhile.
pub(super) fn warnings_of<R>(work: impl FnOnce() -> R) -> (R, Vec<String>) {
    // Without one for all threads, a warning that a thread without any gives first is taken for one that nobody hears.
    static FOR_ALL: Once = Once::new();
    FOR_ALL.call_once(|| {
        let subscriber = tracing_subscriber::fmt().with_max_level(Level::WARN).with_writer(io::sink).finish();
        let _ = tracing::subscriber::set_global_default(subscriber);
    });
    let said = Said::default();
    let writer = said.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::WARN)
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .with_writer(move || writer.clone())
        .finish();
    let result = tracing::subscriber::with_default(subscriber, work);
    let text = String::from_utf8(said.0.lock().unwrap().clone()).unwrap();
    (result, text.lines().map(|line| line.trim_start().trim_start_matches("WARN ").to_string()).collect())
}
