//! Runs side by side, as pages, figures and tables.

pub mod compare;
pub mod figures;
pub mod measure_plot;
pub mod pages;
pub mod table;
pub mod tables;
