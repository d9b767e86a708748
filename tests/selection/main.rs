//! What is chosen where: validation images, when to stop, how long to train, what to begin with.

mod decay;
mod early_stopping;
mod longer;
mod recalibrate;
mod validation;
mod weights;
mod workspace;
