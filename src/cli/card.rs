//! `bntt card`.

use super::check;
use super::path_argument::path;
use super::trained::{CheckpointChoice, LoadedNetwork, NetworkSource};
use crate::error::{Error, Result};
use crate::files::output_folder::OutputFolder;
use crate::files::weights;
use crate::report::card::ModelCard;
use crate::report::table::Table;
use crate::run::CheckpointKind;
use crate::run::analyses::{AnalysedCheckpoint, Analyses};
use crate::run::provenance::Provenance;
use crate::run::results::Results;
use std::path::PathBuf;
use tracing::warn;

/// Write a run's network as a folder for the Hugging Face hub: weights, config and model card.
///
/// FOLDER gets model.safetensors, the tensors under this program's names with the config in the file's metadata;
/// config.toml, the run's config with stand-ins for its paths, which `bntt import` and `bntt run` take; and README.md,
/// the card: the network, its training, the accuracies of the last and the best epoch and by which images that was
/// chosen, what `bntt eval`, `energy`, `attack` and `early-exit` measured of these weights, how to use it, and where it
/// comes from. Nothing is sent anywhere. Files of these names are replaced.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  bntt card runs/quickstart/v0001 --output card --license mit\n  \
    hf upload NAME/quickstart card")]
pub struct CardArguments {
    /// Run folder.
    #[arg(value_name = "RUN", value_parser = path())]
    run: PathBuf,
    /// Which weights.
    #[arg(long, value_enum, default_value = "best")]
    checkpoint: CheckpointChoice,
    /// The license of the weights, as the hub abbreviates it, such as mit or cc-by-4.0; a line to fill in unless given.
    #[arg(long, value_name = "LICENSE")]
    license: Option<String>,
    /// The folder that the files go to; it is made where there is none.
    #[arg(short, long, value_name = "FOLDER", value_parser = path())]
    output: PathBuf,
}

pub fn card(arguments: &CardArguments) -> Result<()> {
    let (path, output) = (arguments.run.display(), &arguments.output);
    let source = NetworkSource::open(&arguments.run, &[])?;
    let Some(run) = source.folder.clone() else {
        return Err(Error::Run(format!("{path}: expected a run folder such as runs/quickstart/v0001, found a file.")));
    };
    let own = run.own_files();
    let output = OutputFolder { option: "--output", path: output, own: &own };
    output.check()?;
    let checkpoint = AnalysedCheckpoint::read(&run, CheckpointKind::from(arguments.checkpoint))?;
    let LoadedNetwork { network, mut checked, .. } = source.network(None, arguments.checkpoint)?;
    let layers = layers(&check::layers(&checked, false, None));
    checked.experiment.make_paths_public();
    let analyses = Analyses::read(&run);
    analyses.problems.iter().for_each(|problem| warn!("{problem}"));
    let (results, provenance) = (Results::read(&run), Provenance::load(&run.provenance())?);
    let card = ModelCard {
        checked: &checked,
        results: &results,
        checkpoint: &checkpoint,
        provenance: &provenance,
        analyses: &analyses.found,
        layers: &layers,
        license: arguments.license.as_deref(),
    };
    let config = checked.experiment.to_toml()?;
    let metadata = [
        ("format", "pt".to_string()),
        ("library", format!("bntt {}", env!("CARGO_PKG_VERSION"))),
        ("run", results.run.clone()),
        ("checkpoint", checkpoint.which.clone()),
        ("epoch", checkpoint.epoch.to_string()),
        ("checkpoint_sha256", checkpoint.model_sha256.clone()),
        ("config", config.clone()),
    ];
    let model = weights::to_bytes_with_metadata(&output.path.join("model.safetensors"), &network.state(), &metadata)?;
    let readme = card.render();
    output.write(&[
        ("model.safetensors", model),
        ("config.toml", config.into_bytes()),
        ("README.md", readme.into_bytes()),
    ])?;
    let mut told = format!("{path}, checkpoint {} (epoch {})\n", checkpoint.which, checkpoint.epoch);
    for name in ["model.safetensors", "config.toml", "README.md"] {
        told += &format!("{}\n", output.path.join(name).display());
    }
    if arguments.license.is_none() {
        told += "README.md has no license yet: fill in its first lines, or give --license.\n";
    }
    super::print(&told)
}

/// Of the table of `bntt check` what holds on every machine.
fn layers(table: &Table) -> Table {
    let columns = ["layer", "kind", "output", "parameters", "MACs"];
    let place = |name: &&str| table.header.iter().position(|heading| heading == name);
    let places: Vec<usize> = columns.iter().filter_map(place).collect();
    let row = |row: &Vec<String>| places.iter().filter_map(|&place| row.get(place).cloned()).collect();
    Table::new(&columns, table.rows.iter().map(row).collect(), 3)
}
