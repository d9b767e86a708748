//! The profiler of a training step: hears of every phase when it ends. `bntt bench` times layers by it.

/// A part of a training step that has just ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase<'a> {
    /// Images have become a sequence.
    Encoded,
    /// A layer has put out its sequence and keeps so many bytes for backward.
    Forward { layer: &'a str, kept: usize },
    /// The loss and its gradient are known.
    Scored,
    /// A layer has passed its gradient on.
    Backward { layer: &'a str },
    /// The optimizer has moved the weights.
    Updated,
}

/// Hears of every part when it ends.
pub trait StepProfiler {
    fn phase_ended(&mut self, part: Phase<'_>);
}

/// Nobody listens.
impl StepProfiler for () {
    fn phase_ended(&mut self, _: Phase<'_>) {}
}
