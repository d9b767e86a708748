//! SLURM's commands: what they are asked, and what they say.

use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::io;
use std::process::{Command, Output};

/// SLURM's own MaxArraySize, where it does not say.
const MOST_TASKS: usize = 1001;
/// SLURM's words for a task that will not be run again.
const OVER: [&str; 9] =
    ["BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT"];

/// A task of a job array.
pub struct ArrayTask {
    pub job: String,
    pub index: usize,
    pub state: String,
}

/// Whether a task in this state has ended for good.
pub fn is_over(state: &str) -> bool {
    OVER.contains(&state)
}

/// Refuses options of sbatch that would make other tasks than the sweep's.
pub fn check(options: &[String]) -> Result<()> {
    let is_array = |option: &&String| {
        let name = option.split('=').next().unwrap_or_default();
        let long = name.len() > "--a".len() && "--array".starts_with(name) && name.starts_with("--ar");
        long || (option.starts_with("-a") && !option.starts_with("--"))
    };
    match options.iter().find(is_array) {
        Some(option) => Err(Error::Run(format!(
            "{option} cannot be given to sbatch: the tasks of the array are the sweep's runs. `scontrol update JobId=JOB ArrayTaskThrottle=4` \
             bounds how many work at a time."
        ))),
        None => Ok(()),
    }
}

/// Tasks of the largest job array that SLURM takes.
pub fn most_tasks() -> usize {
    let output = Command::new("scontrol").args(["show", "config"]).output();
    let text = output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).into_owned());
    largest_array(&text)
}

/// From the lines `MaxArraySize = 1001`, below which the indices of tasks stay, and `SchedulerParameters =
/// ...,max_array_tasks=500`.
fn largest_array(config: &str) -> usize {
    let settings =
        config.lines().filter_map(|line| line.split_once('=')).map(|(key, value)| (key.trim(), value.trim()));
    let settings: BTreeMap<&str, &str> = settings.collect();
    let size = settings.get("MaxArraySize").and_then(|size| size.parse().ok()).unwrap_or(MOST_TASKS);
    let scheduler = settings.get("SchedulerParameters").copied().unwrap_or_default();
    let tasks = scheduler.split(',').find_map(|parameter| parameter.strip_prefix("max_array_tasks=")?.parse().ok());
    tasks.unwrap_or(size).min(size).max(1)
}

/// The tasks of these jobs that SLURM still knows of.
pub fn tasks<'a>(jobs: impl Iterator<Item = &'a str>) -> Vec<ArrayTask> {
    let jobs = jobs.collect::<Vec<_>>().join(",");
    if jobs.is_empty() {
        return Vec::new();
    }
    let mut command = Command::new("squeue");
    command.args(["--noheader", "--array", "--format=%F %K %T", "--jobs", &jobs]);
    match command.output() {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).lines().filter_map(task).collect()
        }
        // Forgotten by SLURM, where it is the only one that is asked for.
        Ok(Output { stderr, .. }) if String::from_utf8_lossy(&stderr).contains("Invalid job id") => Vec::new(),
        Ok(output) => {
            tracing::warn!("{}; what SLURM's tasks do is left out", failed("squeue", &output));
            Vec::new()
        }
        Err(error) => {
            tracing::warn!("{}; what SLURM's tasks do is left out", absent("squeue", &error));
            Vec::new()
        }
    }
}

/// `1234 7 RUNNING`.
fn task(line: &str) -> Option<ArrayTask> {
    let mut words = line.split_whitespace();
    let (job, index, state) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
    Some(ArrayTask { job: job.into(), index, state: state.into() })
}

/// Runs sbatch; the number of the job.
pub fn sbatch(command: &mut Command) -> Result<String> {
    let output = command.output().map_err(|e| Error::Run(absent("sbatch", &e) + "."))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let number = said.trim().split(';').next().unwrap_or_default();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    match (output.status.success(), is_number) {
        (true, true) => Ok(number.into()),
        (true, false) => {
            let stderr = String::from_utf8_lossy(&output.stderr);
            Err(Error::Run(format!("sbatch submitted nothing: {}{}", said.trim(), stderr.trim())))
        }
        // As with --wait, where it ends as the job does.
        (false, true) => {
            tracing::warn!("{}", failed("sbatch", &output));
            Ok(number.into())
        }
        (false, false) => Err(Error::Run(failed("sbatch", &output))),
    }
}

fn failed(program: &str, output: &Output) -> String {
    format!("{program} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim())
}

fn absent(program: &str, error: &io::Error) -> String {
    format!("cannot run {program}: {error}; --slurm needs SLURM's commands on this machine")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_array_is_the_lesser_of_two_bounds() {
        for (config, expected) in [
            ("", 1001),
            ("MaxArraySize            = 1001\nMaxBatchRequeue         = 5", 1001),
            ("MaxArraySize            = 40", 40),
            ("MaxArraySize = 40\nSchedulerParameters     = sched_interval=2,max_array_tasks=7", 7),
            ("MaxArraySize = 40\nSchedulerParameters = max_array_tasks=70", 40),
            ("MaxArraySize = 0", 1),
        ] {
            assert_eq!(largest_array(config), expected, "{config}");
        }
    }

    #[test]
    fn what_would_name_other_tasks_is_refused_however_it_is_written() {
        for option in ["--array=0-9", "--array", "--arr=1", "--ar", "-a", "-a0-9%4"] {
            let error = check(&["--time=1:00".into(), option.into()]).unwrap_err().to_string();
            assert!(error.starts_with(option) && error.contains("ArrayTaskThrottle"), "{error}");
        }
        let fine = ["--account=a", "-A", "a", "--partition=gpu", "--comment=-a", "--acctg-freq=1"];
        assert!(check(&fine.map(String::from)).is_ok());
    }

    #[test]
    fn a_line_of_squeue_is_a_task() {
        let task = task("12 3 REQUEUE_HOLD ").unwrap();
        assert_eq!((task.job.as_str(), task.index, task.state.as_str()), ("12", 3, "REQUEUE_HOLD"));
        assert!(super::task("12 N/A PENDING").is_none() && super::task("").is_none());
        assert!(is_over("TIMEOUT") && !is_over("PENDING") && !is_over("COMPLETING"));
    }
}
