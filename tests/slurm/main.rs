//! A sweep as job arrays: of a real SLURM, preempted and queued again, and of one that refuses.

mod cluster;
mod odd_paths;
mod refusals;
#[path = "../../src/system/written_program.rs"]
mod written_program;

use cluster::Cluster;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const BASE: &str = "name = 'base'\n[data]\ndataset = 'digits'\nbatch_size = 16\nlimit = { train = 320, test = 40 }\n\
    [network]\ntime_steps = 4\nencoder = 'poisson'\n\
    layers = [ { conv = { channels = 16 } }, 'bntt', 'lif', 'flatten', { linear = { features = 'classes' } } ]\n\
    [optimizer]\nadam = { lr = 1e-3 }\n[training]\nepochs = 30\nthreads = 1\ncheckpoint_every = { steps = 5 }\n";

const SWEEP: &str = "base = 'base.toml'\nseeds = [0, 1]\ngrid = { 'network.encoder' = ['poisson', 'direct'] }\n";

/// One cluster at a time: their ports are the same.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Standard output and error of `bntt` in `folder`, and whether it succeeded.
fn bntt(cluster: &Cluster, folder: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bntt"));
    let output = command.args(arguments).current_dir(folder).env("SLURM_CONF", cluster.conf()).output().expect("bntt");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success(), text)
}

fn wait(what: &str, cluster: &Cluster, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(
            started.elapsed() < Duration::from_secs(240),
            "{what}: {}\n{}",
            cluster.says("squeue", &[]),
            cluster.logs()
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The numbers in `job 3: ...` or `jobs 3, 4: ...`.
fn jobs(said: &str) -> Vec<String> {
    let numbers = said.strip_prefix("jobs ").or(said.strip_prefix("job ")).and_then(|rest| rest.split(": ").next());
    numbers.unwrap_or_else(|| panic!("no jobs in {said}")).split(", ").map(String::from).collect()
}

#[test]
fn a_job_array_trains_what_was_submitted_and_a_task_that_is_queued_again_goes_on() {
    let _alone = alone();
    let cluster = match Cluster::start("") {
        Ok(cluster) => cluster,
        Err(why) => return println!("skipped: SLURM cannot run here: {why}"),
    };
    let workspace = tempfile::tempdir().expect("a folder");
    let folder = workspace.path();
    let write = |path: &str, text: &str| std::fs::write(folder.join(path), text).expect("a file");
    for place in [".", "before", "after"] {
        std::fs::create_dir_all(folder.join(place)).expect("a folder");
        write(&format!("{place}/base.toml"), BASE);
        write(&format!("{place}/trial.toml"), SWEEP);
    }
    let status = |of: &str| bntt(&cluster, folder, &["sweep", of, "--status"]).1;

    let (ok, said) =
        bntt(&cluster, folder, &["sweep", "trial.toml", "--slurm", "--cpus-per-task=1", "--comment=a trial"]);
    assert!(ok && said.contains(": 4 runs; `bntt sweep trial.toml --status`"), "{said}");
    let job = jobs(&said).join(" ");
    // From here on both files say otherwise: the tasks' experiments, and which is the first.
    write("base.toml", &BASE.replace("1e-3", "0.5"));
    write("trial.toml", &SWEEP.replace("[0, 1]", "[9, 0, 1]"));
    write("after/trial.toml", &SWEEP.replace("[0, 1]", "[9, 0, 1]"));
    let first = folder.join("runs/trial.slurm/0001");
    let frozen = |index: usize| std::fs::read_to_string(first.join(format!("{index}.toml"))).expect("a file");
    let before: Vec<String> = (0..4).map(frozen).collect();
    assert!(before[3].contains("name = \"trial.encoderdirect.seed1\"") && before[3].contains("lr = 0.001"));

    // What is queued is not queued twice, and what is new has a folder of its own.
    let (ok, said) = bntt(&cluster, folder, &["sweep", "before/trial.toml", "--slurm"]);
    assert!(ok && said.ends_with("already: nothing is submitted\n"), "{said}");
    let (ok, said) = bntt(&cluster, folder, &["sweep", "after/trial.toml", "--slurm"]);
    assert!(ok && said.contains(": 2 runs; ") && said.contains("in SLURM already: not submitted again"), "{said}");
    assert!(folder.join("runs/trial.slurm/0002/1.toml").exists() && !folder.join("runs/trial.slurm/0003").exists());

    // The first task is taken off its node once it has a checkpoint, and queued again.
    let last = folder.join("runs/trial.encoderpoisson.seed0/v0001/checkpoints/last");
    wait("a checkpoint", &cluster, || last.exists());
    assert!(status("before/trial.toml").contains("running (SLURM: running)"), "{}", status("before/trial.toml"));
    let requeued = cluster.says("scontrol", &["requeue", &format!("{job}_0")]);
    assert_eq!(requeued.trim(), "", "scontrol requeue");
    let log = first.join("0.log");
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    wait("a stop", &cluster, || said().contains("stopped by SIG"));
    // It would wait for minutes before it runs a task again.
    wait("a second start", &cluster, || {
        cluster.says("scontrol", &["update", &format!("jobid={job}_0"), "starttime=now"]);
        said().contains("resuming")
    });

    wait("the end", &cluster, || cluster.says("squeue", &["-h"]).trim().is_empty());
    let complete = |status: &str| {
        let rows = status.lines().filter(|line| line.contains("30/30") && line.contains("completed"));
        rows.count()
    };
    assert_eq!(complete(&status("before/trial.toml")), 4, "{}\n{}", status("before/trial.toml"), said());
    assert_eq!(complete(&status("after/trial.toml")), 6, "{}", status("after/trial.toml"));
    assert_eq!(complete(&status("trial.toml")), 0, "{}", status("trial.toml"));
    assert!(!folder.join("runs/trial.encoderpoisson.seed0/v0002").exists(), "it was resumed, not started again");
    assert_eq!((0..4).map(frozen).collect::<Vec<_>>(), before);

    // Nothing is left to submit.
    let (ok, said) = bntt(&cluster, folder, &["sweep", "before/trial.toml", "--slurm"]);
    assert!(ok && said.contains("all runs are complete"), "{said}");
}
