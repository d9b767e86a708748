//! Runs side by side, as pages, figures, tables and model cards.

pub mod card;
pub mod compare;
pub mod figures;
pub mod measure_plot;
pub mod pages;
pub mod table;
pub mod tables;
