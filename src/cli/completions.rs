//! `bntt completions`.

use super::CommandLine;
use crate::error::Result;
use clap::CommandFactory;
use clap_complete::Shell;

/// Write the script with which a shell completes commands and options.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bntt completions bash > ~/.local/share/bash-completion/completions/bntt\n  \
                        bntt completions zsh > ~/.zfunc/_bntt")]
pub struct CompletionsArguments {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub fn completions(arguments: &CompletionsArguments) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut CommandLine::command(), "bntt", &mut script);
    super::print(&String::from_utf8_lossy(&script))
}
