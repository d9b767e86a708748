//! PyTorch's files: a network goes out as a state dictionary and a module that evaluates it.
//!
//! A state dictionary is a dict of tensors by name. `torch.save` writes it as a pickle beside the tensors' bytes, in a
//! zip archive.

mod archive;
mod module;

pub use archive::to_archive;
pub use module::{MOST_LINES, module};
