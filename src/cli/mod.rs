//! The command line: one file a command.

mod archive;
mod attack;
mod bench;
mod bench_model;
mod bench_threads;
mod card;
mod check;
mod compare;
mod completions;
mod configs;
mod convert;
mod data;
mod doctor;
mod early_exit;
mod energy;
mod eval;
mod export;
mod figures;
mod import;
mod list;
mod man;
mod meant;
mod note;
mod path_argument;
mod plot;
mod predict;
mod recalibrate;
mod report;
mod resume;
mod rm;
mod run;
mod schema;
mod selftest;
mod subject;
mod sweep;
mod tables;
mod tag;
mod trained;

use crate::error::{Error, Result};
use crate::report::table::text::terminal_width;
use crate::report::table::{Format, Printout};
use crate::terminal::logging::{self, Log, Verbosity};
use crate::terminal::printing::{visible, wrapped};
use clap::{Parser, Subcommand};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::process::ExitCode;
use tracing::error;

/// Trains spiking neural networks with Batch Normalization Through Time from a TOML file.
#[derive(Parser)]
#[command(
    name = "bntt",
    version,
    arg_required_else_help = true,
    after_help = "Example:\n  bntt run configs/quickstart.toml\n\nbntt COMMAND --help shows an example of every command."
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
    /// Show warnings and errors alone; a run's log.txt stays whole.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Show what is done underneath, too. RUST_LOG=bntt::data=debug shows it of one part.
    #[arg(short, long, global = true)]
    verbose: bool,
}

impl CommandLine {
    fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, true) => Verbosity::Verbose,
            (false, false) => Verbosity::Usual,
        }
    }
}

#[derive(Subcommand)]
enum Command {
    Run(run::RunArguments),
    Sweep(sweep::SweepArguments),
    Check(check::CheckArguments),
    Data(data::DataArguments),
    Resume(resume::ResumeArguments),
    Eval(eval::EvalArguments),
    Bench(bench::BenchArguments),
    Predict(predict::PredictArguments),
    Recalibrate(recalibrate::RecalibrateArguments),
    List(list::ListArguments),
    Note(note::NoteArguments),
    Tag(tag::TagArguments),
    Archive(archive::ArchiveArguments),
    Rm(rm::RmArguments),
    EarlyExit(early_exit::EarlyExitArguments),
    Energy(energy::EnergyArguments),
    Convert(convert::ConvertArguments),
    Export(export::ExportArguments),
    Card(card::CardArguments),
    Import(import::ImportArguments),
    Attack(attack::AttackArguments),
    Compare(compare::CompareArguments),
    Table(tables::TableArguments),
    Doctor(doctor::DoctorArguments),
    Report(report::ReportArguments),
    Plot(plot::PlotArguments),
    Configs(configs::ConfigsArguments),
    Schema(schema::SchemaArguments),
    Selftest(selftest::SelftestArguments),
    Completions(completions::CompletionsArguments),
    Man(man::ManArguments),
}

/// Runs the command that the process's arguments ask for. Exit codes: 0 done, 1 a failure inside the program, 2
/// something for the user to mend; of a run that was asked to stop 130 (SIGINT), 129 (SIGHUP), 143 (SIGTERM) or 0
/// (SIGUSR1).
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|fault| {
        let trace = Backtrace::capture();
        let trace = if trace.status() == BacktraceStatus::Captured { format!("{trace}\n") } else { String::new() };
        say(&format!("error: a fault inside the program, which {fault}\n{trace}"));
    }));
    let asked = CommandLine::try_parse();
    let log = logging::init(asked.as_ref().map_or(Verbosity::Usual, CommandLine::verbosity));
    let done = match asked {
        Ok(CommandLine { command, .. }) => dispatch(command, &log),
        Err(wrong) if wrong.use_stderr() => {
            let arguments: Vec<String> = std::env::args_os().map(|text| text.to_string_lossy().into_owned()).collect();
            say(&meant::settings(&wrong, &arguments).unwrap_or_else(|| wrong.render().to_string()));
            return ExitCode::from(u8::try_from(wrong.exit_code()).unwrap_or(2));
        }
        // Help and the version, with the terminal's own letters.
        Err(requested) => requested.print().map_err(Error::io("write", "standard output")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody reads what a closed pipe would have taken: `bntt list | head`.
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        // It has said so itself, in the run's log too.
        Err(error @ Error::Interrupted(_)) => ExitCode::from(error.exit_code()),
        // In the run's log too, where there is one.
        Err(error) => {
            error!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Says on standard error what may hold anything.
fn say(text: &str) {
    use std::io::Write;
    // Nothing can be done about a standard error that is closed or full.
    let _ = std::io::stderr().write_all(visible(text).as_bytes());
}

fn dispatch(command: Command, log: &Log) -> Result<()> {
    crate::ops::simd::requested().map_err(Error::Device)?;
    // Of these an experiment may say how many.
    if !matches!(
        command,
        Command::Run(_) | Command::Resume(_) | Command::Sweep(_) | Command::Bench(_) | Command::Check(_)
    ) {
        crate::system::threads::start(None);
    }
    match command {
        Command::Run(arguments) => run::run(&arguments, log),
        Command::Sweep(arguments) => sweep::sweep(&arguments, log),
        Command::Check(arguments) => check::check(&arguments),
        Command::Data(arguments) => data::data(&arguments, log),
        Command::Resume(arguments) => resume::resume(&arguments, log),
        Command::Eval(arguments) => eval::eval(&arguments, log),
        Command::Bench(arguments) => bench::bench(&arguments),
        Command::Predict(arguments) => predict::predict(&arguments, log),
        Command::Recalibrate(arguments) => recalibrate::recalibrate(&arguments, log),
        Command::List(arguments) => list::list(&arguments),
        Command::Note(arguments) => note::note(&arguments),
        Command::Tag(arguments) => tag::tag(&arguments),
        Command::Archive(arguments) => archive::archive(&arguments),
        Command::Rm(arguments) => rm::rm(&arguments),
        Command::EarlyExit(arguments) => early_exit::early_exit(&arguments, log),
        Command::Energy(arguments) => energy::energy(&arguments, log),
        Command::Convert(arguments) => convert::convert(&arguments, log),
        Command::Export(arguments) => export::export(&arguments, log),
        Command::Card(arguments) => card::card(&arguments),
        Command::Import(arguments) => import::import(&arguments),
        Command::Attack(arguments) => attack::attack(&arguments, log),
        Command::Compare(arguments) => compare::compare(&arguments),
        Command::Table(arguments) => tables::table(&arguments),
        Command::Doctor(arguments) => doctor::doctor(&arguments),
        Command::Report(arguments) => report::report(&arguments, log),
        Command::Plot(arguments) => plot::plot(&arguments, log),
        Command::Configs(arguments) => configs::configs(&arguments),
        Command::Schema(arguments) => schema::schema(&arguments),
        Command::Selftest(arguments) => selftest::selftest(&arguments),
        Command::Completions(arguments) => completions::completions(&arguments),
        Command::Man(arguments) => man::man(&arguments),
    }
}

/// How a command prints: the same for every command.
#[derive(clap::Args)]
struct FormatArgument {
    /// How to print; json has every number with all its digits.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

impl FormatArgument {
    /// Prints to standard output in the form that was asked for.
    fn print(&self, printout: Printout) -> Result<()> {
        let text = printout.render(self.format)?;
        print(&if self.format == Format::Text { fitted(&text) } else { text })
    }
}

/// Text whose lines fit the terminal that standard output is.
fn fitted(text: &str) -> String {
    terminal_width().map_or_else(|| text.to_string(), |columns| wrapped(text, columns))
}

/// Prints to standard output; a closed pipe is an error that `main` takes as the end.
fn print(text: &str) -> Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    out.write_all(visible(text).as_bytes())
        .and_then(|()| out.flush())
        .map_err(crate::error::Error::io("write", "standard output"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use clap::builder::ValueParser;

    #[test]
    fn every_path_on_the_command_line_is_looked_at_for_a_tilde() {
        let built_in = ValueParser::path_buf();
        let mut seen = 0;
        for command in CommandLine::command().get_subcommands() {
            for argument in command.get_arguments() {
                let parser = argument.get_value_parser();
                let (command, argument) = (command.get_name(), argument.get_id());
                assert_ne!(format!("{parser:?}"), format!("{built_in:?}"), "{command}: {argument} is not looked at");
                seen += usize::from(parser.type_id() == built_in.type_id());
            }
        }
        assert!(seen > 25, "{seen} paths");
        for arguments in [
            &["bntt", "run", "a.toml", "--runs=~/x"][..],
            &["bntt", "run", "~/a.toml"],
            &["bntt", "compare", "a", "~/b"],
            &["bntt", "predict", "run", "--input=i", "--output=~/o"],
            &["bntt", "energy", "run", "--figures=~/f"],
        ] {
            let message = CommandLine::try_parse_from(arguments).err().expect("a refusal").to_string();
            assert!(message.contains("nothing expands the \"~\" of ~/"), "{message}");
        }
        assert!(CommandLine::try_parse_from(["bntt", "run", "./~/a.toml", "--runs=a/~"]).is_ok());
    }
}
