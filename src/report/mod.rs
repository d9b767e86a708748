//! Runs side by side, as pages, figures and tables.

#[cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
pub mod compare;
pub mod figures;
pub mod pages;
pub mod tables;
