//! `bntt schema`.

use crate::config;
use crate::error::{Error, Result};
use crate::experiment::Experiment;

/// Print the JSON schema of experiment files, for editors that complete and check them.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  bntt schema > configs/bntt.schema.json\n\nA file's first line points an editor \
                        (VS Code with Even Better TOML, or any with taplo) to it:\n  #:schema bntt.schema.json")]
pub struct SchemaArguments {}

pub fn schema(_: &SchemaArguments) -> Result<()> {
    let text = serde_json::to_string_pretty(&config::schema::<Experiment>());
    let text = text.map_err(|e| Error::io("write", "the schema")(e.into()))?;
    super::print(&(text + "\n"))
}
