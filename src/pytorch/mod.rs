//! PyTorch's files: a network goes out as a state dictionary and a module that evaluates it, and state dictionaries of
//! others come in.
//!
//! A state dictionary is a dict of tensors by name. `torch.save` writes it as a pickle beside the tensors' bytes, in a
//! zip archive; before PyTorch 1.6 it wrote one after the other, without an archive.

mod archive;
mod groups;
mod mapping;
mod module;
mod pickle;
mod state;

pub use archive::to_archive;
pub use mapping::{Assigned, assign};
pub use module::{MOST_LINES, module};
pub use state::{StateDict, read};
