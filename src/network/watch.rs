//! Listening to a training step as it passes from part to part: how `bntt bench` times layers.

/// A part of a training step that has just ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
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
pub trait Watch {
    fn ended(&mut self, part: Part<'_>);
}

/// Nobody listens.
impl Watch for () {
    fn ended(&mut self, _: Part<'_>) {}
}
