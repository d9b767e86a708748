//! A sweep as a SLURM job array: one task a run that is not complete.
//!
//! The script and the job's number lie in `<runs>/<sweep>.slurm`, with a log a task. Every task is `bntt sweep FILE --only N`, which goes on with
//! its run where there is one: so a task that SLURM queues again, after a preemption or a node's failure, loses nothing. A minute before
//! the job's time is over the task saves, and asks to be queued again.

use super::Sweep;
use crate::durable::write_atomically;
use crate::error::{Error, Result};
use crate::reading;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Submits the runs that `due` names by their place; `options` go to sbatch. The job's number.
///
/// # Errors
/// [`Error::Run`] with what sbatch said, or that there is none.
pub fn submit(sweep: &Sweep, due: &[usize], runs: &Path, options: &[String]) -> Result<String> {
    let folder = folder(sweep, runs);
    fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
    let program = std::env::current_exe().map_err(|e| Error::Run(format!("cannot find this program: {e}.")))?;
    let script = folder.join("array.sh");
    write_atomically(&script, text(sweep, runs, &program, &folder)?.as_bytes())?;
    let array = due.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let mut command = Command::new("sbatch");
    command.arg("--parsable").arg(format!("--array={array}")).args(options).arg(&script);
    let job = said(&mut command)?.trim().split(';').next().unwrap_or_default().to_string();
    write_atomically(&folder.join("job"), format!("{job}\n").as_bytes())?;
    Ok(job)
}

/// SLURM's word for every task that it still knows of (`PENDING`, `RUNNING`), by the run's place. Nothing where no job was submitted.
///
/// # Errors
/// [`Error::Run`] with what squeue said, or that there is none.
pub fn tasks(sweep: &Sweep, runs: &Path) -> Result<BTreeMap<usize, String>> {
    let Ok(job) = reading::text(&folder(sweep, runs).join("job"), 1 << 10) else { return Ok(BTreeMap::new()) };
    let mut command = Command::new("squeue");
    command.args(["--noheader", "--array", "--format=%K %T", "--jobs", job.trim()]);
    // A job that SLURM has forgotten is an error of squeue's, and no task for us.
    let output = command.output().map_err(|e| absent("squeue", &e))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let task =
        |line: &str| line.split_once(' ').and_then(|(task, state)| Some((task.parse().ok()?, state.trim().into())));
    Ok(text.lines().filter_map(task).collect())
}

fn folder(sweep: &Sweep, runs: &Path) -> PathBuf {
    runs.join(format!("{}.slurm", sweep.name))
}

/// What sbatch gets. POSIX shell; paths are absolute, since a task may start elsewhere.
fn text(sweep: &Sweep, runs: &Path, program: &Path, folder: &Path) -> Result<String> {
    let quoted = |path: &Path| -> Result<String> {
        let path = std::path::absolute(path).map_err(Error::io("find", path))?;
        Ok(format!("'{}'", path.display().to_string().replace('\'', r"'\''")))
    };
    let logs = std::path::absolute(folder).map_err(Error::io("find", folder))?;
    let here = std::env::current_dir().map_err(Error::io("find", "the current folder"))?;
    let (name, logs) = (&sweep.name, logs.display());
    let (here, program, file, runs) = (quoted(&here)?, quoted(program)?, quoted(&sweep.path)?, quoted(runs)?);
    Ok(format!(
        r#"#!/bin/sh
#SBATCH --job-name={name}
#SBATCH --output="{logs}/%a.log"
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@60
# A run of the sweep; signals reach it, and one that stops for the end of its time is queued again.
cd {here} || exit 1
again=
trap 'again=yes; kill -USR1 "$run"' USR1
trap 'kill -TERM "$run"' TERM
{program} sweep {file} --only "$SLURM_ARRAY_TASK_ID" --runs {runs} &
run=$!
wait "$run"
code=$?
while kill -0 "$run" 2>/dev/null; do
    wait "$run"
    code=$?
done
if [ -n "$again" ] && [ "$code" = 0 ]; then
    scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
fi
exit "$code"
"#
    ))
}

fn said(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let Output { status, stdout, stderr } = command.output().map_err(|e| absent(&program, &e))?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    Err(Error::Run(format!("{program} ended with {status}: {}", String::from_utf8_lossy(&stderr).trim())))
}

fn absent(program: &str, error: &std::io::Error) -> Error {
    Error::Run(format!("cannot run {program}: {error}; --slurm needs SLURM's commands on this machine"))
}
