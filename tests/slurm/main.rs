//! A sweep as a job array of a real SLURM, preempted and queued again.

mod cluster;

use cluster::Cluster;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const BASE: &str = "name = 'base'\n[data]\ndataset = 'digits'\nbatch_size = 16\nlimit = { train = 320, test = 40 }\n\
    [network]\ntime_steps = 4\nencoder = 'poisson'\n\
    layers = [ { conv = { channels = 16 } }, 'bntt', 'lif', 'flatten', { linear = { features = 'classes' } } ]\n\
    [optimizer]\nadam = { lr = 1e-3 }\n[training]\nepochs = 30\nthreads = 1\ncheckpoint_every = { steps = 5 }\n";

const SWEEP: &str = "base = 'base.toml'\nseeds = [0, 1]\ngrid = { 'network.encoder' = ['poisson', 'direct'] }\n";

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

#[test]
fn a_job_array_trains_a_sweep_and_a_task_that_is_queued_again_goes_on() {
    let cluster = match Cluster::start() {
        Ok(cluster) => cluster,
        Err(why) => return println!("skipped: SLURM cannot run here: {why}"),
    };
    let desk = tempfile::tempdir().expect("a folder");
    let folder = desk.path();
    std::fs::write(folder.join("base.toml"), BASE).expect("a file");
    std::fs::write(folder.join("trial.toml"), SWEEP).expect("a file");

    let (ok, said) =
        bntt(&cluster, folder, &["sweep", "trial.toml", "--slurm", "--cpus-per-task=1", "--comment=a trial"]);
    assert!(ok && said.contains(": 4 runs; `bntt sweep trial.toml --status`"), "{said}");
    let job = said.strip_prefix("job ").and_then(|rest| rest.split(':').next()).expect("a job's number").to_string();

    // The first task is taken off its node once it has a checkpoint, and queued again.
    let last = folder.join("runs/trial.encoderpoisson.seed0/v0001/checkpoints/last");
    wait("a checkpoint", &cluster, || last.exists());
    let (_, status) = bntt(&cluster, folder, &["sweep", "trial.toml", "--status"]);
    assert!(status.contains("running (SLURM: running)"), "{status}");
    let requeued = cluster.says("scontrol", &["requeue", &format!("{job}_0")]);
    assert_eq!(requeued.trim(), "", "scontrol requeue");
    let log = folder.join("runs/trial.slurm/0.log");
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    wait("a stop", &cluster, || said().contains("stopped by SIG"));
    // It would wait for minutes before it runs a task again.
    wait("a second start", &cluster, || {
        cluster.says("scontrol", &["update", &format!("jobid={job}_0"), "starttime=now"]);
        said().contains("resuming")
    });

    wait("the end", &cluster, || cluster.says("squeue", &["-h"]).trim().is_empty());
    let (_, status) = bntt(&cluster, folder, &["sweep", "trial.toml", "--status"]);
    let rows: Vec<&str> = status.lines().filter(|line| line.contains("30/30")).collect();
    assert!(rows.len() == 4 && rows.iter().all(|row| row.contains("completed")), "{status}\n{}", said());
    assert!(!folder.join("runs/trial.encoderpoisson.seed0/v0002").exists(), "it was resumed, not started again");

    // Nothing is left to submit.
    let (ok, said) = bntt(&cluster, folder, &["sweep", "trial.toml", "--slurm"]);
    assert!(ok && said.contains("all runs are complete"), "{said}");
}
