//! GPUs of a sweep through the program. What CUDA's variable says is there is not opened by the sweep, so that machines
//! without a GPU do: the runs themselves fail there.

use super::workspace::Workspace;

const ON_GPU: &str = "base = 'base.toml'\nset = { 'training.device' = 'cuda:0' }\nseeds = [0, 1, 2]\n";

impl Workspace {
    /// The exit code and standard error, where CUDA shows what `variable` lists.
    fn shown(&self, variable: &str, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.command(arguments).env("CUDA_VISIBLE_DEVICES", variable).output().expect("the program");
        (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
    }
}

#[test]
fn the_log_says_which_gpu_a_run_has() {
    let workspace = Workspace::new(ON_GPU);
    // Of UUIDs that no GPU has.
    let (_, errors) = workspace.shown("GPU-00000000,GPU-11111111", &["--jobs", "2"]);
    assert!(errors.contains("GPU-00000000, GPU-11111111: one run each at a time\n"), "{errors}");
    let place = |text: &str| errors.find(text).unwrap_or_else(|| panic!("{text} is not in {errors}"));
    assert!(
        place("trial.seed0: training on GPU-00000000\n") < place("trial.seed1: training on GPU-11111111\n"),
        "{errors}"
    );
    // The third has whichever is free first.
    assert!(place("trial.seed2: training on GPU-") > place("trial.seed1: training"), "{errors}");

    let (_, errors) = workspace.shown("GPU-00000000,GPU-11111111", &["--gpus", "1"]);
    assert!(errors.contains("GPU-11111111: one run each at a time\n"), "{errors}");
    assert_eq!(errors.matches(": training on GPU-11111111\n").count(), 3, "{errors}");
}

#[test]
fn where_nothing_is_visible_runs_are_given_none_and_say_themselves_what_is_wrong() {
    let workspace = Workspace::new(ON_GPU);
    let (code, errors) = workspace.shown("", &["--jobs", "3"]);
    assert_eq!(code, Some(2), "{errors}");
    assert!(errors.contains("trial.seed0: training\n") && errors.contains("3 of 3 runs failed"), "{errors}");
    assert!(errors.contains("error: trial.seed0: training.device is \"cuda:0\", but "), "{errors}");
    // On the CPU it is of no account.
    let workspace = Workspace::new("base = 'base.toml'\nset = { 'training.device' = 'cpu' }\nseeds = [0]\n");
    assert_eq!(workspace.shown("", &[]).0, Some(0));
    assert_eq!(workspace.provenance("runs/trial.seed0").sessions[0].visible_gpus, None);
}

#[test]
fn gpus_that_are_not_there_are_refused_before_anything_begins() {
    let workspace = Workspace::new(ON_GPU);
    for (variable, gpus, expected) in [
        (
            "GPU-0,GPU-1",
            "0,2",
            "error: --gpus 2: there is no GPU 2. CUDA_VISIBLE_DEVICES=GPU-0,GPU-1 shows 2: they are numbers 0 to 1.\n",
        ),
        (
            "",
            "0",
            "error: --gpus 0: there is no GPU 0. CUDA_VISIBLE_DEVICES= shows none: name there what may be used, or \
             unset it.\n",
        ),
    ] {
        let (code, errors) = workspace.shown(variable, &["--gpus", gpus]);
        assert!(code == Some(2) && errors.ends_with(expected) && !errors.contains(": training"), "{errors}");
    }
    assert!(!workspace.path("runs").exists());
    for other in ["--slurm", "--dry-run", "--status"] {
        let (code, errors) = workspace.shown("GPU-0", &["--gpus", "0", other]);
        assert!(code == Some(2) && errors.contains("cannot be used with"), "{errors}");
    }
}

#[test]
fn gpus_for_runs_on_the_cpu_are_warned_of() {
    let workspace = Workspace::new("base = 'base.toml'\nset = { 'training.device' = 'cpu' }\nseeds = [0]\n");
    let (code, errors) = workspace.shown("GPU-0", &["--gpus", "0"]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("warning: --gpus 0: no run that is due computes on a GPU"), "{errors}");
    assert!(errors.contains("trial.seed0: training\n"), "{errors}");
}
