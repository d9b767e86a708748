//! `bntt energy`.

use super::figures::Figures;
use super::path_argument::path;
use super::trained::{EvaluatedNetwork, RunNetworkArguments, Trained};
use crate::analysis::energy::{Constants, CostedLayer, LayerEnergy, LayerSpikes, Meter, account, products, total};
use crate::error::{Error, Result};
use crate::network::{LayerIo, NetworkConfig, Observer};
use crate::ops::cross_entropy::{BatchScore, score};
use crate::ops::finite;
use crate::report::figures::{self, SpikeRaster};
use crate::report::table::text::{self, terminal_width};
use crate::report::table::{Printout, Table, json};
use crate::terminal::amounts::{NumberColumn, counts, energies, significant};
use crate::terminal::logging::Log;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Count a run's spikes and synaptic operations on its test images, and what they would take in energy.
///
/// For every convolution and linear layer, per image: multiply-accumulates (MACs) of one dense step; R, the spikes per
/// neuron over all time-steps; synaptic operations, one for each connection of each value that is not zero, counted
/// from what the layer received (fewer at borders); and the energy by the papers' formula (R x MACs x 0.9 pJ), by the
/// count, by the count with memory traffic, and of the same layers as an ANN (MACs x 4.6 pJ). A layer behind an average
/// pool receives means: they are counted as such (after pooling, a product each) and as the spikes that they are made
/// of (before pooling, a sum each). A direct-coded first layer computes once, with products.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bntt energy runs/quickstart/v0001 --figures figures\n  \
                  bntt energy runs/quickstart/v0001 --ann runs/quickstart_ann/v0001\n  \
                  bntt energy runs/quickstart/v0001 data.limit.test=100 --constants 7nm.toml --format json")]
pub struct EnergyArguments {
    #[command(flatten)]
    of: RunNetworkArguments,
    /// Costs of operations: a TOML table of multiply_accumulate, accumulate and memory_access in picojoule; that of 45
    /// nm unless given.
    #[arg(long, value_name = "FILE", value_parser = path())]
    constants: Option<PathBuf>,
    /// A run of the network without spikes, as `network.neuron = "relu"` trains it: what both take, and get right, is
    /// compared.
    #[arg(long, value_name = "RUN", value_parser = path())]
    ann: Option<PathBuf>,
    /// The test image whose spikes the raster shows.
    #[arg(long, value_name = "N", default_value_t = 0)]
    image: usize,
    #[command(flatten)]
    figures: Figures,
    #[command(flatten)]
    format: super::FormatArgument,
}

const PICO_IN_MICRO: f64 = 1e6;

/// All numbers, energies in picojoule.
#[derive(Serialize)]
struct EnergyReport {
    #[serde(flatten)]
    subject: EvaluatedNetwork,
    images: u64,
    /// Of one draw of each image, in percent.
    top1: f64,
    time_steps: usize,
    constants: Constants,
    #[serde(skip_serializing_if = "Option::is_none")]
    ann: Option<AnnEnergy>,
    layers: Vec<LayerEnergy>,
    /// Spikes per neuron at every time-step, by LIF layer.
    rates: Vec<(String, Vec<f64>)>,
}

/// The network without spikes that was trained, and what it takes per image, in picojoule.
#[derive(Serialize)]
struct AnnEnergy {
    #[serde(flatten)]
    subject: EvaluatedNetwork,
    images: u64,
    /// In percent.
    top1: f64,
    /// Dense.
    macs: u64,
    /// Those with an input that is not 0.
    operations: f64,
    /// Of all multiply-accumulates.
    energy: f64,
    energy_with_memory: f64,
}

pub fn energy(arguments: &EnergyArguments, log: &Log) -> Result<()> {
    let constants = Constants::load(arguments.constants.as_deref())?;
    let trained = arguments.of.open(log)?;
    let (experiment, plan) = (&trained.checked.experiment, &trained.checked.plan);
    let time_steps = experiment.network.time_steps;
    refuse_other_kind(&arguments.of.run, &experiment.network, true)?;
    let products = products(&experiment.network, plan);
    let (meter, images, top1) = measure(&trained, &products, time_steps)?;
    let ann = arguments.ann.as_ref().map(|run| measure_ann(arguments, run, &constants, log)).transpose()?;
    let rate = |spikes: &LayerSpikes| {
        let chances = (spikes.neurons.saturating_mul(images)).max(1) as f64;
        (spikes.layer.clone(), spikes.spikes.iter().map(|&count| count as f64 / chances).collect())
    };
    let report = EnergyReport {
        subject: trained.subject.clone(),
        images,
        top1,
        time_steps,
        constants,
        ann,
        layers: account(&products, &meter, images, time_steps, &constants),
        rates: meter.spikes.iter().map(rate).collect(),
    };
    keep(&trained, &report, arguments)?;
    arguments.figures.write(|| {
        let image = format!("Test image {} (counted from 0).", arguments.image);
        Ok(vec![figures::rates_by_step(&report.rates)?, figures::raster(&fired(&trained, arguments.image)?, &image)?])
    })?;
    let (text, table) = describe(&report, &products);
    let of = |subject: &EvaluatedNetwork| format!("{}\n", subject.describe());
    let text = of(&report.subject) + &report.ann.iter().map(|ann| of(&ann.subject)).collect::<String>() + "\n" + &text;
    let (text, tables) = match &report.ann {
        Some(ann) => {
            let (told, compared) = compare(&report, ann);
            (format!("{text}\n{told}"), vec![table, compared])
        }
        None => (text, vec![table]),
    };
    let printout = Printout::new(text, tables).with_json(json::value(&report)?);
    arguments.format.print(printout.with_list(&json::value(&report.layers)?))
}

/// Leaves the numbers in the run's folder; energies in microjoule.
fn keep(trained: &Trained, report: &EnergyReport, arguments: &EnergyArguments) -> Result<()> {
    let EnergyReport { layers, constants, .. } = report;
    let mut analysis = trained.analysis("energy");
    analysis.settings = serde_json::json!({ "constants": constants, "ann": arguments.ann });
    analysis.conditions = arguments.constants.iter().map(|file| format!("the costs of {}", file.display())).collect();
    let sum = |column: fn(&LayerEnergy) -> f64| total(layers, column);
    let [formula, counted, with_memory] = [sum(|l| l.formula), sum(|l| l.counted), sum(|l| l.with_memory)];
    let [ann, ann_with_memory] = [sum(|l| l.ann), sum(|l| l.ann_with_memory)];
    let rates: Vec<f64> = report.rates.iter().map(|(_, by_step)| by_step.iter().sum()).collect();
    let measures = [
        ("ratio", ann / formula),
        ("ratio_counted", ann / counted),
        ("ratio_with_memory", ann_with_memory / with_memory),
        ("formula", formula / PICO_IN_MICRO),
        ("counted", counted / PICO_IN_MICRO),
        ("with_memory", with_memory / PICO_IN_MICRO),
        ("ann", ann / PICO_IN_MICRO),
        ("ann_with_memory", ann_with_memory / PICO_IN_MICRO),
        ("spikes_per_neuron", rates.iter().sum::<f64>() / rates.len() as f64),
    ];
    // A network that never fires takes nothing, and the ratio is no number.
    let finite = measures.into_iter().filter(|(_, value)| value.is_finite());
    analysis.measures = finite.map(|(name, value)| (format!("energy.{name}"), value)).collect();
    analysis.results = json::value(report)?;
    trained.keep(&analysis);
    Ok(())
}

/// Which of a run's networks it is: one with spikes, or their twin without.
fn refuse_other_kind(run: &Path, network: &NetworkConfig, spiking: bool) -> Result<()> {
    let run = run.display();
    match (network.without_spikes(), spiking) {
        (Some(_), true) => Err(Error::Run(format!(
            "{run}: expected a network of spiking neurons, found one without spikes. Name it with --ann, beside a run that has \
             spikes."
        ))),
        (None, false) => Err(Error::Run(format!(
            "--ann {run}: expected a network without spikes, as network.neuron = \"relu\" trains it, found one of spiking neurons."
        ))),
        _ => Ok(()),
    }
}

/// The network without spikes that the run is compared with.
fn measure_ann(arguments: &EnergyArguments, run: &Path, constants: &Constants, log: &Log) -> Result<AnnEnergy> {
    let trained = Trained::open(run, &arguments.of.overrides, arguments.of.checkpoint, log)?;
    let network = &trained.checked.experiment.network;
    refuse_other_kind(run, network, false)?;
    let products = products(network, &trained.checked.plan);
    let (meter, images, top1) = measure(&trained, &products, network.time_steps)?;
    let layers = account(&products, &meter, images, network.time_steps, constants);
    Ok(AnnEnergy {
        subject: trained.subject.clone(),
        images,
        top1,
        macs: products.iter().map(|product| product.macs).fold(0, u64::saturating_add),
        operations: total(&layers, |layer| layer.operations),
        energy: total(&layers, |layer| layer.ann),
        energy_with_memory: total(&layers, |layer| layer.ann_with_memory),
    })
}

/// What flows through the network for all test images, one Poisson draw each, how many they are, and the percentage
/// that is right.
fn measure<'a>(trained: &Trained, products: &'a [CostedLayer], time_steps: usize) -> Result<(Meter<'a>, u64, f64)> {
    let mut meter = Meter::new(products, time_steps);
    let mut total = BatchScore::default();
    trained.on_test_images(time_steps, |network, batches| {
        for batch in batches.iter_from(0) {
            let batch = batch?;
            let (currents, _) = network.evaluate_steps(&batch.inputs, 0, &batch.indices, time_steps, &mut meter)?;
            finite::check_logits(&currents)?;
            let logits = network.readout().logits(&currents)?;
            total.add(&BatchScore::read(&score(&logits, &batch.labels, 0.0)?)?);
        }
        Ok(())
    })?;
    Ok((meter, total.images as u64, total.top1_percent()))
}

/// The spikes of every neuron for one image.
struct Recorder(Vec<SpikeRaster>);

impl Observer for Recorder {
    fn layer(&mut self, io: &LayerIo<'_>) -> candle_core::Result<()> {
        let Some(layer) = io.neurons else { return Ok(()) };
        let spikes = io.output.sequence.contiguous()?.flatten_from(1)?.to_dtype(candle_core::DType::F32)?;
        let steps = spikes.to_vec2::<f32>()?.into_iter();
        let steps = steps.map(|step| step.into_iter().map(|spike| spike != 0.0).collect()).collect();
        self.0.push(SpikeRaster { layer: layer.to_string(), steps });
        Ok(())
    }
}

fn fired(trained: &Trained, image: usize) -> Result<Vec<SpikeRaster>> {
    let images = trained.dataset.test.len();
    if image >= images {
        return Err(Error::Run(format!(
            "--image {image}: there are {images} test images; expected a number below that."
        )));
    }
    let mut recorder = Recorder(Vec::new());
    trained.on_test_images(trained.checked.plan.time_steps, |network, batches| {
        let size = trained.checked.experiment.data.batch_size.max(1);
        let place = image.checked_rem(size).unwrap_or_default();
        let batch = batches.batch(image.checked_div(size).unwrap_or_default())?;
        // Images are a dimension from the right: [B, C, H, W], or [T, B, C, H, W].
        let dim = batch.inputs.rank().saturating_sub(4);
        let inputs = batch.inputs.narrow(dim, place, 1)?;
        let indices: Vec<u32> = batch.indices.get(place).copied().into_iter().collect();
        network.evaluate_steps(&inputs, 0, &indices, network.plan().time_steps, &mut recorder)?;
        Ok(())
    })?;
    Ok(recorder.0)
}

/// Both networks that were trained, side by side.
fn compare(report: &EnergyReport, ann: &AnnEnergy) -> (String, Table) {
    let sum = |column: fn(&LayerEnergy) -> f64| total(&report.layers, column);
    let (counted, with_memory) = (sum(|layer| layer.counted), sum(|layer| layer.with_memory));
    let operations = sum(|layer| layer.operations_before_pooling);
    let table = Table::from_columns(
        vec![
            ("run".into(), [&report.subject, &ann.subject].map(|of| of.run.display().to_string()).into()),
            ("time-steps".into(), [report.time_steps, 1].map(|steps| steps.to_string()).into()),
            ("top-1".into(), [report.top1, ann.top1].map(|top1| format!("{top1:.2} %")).into()),
            headed("operations", counts(&[operations, ann.macs as f64])),
            headed("energy", energies(&[counted, ann.energy])),
            headed("with memory", energies(&[with_memory, ann.energy_with_memory])),
        ],
        1,
    );
    let text = format!(
        "{}\nThe trained ANN takes {} times the energy of the spikes counted before pooling, {} with memory; {:.1} % of its \
         multiply-accumulates have an input that is not 0.\n",
        text::render(&table, terminal_width()),
        ratio(ann.energy, counted),
        ratio(ann.energy_with_memory, with_memory),
        100.0 * ann.operations / (ann.macs as f64).max(1.0),
    );
    (text, table)
}

/// A column under its name and unit.
fn headed(name: &str, column: NumberColumn) -> (String, Vec<String>) {
    (column.heading(name), column.cells)
}

/// How many times the energy of the spikes an ANN takes.
fn ratio(ann: f64, snn: f64) -> String {
    significant(ann / snn.max(f64::MIN_POSITIVE), 3)
}

/// Of each layer and of all, a unit a column.
fn layer_table(layers: &[LayerEnergy], all: &LayerEnergy) -> Table {
    let rows: Vec<&LayerEnergy> = layers.iter().chain([all]).collect();
    let column = |name: &str, in_unit: fn(&[f64]) -> NumberColumn, value: fn(&LayerEnergy) -> f64| {
        headed(name, in_unit(&rows.iter().map(|row| value(row)).collect::<Vec<_>>()))
    };
    let rates = layers.iter().map(|layer| significant(layer.spikes_per_neuron, 4));
    Table::from_columns(
        vec![
            ("layer".into(), rows.iter().map(|row| row.layer.clone()).collect()),
            column("MACs", counts, |row| row.macs as f64),
            ("R".into(), rates.collect()),
            column("operations, after pooling", counts, |row| row.operations),
            column("before pooling", counts, |row| row.operations_before_pooling),
            column("E formula", energies, |row| row.formula),
            column("E after pooling", energies, |row| row.pooled),
            column("E before pooling", energies, |row| row.counted),
            column("E with memory", energies, |row| row.with_memory),
            column("E ANN", energies, |row| row.ann),
            column("E ANN with memory", energies, |row| row.ann_with_memory),
        ],
        1,
    )
}

fn describe(report: &EnergyReport, products: &[CostedLayer]) -> (String, Table) {
    let EnergyReport { layers, images, time_steps, constants, .. } = report;
    let sum = |column: fn(&LayerEnergy) -> f64| total(layers, column);
    let all = LayerEnergy {
        layer: "total".into(),
        macs: layers.iter().map(|layer| layer.macs).fold(0, u64::saturating_add),
        spikes_per_neuron: 0.0,
        operations: sum(|l| l.operations),
        operations_before_pooling: sum(|l| l.operations_before_pooling),
        formula: sum(|l| l.formula),
        counted: sum(|l| l.counted),
        pooled: sum(|l| l.pooled),
        with_memory: sum(|l| l.with_memory),
        ann: sum(|l| l.ann),
        ann_with_memory: sum(|l| l.ann_with_memory),
    };
    let table = layer_table(layers, &all);
    let multiplied: Vec<_> =
        products.iter().filter(|p| p.operands != crate::analysis::energy::Operands::Spikes).collect();
    let multiplied = match multiplied.is_empty() {
        true => "every layer receives spikes".to_string(),
        false => format!(
            "{} multiplied with numbers, not spikes",
            multiplied.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", ")
        ),
    };
    let text = format!(
        "{}\n{images} images, {time_steps} time-steps; {multiplied}.\nEnergy per image at {} pJ a multiply-accumulate, {} a sum, {} a memory access, \
         nothing reused.\nThe ANN takes {} times the energy by the formula, {} by the count before pooling, {} with memory.\n",
        text::render(&table, terminal_width()),
        constants.multiply_accumulate,
        constants.accumulate,
        constants.memory_access,
        ratio(all.ann, all.formula),
        ratio(all.ann, all.counted),
        ratio(all.ann_with_memory, all.with_memory),
    );
    (text, table)
}
