//! Runs kept in order: notes, tags, the list, the archive, removal, what a complete run keeps; and what the program
//! says where, in a shell.

mod archive;
mod checkpoints;
mod labels;
mod list;
mod removal;
mod screen;
mod shell;
mod terminal;
mod trained;
#[path = "../comparing/workspace.rs"]
mod workspace;
