//! Files that are whole or absent, named by users or made by the program, and who may work on them.

pub mod atomic;
pub mod excerpt;
pub mod lock;
pub mod nearest;
pub mod nesting;
pub mod output;
pub mod output_folder;
pub mod reading;
pub mod safetensors;
pub mod sealed;
pub mod shipped;
pub mod tilde;
pub mod weights;
