//! Runs side by side, and tables of them beside published numbers, on small made-up run folders.

mod compare;
mod made_up;
mod measures;
mod one_rule;
mod refusals;
mod shipped_tables;
mod tables;
mod workspace;
