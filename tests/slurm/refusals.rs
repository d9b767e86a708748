//! SLURMs that refuse, or are not there: commands of that name that say what is asked of them.

use super::written_program::write_program;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

struct Workspace(tempfile::TempDir);

impl Workspace {
    fn new() -> Self {
        let workspace = Self(tempfile::tempdir().expect("a folder"));
        fs::create_dir(workspace.path("bin")).expect("a folder");
        fs::write(workspace.path("base.toml"), super::BASE).expect("a file");
        fs::write(workspace.path("trial.toml"), "base = 'base.toml'\nseeds = [0, 1, 2, 3, 4]\n").expect("a file");
        workspace.program("scontrol", "echo 'MaxArraySize            = 2'");
        workspace.program("squeue", "");
        workspace
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Puts a shell's script in a command's place.
    fn program(&self, name: &str, script: &str) {
        write_program(&self.path("bin").join(name), script);
    }

    /// The exit code, standard output and error, where these commands and the shell's own are all there is.
    fn sweep(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bntt"));
        command.args(["sweep", "trial.toml"]).args(arguments).current_dir(self.0.path()).env("PATH", self.path("bin"));
        let output = command.output().expect("bntt");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    fn submissions(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("runs/trial.slurm")).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

#[test]
fn what_was_submitted_before_a_refusal_is_named_and_the_same_command_submits_the_rest() {
    let workspace = Workspace::new();
    // The first is taken, as job 71.
    let refuse = "echo 'sbatch: error: QOSMaxSubmitJobPerUserLimit' >&2; exit 1";
    workspace.program("sbatch", &format!("if [ -e taken ]; then {refuse}; fi; : > taken; echo '71;trial'"));
    let (code, said, errors) = workspace.sweep(&["--slurm"]);
    assert_eq!((code, said.as_str()), (Some(2), ""), "{errors}");
    let expected = "error: sbatch ended with exit status: 1: sbatch: error: QOSMaxSubmitJobPerUserLimit\n2 runs were submitted before: \
                    `scancel 71` cancels them, the same command submits the rest.\n";
    assert_eq!(errors, expected);
    assert_eq!(workspace.submissions(), ["0001"], "nothing is left of what was not submitted");
    assert_eq!(fs::read_to_string(workspace.path("runs/trial.slurm/0001/job")).expect("a file"), "71\n");

    workspace.program("squeue", "echo '71 0 RUNNING'; echo '71 1 PENDING'");
    workspace.program(
        "sbatch",
        "if [ -e more ]; then echo 73; else : > more; echo 72; fi; for word; do echo \"$word\"; done >> asked",
    );
    let (code, said, errors) = workspace.sweep(&["--slurm", "--partition=gpu", "-t", "9"]);
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(said, "jobs 72, 73: 3 runs; `bntt sweep trial.toml --status` shows how they stand\n");
    assert_eq!(errors, "2 runs are queued in SLURM already: not submitted again\n");
    assert_eq!(workspace.submissions(), ["0001", "0002", "0003"]);
    let folder = workspace.path("runs/trial.slurm").canonicalize().expect("a folder").display().to_string();
    let requested = fs::read_to_string(workspace.path("asked")).expect("a file");
    let one = |tasks: &str, number: &str| {
        format!(
            "--parsable\n--array={tasks}\n--job-name=trial\n--output={folder}/{number}/%a.log\n--partition=gpu\n-t\n9\n{folder}/{number}/array.sh\n"
        )
    };
    assert_eq!(requested, one("0-1", "0002") + &one("0-0", "0003"));
    let named = |file: &str, name: &str| {
        let text = fs::read_to_string(workspace.path(&format!("runs/trial.slurm/{file}"))).expect("a file");
        assert!(text.starts_with(&format!("name = \"{name}\"\n")), "{text}");
    };
    named("0002/0.toml", "trial.seed2");
    // What is queued is not what the file says by now.
    fs::write(workspace.path("base.toml"), super::BASE.replace("1e-3", "0.5")).expect("a file");
    fs::remove_file(workspace.path("more")).expect("a file");
    let (code, said, errors) = workspace.sweep(&["--slurm"]);
    assert!(code == Some(0) && said.starts_with("jobs 72, 73, 73: 5 runs; ") && errors.is_empty(), "{said}{errors}");
    fs::write(workspace.path("base.toml"), super::BASE).expect("a file");
    named("0003/0.toml", "trial.seed4");

    // Tasks are known by their runs' names, whatever has become of the sweep's file.
    fs::write(workspace.path("trial.toml"), "base = 'base.toml'\nseeds = [7, 4, 1, 0]\n").expect("a file");
    workspace.program("squeue", "echo '71 0 RUNNING'; echo '71 1 PENDING'; echo '73 0 SUSPENDED'; echo '73 1 PENDING'");
    let (code, said, errors) = workspace.sweep(&["--status"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let states: Vec<&str> =
        said.lines().skip(3).map(|line| line.split_once("not run").expect("a state").1.trim()).collect();
    assert_eq!(states, ["", "(SLURM: suspended)", "(SLURM: pending)", "(SLURM: running)"], "{said}");
}

#[test]
fn what_slurm_cannot_be_asked_is_a_sentence() {
    let workspace = Workspace::new();
    let (code, _, errors) = workspace.sweep(&["--slurm"]);
    assert_eq!(code, Some(2));
    let expected = "error: cannot run sbatch: No such file or directory (os error 2); --slurm needs SLURM's commands on this machine.\n";
    assert_eq!(errors, expected);
    let (_, _, errors) = workspace.sweep(&["--slurm", "--time=9", "--array=0-9%2"]);
    assert!(
        errors.starts_with(
            "error: --array=0-9%2 cannot be given to sbatch: the tasks of the array are the sweep's runs."
        ),
        "{errors}"
    );
    workspace.program("sbatch", "echo 'sbatch: Job 5 to start at 9' >&2");
    let (code, _, errors) = workspace.sweep(&["--slurm", "--test-only"]);
    assert_eq!((code, errors.as_str()), (Some(2), "error: sbatch submitted nothing: sbatch: Job 5 to start at 9\n"));
    assert_eq!(workspace.submissions(), [""; 0]);
    // It waits for the job's end, and ends as the job did.
    workspace.program("sbatch", "echo 5; exit 3");
    let (code, said, errors) = workspace.sweep(&["--slurm", "--wait"]);
    assert!(
        code == Some(0) && said.starts_with("jobs 5, 5, 5: 5 runs; ") && errors.contains("ended with exit status: 3"),
        "{errors}"
    );

    workspace.program("squeue", "echo 'squeue: error: Unable to contact slurm controller' >&2; exit 1");
    let (code, said, errors) = workspace.sweep(&["--status"]);
    assert!(code == Some(0) && said.contains("not run"), "{said}");
    let expected = "warning: squeue ended with exit status: 1: squeue: error: Unable to contact slurm controller; what SLURM's tasks do \
                    is left out\n";
    assert_eq!(errors, expected);
    workspace.program("squeue", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1");
    assert_eq!(workspace.sweep(&["--status"]).2, "", "SLURM has forgotten the job");

    // A folder that no script of a shell can name.
    let runs = "a\r\nb";
    let (code, _, errors) = workspace.sweep(&["--runs", runs, "--slurm"]);
    assert!(code == Some(2) && errors.contains("SLURM cannot be given a path with a line break of DOS"), "{errors}");
    assert_eq!(fs::read_dir(workspace.path(runs).join("trial.slurm")).expect("a folder").count(), 0);
}

#[test]
fn gpus_are_asked_of_slurm_and_what_it_shows_a_task_is_left_as_it_is() {
    let workspace = Workspace::new();
    workspace.program("sbatch", "echo 71; for word; do echo \"$word\"; done >> asked");
    let (code, _, errors) = workspace.sweep(&["--jobs", "2", "--slurm", "--gpus=1", "--ntasks=1", "--gpus-per-task=1"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let asked = fs::read_to_string(workspace.path("asked")).expect("a file");
    assert!(asked.contains("/0001/%a.log\n--gpus=1\n--ntasks=1\n--gpus-per-task=1\n"), "{asked}");
    let script = fs::read_to_string(workspace.path("runs/trial.slurm/0001/array.sh")).expect("a file");
    assert!(!script.contains("CUDA_VISIBLE_DEVICES") && !script.contains("--gpus"), "{script}");
}
