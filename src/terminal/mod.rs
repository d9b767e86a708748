//! What reaches a terminal: log lines, progress, printed text.

pub mod amounts;
pub mod logging;
pub mod printing;
pub mod progress;
