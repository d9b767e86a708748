//! `bntt bench --model`: what a training step moves and computes on a GPU, from the file alone.

use crate::error::Result;
use crate::experiment::CheckedExperiment;
use crate::network::{GPUS, GpuRates, StepPart, step_parts};
use crate::report::table::{Printout, Table, json, text};
use crate::terminal::amounts::count;

/// The report, without a GPU.
pub fn model(checked: &CheckedExperiment) -> Result<Printout> {
    let CheckedExperiment { experiment, plan, .. } = checked;
    let (batch, precision) = (experiment.data.batch_size, plan.precision);
    let parts = step_parts(&experiment.network, plan, batch, experiment.optimizer.moment_count());
    let (layers, gpus) = (layers(&parts), gpus(&parts, checked));
    let text = format!(
        "{}: {} time-steps, batches of {batch}, {} on a GPU\n\n{}\n\
         Sequences that a training step moves to and from the GPU's memory, and operations of dense products (two a\n\
         multiply-accumulate). Weights, tables of norms and what stays in the cache are left out.\n\n{}\n\
         The least time of a step, at the rates of the makers' data sheets: of products, that of their bytes or of their\n\
         operations, whichever is more; of all else, that of its bytes. Nothing was measured.\n",
        experiment.name,
        plan.time_steps,
        precision_name(checked),
        text::render(&layers, None),
        text::render(&gpus, None)
    );
    let least =
        GPUS.map(|gpu| serde_json::json!({ "gpu": gpu, "least_seconds": gpu.least_seconds(&parts, precision) }));
    let all = serde_json::json!({ "parts": json::value(&parts)?, "gpus": least });
    Ok(Printout::new(text, vec![layers, gpus]).with_json(all))
}

fn precision_name(checked: &CheckedExperiment) -> String {
    format!("{:?}", checked.plan.precision).to_lowercase()
}

fn layers(parts: &[StepPart]) -> Table {
    let head = ["part", "kind", "forward bytes", "backward bytes", "forward operations", "backward operations"];
    let row = |name: &str, kind: &str, of: [u64; 4]| {
        let amounts = of.map(|amount| if amount == 0 { String::new() } else { count(amount) });
        [vec![name.to_string(), kind.to_string()], amounts.to_vec()].concat()
    };
    let amounts =
        |part: &StepPart| [part.forward_bytes, part.backward_bytes, part.forward_operations, part.backward_operations];
    let mut rows: Vec<Vec<String>> = parts.iter().map(|part| row(&part.name, &part.kind, amounts(part))).collect();
    let total = parts.iter().map(amounts).fold([0u64; 4], |mut total, part| {
        total.iter_mut().zip(part).for_each(|(total, part)| *total = total.saturating_add(part));
        total
    });
    rows.push(row("total", "", total));
    Table::new(&head, rows, 2)
}

fn gpus(parts: &[StepPart], checked: &CheckedExperiment) -> Table {
    let batch = checked.experiment.data.batch_size as f64;
    let row = |gpu: &GpuRates| {
        let least = gpu.least_seconds(parts, checked.plan.precision);
        vec![gpu.name.to_string(), format!("{:.2}", least * 1e3), format!("{:.0}", batch / least)]
    };
    Table::new(&["GPU", "least ms a step", "most images a second"], GPUS.iter().map(row).collect(), 1)
}
