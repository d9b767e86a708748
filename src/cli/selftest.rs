//! `bntt selftest`.

use crate::error::{Error, Result};
use crate::ops::device;
use crate::ops::selftest::{self, OpFinding};
use crate::report::table::text::lines;
use crate::train::selftest::network;

/// Compare every op on this machine's GPU with its twin on the CPU.
///
/// Forward and backward, f32 and bf16, odd and even sizes, every op twice for the same bits; then a small network in
/// training. Prints the largest differences; the exit code is 1 when one is larger than rounding explains. Takes under
/// a minute.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  bntt selftest --device cuda:0")]
pub struct SelftestArguments {
    /// The GPU to test.
    #[arg(long, value_name = "DEVICE", default_value = "cuda:0")]
    device: String,
}

pub fn selftest(arguments: &SelftestArguments) -> Result<()> {
    let name = &arguments.device;
    let device = device::open(name).map_err(|problem| Error::Device(format!("--device {name}: {problem}")))?;
    if device.is_cpu() {
        return Err(Error::Device(format!(
            "--device {name}: the CPU is what GPUs are compared with, so there is nothing to test; this build has {}",
            device::BUILD
        )));
    }
    let mut findings = selftest::run(&*crate::ops::gpu::for_device(&device)?)?;
    // A wrong op may end the network's training: what was found of the ops is said all the same.
    let trained = network(&device);
    let problem = trained.as_ref().err().map(|error| format!("a network in training: {error}"));
    findings.extend(trained.unwrap_or_default());
    super::print(&format!("{} with {}\n\n{}", device::name(&device), device::BUILD, describe(&findings)))?;
    let failures: Vec<String> = findings.iter().filter_map(failure).chain(problem).collect();
    if failures.is_empty() {
        return Ok(());
    }
    Err(Error::Selftest(format!(
        "{} of {} checks differ from the CPU:\n{}",
        failures.len(),
        findings.len().max(failures.len()),
        failures.join("\n")
    )))
}

fn failure(finding: &OpFinding) -> Option<String> {
    finding.failure.as_ref().map(|failure| format!("{} ({:?}): {failure}", finding.op, finding.dtype))
}

fn describe(findings: &[OpFinding]) -> String {
    let head = ["op", "result", "comparisons", "largest difference", "allowed", ""];
    let mut rows = vec![head.map(String::from).to_vec()];
    let share = |share: f32| if share == 0.0 { "0".to_string() } else { format!("{share:.1e}") };
    for finding in findings {
        rows.push(vec![
            finding.op.clone(),
            format!("{:?}", finding.dtype).to_lowercase(),
            finding.comparisons.to_string(),
            share(finding.largest),
            share(finding.allowed),
            if finding.failure.is_some() { "FAILED" } else { "ok" }.into(),
        ]);
    }
    lines(&rows, 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::DType;

    #[test]
    fn findings_are_a_table_and_failures_sentences() {
        let fine = OpFinding {
            op: "lif spikes".into(),
            dtype: DType::U8,
            comparisons: 24,
            largest: 0.0,
            allowed: 0.0,
            failure: None,
        };
        let failure = Some("a case, element 0: expected 1, found 2".to_string());
        let wrong =
            OpFinding { op: "loss".into(), dtype: DType::F64, largest: 0.5, allowed: 1e-6, failure, ..fine.clone() };
        let text = describe(&[fine.clone(), wrong.clone()]);
        let words: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert!(words.contains(&vec!["lif", "spikes", "u8", "24", "0", "0", "ok"]), "{text}");
        assert!(words.contains(&vec!["loss", "f64", "24", "5.0e-1", "1.0e-6", "FAILED"]), "{text}");
        assert_eq!(super::failure(&fine), None);
        assert_eq!(super::failure(&wrong).as_deref(), Some("loss (F64): a case, element 0: expected 1, found 2"));
    }
}
