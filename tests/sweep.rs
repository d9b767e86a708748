//! Sweeps through the program: states, failures that leave others alone, stopping and starting again.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const BASE: &str = "name = 'base'\n[data]\ndataset = 'digits'\nbatch_size = 16\nlimit = { train = 64, test = 20 }\n\
    [network]\ntime_steps = 2\nencoder = 'poisson'\n\
    layers = [ 'flatten', { linear = { features = 16 } }, 'bntt', 'lif', { linear = { features = 'classes' } } ]\n\
    [optimizer]\nsgd = { lr = 0.1 }\n[training]\nepochs = 2\n";

struct Desk(tempfile::TempDir);

impl Desk {
    fn new(sweep: &str) -> Self {
        let desk = Self(tempfile::tempdir().expect("a folder"));
        std::fs::write(desk.path("base.toml"), BASE).expect("a file");
        std::fs::write(desk.path("trial.toml"), sweep).expect("a file");
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bntt"));
        command.args(["sweep", "trial.toml"]).args(arguments).current_dir(self.0.path());
        command
    }

    /// The exit code, standard output, standard error.
    fn sweep(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = self.command(arguments).output().expect("the program");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

/// The rows of a table under its head, as words.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().skip_while(|line| !line.starts_with("run ")).skip(1);
    lines.take_while(|line| !line.is_empty()).map(|line| line.split_whitespace().collect()).collect()
}

#[test]
fn a_failed_run_leaves_the_others_alone_and_only_it_is_tried_again() {
    let text = "base = 'base.toml'\nseeds = [3, 4]\n[variants]\nlow = {}\nhigh = { 'training.initial_weights' = 'absent.safetensors' }\n";
    let desk = Desk::new(text);
    let (code, said, _) = desk.sweep(&["--dry-run"]);
    assert_eq!(code, Some(0));
    // 64 x 16 weights, 2 x 16 gammas, 16 x 10 weights.
    assert_eq!(rows(&said)[1][..6], ["1", "low", "4", "not", "run", "1,216"]);
    assert!(!desk.path("runs").exists(), "a dry run trains nothing");

    let (code, said, errors) = desk.sweep(&["--jobs", "2"]);
    assert_eq!(code, Some(2), "{errors}");
    assert!(
        errors.contains("error: trial.high.seed3: ")
            && errors.contains("absent.safetensors")
            && errors.contains("2 of 4 runs failed"),
        "{errors}"
    );
    let states: Vec<Vec<&str>> = rows(&said).iter().map(|row| row[1..5].to_vec()).collect();
    let expected = [
        ["low", "3", "completed", "2/2"],
        ["low", "4", "completed", "2/2"],
        ["high", "3", "not", "run"],
        ["high", "4", "not", "run"],
    ];
    assert_eq!(states, expected, "{said}");

    let (_, said, errors) = desk.sweep(&[]);
    assert!(errors.contains("4 runs, 2 to train") && !errors.contains("low"), "{errors}");
    assert_eq!(rows(&said).len(), 4);
    assert!(!desk.path("runs/trial.low.seed3/v0002").exists());
}

#[test]
fn a_stopped_sweep_stops_its_runs_and_goes_on_where_it_was() {
    let desk =
        Desk::new("base = 'base.toml'\nset = { 'training.epochs' = 600 }\ngrid = { 'network.time_steps' = [2, 3] }\n");
    let mut sweep =
        desk.command(&["--jobs", "2"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program");
    let last = |steps: usize| desk.path(&format!("runs/trial.time_steps{steps}/v0001/checkpoints/last"));
    let started = Instant::now();
    while !last(2).exists() || !last(3).exists() {
        assert!(started.elapsed() < Duration::from_secs(60) && sweep.try_wait().expect("a status").is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    // SAFETY: a child that has not been waited for keeps its number.
    assert_eq!(unsafe { libc::kill(sweep.id() as libc::pid_t, libc::SIGTERM) }, 0);
    let output = sweep.wait_with_output().expect("an output");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(143), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(rows(&said).iter().all(|row| row[3] == "interrupted"), "{said}");

    let (code, said, errors) = desk.sweep(&["--jobs", "2"]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(rows(&said).iter().all(|row| row[3] == "completed" && row[4] == "600/600"), "{said}");
    assert!(!desk.path("runs/trial.time_steps2/v0002").exists(), "it was resumed, not started again");
    let (code, _, errors) = desk.sweep(&[]);
    assert!(code == Some(0) && errors.contains("2 runs, 0 to train"), "{errors}");
}

#[test]
fn one_run_can_be_trained_alone_and_a_number_there_is_none_of_is_refused() {
    let desk = Desk::new("base = 'base.toml'\nseeds = [0, 1]\n");
    assert_eq!(desk.sweep(&["--only", "1"]).0, Some(0));
    assert!(desk.path("runs/trial.seed1/v0001").exists() && !desk.path("runs/trial.seed0").exists());
    let (code, said, _) = desk.sweep(&["--status"]);
    assert_eq!(code, Some(0));
    assert_eq!(rows(&said)[0], ["0", "0", "not", "run"]);
    assert_eq!(rows(&said)[1][..4], ["1", "1", "completed", "2/2"]);
    let (code, _, errors) = desk.sweep(&["--only", "2"]);
    assert!(code == Some(2) && errors.contains("there is no run 2: the sweep has runs 0 to 1"), "{errors}");
}
