//! Loading, merging, checking, writing and describing experiment files, with a small file type.

mod experiment;
mod merging;
mod mistakes;
mod schema;
mod writing;
