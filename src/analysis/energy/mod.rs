//! What a network would take on hardware that computes with spikes: operations counted, and their energy.
//!
//! [`products`] tells which layers multiply and what one spike sets off in them, [`Meter`] counts during an evaluation,
//! [`account`] turns counts into energy with the costs of [`Constants`].

mod account;
mod constants;
mod meter;
mod product;

pub use account::{LayerEnergy, account, total};
pub use constants::Constants;
pub use meter::{LayerSpikes, Meter, ReceivedSpikes, SpikesByStep};
pub use product::{CostedLayer, Operands, OperationProbe, products};
