//! What `bntt run` and `bntt resume` record.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bntt::run::provenance::{Provenance, SessionRecord};

use crate::repository::Repository;

const TINY: &str = "name = 'tiny'\n[data]\ndataset = 'digits'\nbatch_size = 16\nlimit = { train = 64, test = 40 }\n\
    [network]\ntime_steps = 2\nencoder = 'poisson'\n\
    layers = [ 'flatten', { linear = { features = 20 } }, 'bntt', 'lif', { linear = { features = 'classes' } } ]\n\
    [optimizer]\nsgd = { lr = 0.1 }\n[training]\nepochs = 1\nthreads = 1\n";

/// A repository with an experiment.
fn with_experiment() -> Repository {
    let repository = Repository::new();
    repository.write("tiny.toml", TINY);
    repository.write(".gitignore", "runs\n");
    repository.git(&["add", "."]);
    repository.commit();
    repository
}

fn bntt(repository: &Repository, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bntt"));
    command.args(arguments).current_dir(repository.path(""));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn ok(mut command: Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn sessions(run: &Path) -> Vec<SessionRecord> {
    Provenance::load(&run.join("provenance.json")).unwrap().sessions
}

#[test]
fn the_diff_is_written_once_and_a_key_turns_it_off() {
    let repository = with_experiment();
    let run = |version: usize| repository.path(&format!("runs/tiny/v{version:04}"));
    ok(bntt(&repository, &["run", "tiny.toml"]));
    let git = sessions(&run(1))[0].git.clone().unwrap();
    assert_eq!((git.commit, git.dirty), (Some(repository.git(&["rev-parse", "HEAD"])), false));
    assert!(!run(1).join("uncommitted.diff").exists());

    repository.write("a.toml", "password = 'secret'\n");
    for (version, what) in [(2, "diff"), (3, "commit"), (4, "none")] {
        ok(bntt(&repository, &["run", "tiny.toml", &format!("provenance.git={what}")]));
        let git = sessions(&run(version))[0].git.clone();
        let diff = fs::read_to_string(run(version).join("uncommitted.diff"));
        assert_eq!(diff.is_ok_and(|diff| diff.contains("+password = 'secret'")), what == "diff", "{what}");
        assert_eq!(git.as_ref().is_some_and(|git| git.diff_sha256.is_some()), what == "diff", "{what}");
        assert_eq!(git.is_some_and(|git| git.dirty), what != "none", "{what}");
        let text = fs::read_to_string(run(version).join("provenance.json")).unwrap();
        assert!(!text.contains("secret"), "{text}");
        assert!(fs::read_to_string(run(version).join("config.toml")).unwrap().contains(&format!("git = \"{what}\"")));
    }
    let mode = fs::metadata(run(2).join("uncommitted.diff")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// A process that is killed at the latest when the test ends.
struct Running(Child);

impl Running {
    /// Waits until something is there, asks the process to stop and waits for that.
    fn stop_when(mut self, there: impl Fn() -> bool) {
        let began = Instant::now();
        while !there() {
            assert!(began.elapsed() < Duration::from_secs(120), "it hangs");
            assert!(self.0.try_wait().unwrap().is_none(), "it ended too early");
            std::thread::sleep(Duration::from_millis(5));
        }
        // SAFETY: a child that has not been waited for keeps its number.
        assert_eq!(unsafe { libc::kill(self.0.id() as libc::pid_t, libc::SIGTERM) }, 0);
        assert_eq!(self.0.wait().unwrap().code(), Some(143));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_resume_with_other_changes_records_their_checksum_alone() {
    let repository = with_experiment();
    let run: PathBuf = repository.path("runs/tiny/v0001");
    repository.write("a.toml", "first\n");
    let started = bntt(&repository, &["run", "tiny.toml", "training.epochs=1000000"]).spawn().unwrap();
    Running(started).stop_when(|| run.join("checkpoints/last").is_dir());
    let written = fs::read_to_string(run.join("uncommitted.diff")).unwrap();
    assert!(written.contains("+first"));
    for (text, number) in [("second\n", 2), ("first\n", 3)] {
        repository.write("a.toml", text);
        let resumed = bntt(&repository, &["resume", "runs/tiny"]).spawn().unwrap();
        Running(resumed).stop_when(|| {
            sessions(&run).len() == number && Provenance::load(&run.join("provenance.json")).unwrap().ended.is_none()
        });
    }
    assert_eq!(fs::read_to_string(run.join("uncommitted.diff")).unwrap(), written);
    let sums: Vec<_> = sessions(&run).into_iter().map(|session| session.git.unwrap().diff_sha256.unwrap()).collect();
    assert_eq!(sums[0], bntt::files::atomic::sha256_hex(written.as_bytes()));
    assert_ne!(sums[1], sums[0]);
    assert_eq!(sums[2], sums[0]);
    assert!(!fs::read_to_string(run.join("provenance.json")).unwrap().contains("second"));
}

#[test]
fn the_callers_variables_run_and_write_nothing() {
    let repository = with_experiment();
    repository.write("a.toml", "changed\n");
    let trap = repository.trap("trap");
    // A git of the repository's own, for whoever looks for programs in the current directory.
    repository.trap("git");
    let (written, empty) = (repository.beside("written"), repository.beside("empty"));
    let file = written.to_str().unwrap();
    let path = format!(".::{}", std::env::var("PATH").unwrap());
    let variables: &[(&str, &str)] = &[
        ("GIT_EXTERNAL_DIFF", &trap),
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "core.fsmonitor"),
        ("GIT_CONFIG_VALUE_0", &trap),
        ("GIT_TRACE", file),
        ("GIT_TRACE2_EVENT", file),
        ("GIT_TRACE_SETUP", file),
    ];
    // They do in plain git.
    let plain = |variables: &[(&str, &str)], program: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{program} status; {program} diff")]).envs(variables.iter().copied());
        command.current_dir(repository.path("")).output().unwrap();
        (repository.was_sprung(), fs::remove_file(&written).is_ok())
    };
    assert_eq!(plain(&variables[..1], "git"), (true, false));
    assert_eq!(plain(&variables[1..4], "git"), (true, false));
    assert_eq!(plain(&variables[4..], "git"), (false, true));
    assert_eq!(plain(&[("PATH", &path)], "git"), (true, false));

    let mut command = bntt(&repository, &["run", "tiny.toml"]);
    command.envs(variables.iter().copied()).env("PATH", path);
    // Nor do they lead elsewhere.
    command.env("GIT_DIR", &empty).env("GIT_WORK_TREE", &empty).env("GIT_INDEX_FILE", &empty);
    ok(command);
    assert!(!repository.was_sprung() && !written.exists());
    let git = sessions(&repository.path("runs/tiny/v0001"))[0].git.clone().unwrap();
    assert!(git.dirty && git.commit == Some(repository.git(&["rev-parse", "HEAD"])));
}
