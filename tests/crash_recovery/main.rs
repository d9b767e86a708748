//! Runs that are interrupted in every way: the run that comes of it is the run that was never interrupted.

mod damage;
mod hangup;
mod stops;
mod workspace;

use bntt::rng::{Purpose, Stream};
use std::time::{Duration, Instant};
use workspace::{CHOSEN, Workspace, comparable};

/// The run that nothing happens to, and how long it takes.
fn undisturbed() -> (Vec<(String, Vec<u8>)>, Duration) {
    undisturbed_in(&Workspace::new())
}

fn undisturbed_in(workspace: &Workspace) -> (Vec<(String, Vec<u8>)>, Duration) {
    let started = Instant::now();
    let (code, said) = workspace.run(&["run", "long.toml"]);
    assert_eq!(code, Some(0), "{said}");
    (comparable(&workspace.path("runs/long/v0001")), started.elapsed())
}

fn assert_same(expected: &[(String, Vec<u8>)], found: &[(String, Vec<u8>)], when: &str) {
    let names = |parts: &[(String, Vec<u8>)]| parts.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(expected), names(found), "{when}");
    for ((name, expected), (_, found)) in expected.iter().zip(found) {
        assert!(expected == found, "{name} differs {when}");
    }
}

/// Kills a run at random moments, in training, saving and starting; `BNTT_KILLS=200` for as many kills.
#[test]
fn a_run_killed_at_random_moments_and_resumed_is_the_same_run() {
    killed_at_random_moments(20, Workspace::new);
}

/// Killed while it chooses, when it has stopped early, and while the test images are read, too.
#[test]
fn a_run_that_stops_early_and_is_tested_is_the_same_run_wherever_it_is_killed() {
    let workspace = || Workspace::with("long.toml", CHOSEN);
    let (code, said) = workspace().run(&["run", "long.toml"]);
    assert!(code == Some(0) && said.contains("stopped early after epoch") && said.contains("test loss"), "{said}");
    killed_at_random_moments(10, workspace);
}

/// Killed while it lets go of its checkpoints, too: it is complete then, and does the rest when it is resumed.
#[test]
fn a_run_that_lets_go_of_its_checkpoints_is_the_same_run_wherever_it_is_killed() {
    killed_at_random_moments(20, || Workspace::with("long.toml", &workspace::keeping_best()));
}

fn killed_at_random_moments(usual: u64, new: impl Fn() -> Workspace) {
    let kills: u64 = std::env::var("BNTT_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(usual);
    let (expected, duration) = undisturbed_in(&new());
    let random = Stream::new(std::process::id().into(), Purpose::Synthetic, 0, 0, 0);
    let (mut killed, mut attempts, mut completed) = (0, 0, 0);
    let mut workspace = new();
    while killed < kills {
        attempts += 1;
        assert!(attempts < 20 * kills + 100, "{killed} kills in {attempts} attempts");
        let program = workspace.start(&["run", "long.toml", "--resume-or-start"]);
        std::thread::sleep(duration.mul_f64(0.6 * f64::from(random.uniform(attempts))));
        killed += u64::from(program.kill());
        let run = workspace.path("runs/long/v0001");
        if !run.exists() {
            continue;
        }
        let (code, said) = workspace.run(&["doctor", "runs/long"]);
        assert_eq!(code, Some(0), "after {killed} kills: {said}");
        if said.contains("complete: ") {
            let (code, said) = workspace.run(&["resume", "runs/long"]);
            assert!(code == Some(0), "{said}");
            assert_same(&expected, &comparable(&run), &format!("after {killed} kills"));
            completed += 1;
            workspace = new();
        }
    }
    let (code, said) = workspace.run(&["run", "long.toml", "--resume-or-start"]);
    assert_eq!(code, Some(0), "{said}");
    assert_same(&expected, &comparable(&workspace.path("runs/long/v0001")), "at the end");
    assert!(!workspace.path("runs/long/v0002").exists(), "it was resumed, not started again");
    println!("{killed} kills in {attempts} attempts, {completed} runs completed before the last");
}

/// A run that a signal stopped once it had a checkpoint; its exit code, and what it said. On a machine that is busy
/// elsewhere a run may be over before the signal comes: then another is tried.
fn stopped_by(signal: i32) -> (Workspace, Option<i32>, String) {
    for _ in 0..20 {
        let workspace = Workspace::new();
        let mut program = workspace.start(&["run", "long.toml", "--resume-or-start"]);
        program.wait_for(&workspace.path("runs/long/v0001/checkpoints/last.previous"));
        program.signal(signal);
        let (code, said) = program.wait();
        if !said.contains("done: ") {
            return (workspace, code, said);
        }
    }
    panic!("every run was over before the signal came");
}

#[test]
fn signals_end_a_run_with_a_checkpoint_and_their_own_exit_code() {
    let (expected, _) = undisturbed();
    for (signal, name, code) in
        [(libc::SIGINT, "SIGINT", 130), (libc::SIGTERM, "SIGTERM", 143), (libc::SIGUSR1, "SIGUSR1", 0)]
    {
        let (workspace, found, said) = stopped_by(signal);
        assert_eq!(found, Some(code), "{said}");
        assert!(
            said.contains(&format!("stopped by {name} after ")) && said.contains("`bntt resume runs/long/v0001`"),
            "{said}"
        );
        let log = std::fs::read_to_string(workspace.path("runs/long/v0001/log.txt")).expect("a log");
        assert!(log.contains(&format!("stopped by {name}")), "{log}");
        let (_, list) = workspace.run(&["list"]);
        assert!(list.contains("interrupted"), "{list}");
        let (code, said) = workspace.run(&["resume", "runs/long"]);
        assert_eq!(code, Some(0), "{said}");
        assert_same(&expected, &comparable(&workspace.path("runs/long/v0001")), name);
    }
}

#[test]
fn a_second_interrupt_ends_a_run_at_once_and_its_checkpoint_is_whole() {
    let workspace = Workspace::new();
    // Evaluations that would go on for long.
    let mut program = workspace.start(&["run", "long.toml", "training.epochs=100000"]);
    program.wait_for(&workspace.path("runs/long/v0001/checkpoints/last.previous"));
    program.signal(libc::SIGINT);
    program.signal(libc::SIGINT);
    let (code, said) = program.wait();
    assert_eq!(code, Some(130), "{said}");
    let (code, said) = workspace.run(&["doctor", "runs/long"]);
    assert!(code == Some(0) && said.contains("`bntt resume runs/long/v0001` goes on after"), "{said}");
}

#[test]
fn a_job_that_is_queued_again_goes_on_and_another_config_starts_anew() {
    let (expected, _) = undisturbed();
    let (workspace, code, said) = stopped_by(libc::SIGTERM);
    assert_eq!(code, Some(143), "{said}");
    let (code, said) = workspace.run(&["run", "long.toml", "--resume-or-start"]);
    assert!(code == Some(0) && said.contains("resuming runs/long/v0001 after"), "{said}");
    assert_same(&expected, &comparable(&workspace.path("runs/long/v0001")), "after it was queued again");
    let (code, said) = workspace.run(&["run", "long.toml", "--resume-or-start"]);
    assert!(code == Some(0) && said.contains("all 4 epochs are done"), "{said}");
    let (code, said) = workspace.run(&["run", "long.toml", "--resume-or-start", "seed=7"]);
    assert!(code == Some(0) && said.contains("long.toml -> runs/long/v0002"), "{said}");
}

#[test]
fn two_runs_at_once_get_two_versions_and_a_run_at_work_is_not_resumed() {
    let workspace = Workspace::new();
    let (one, two) = (workspace.start(&["run", "long.toml"]), workspace.start(&["run", "long.toml"]));
    assert_eq!((one.wait().0, two.wait().0), (Some(0), Some(0)));
    assert_same(
        &comparable(&workspace.path("runs/long/v0001")),
        &comparable(&workspace.path("runs/long/v0002")),
        "between two at once",
    );

    let mut program = workspace.start(&["run", "long.toml", "training.epochs=100000"]);
    program.wait_for(&workspace.path("runs/long/v0003/checkpoints/last.previous"));
    let (code, said) = workspace.run(&["resume", "runs/long/v0003"]);
    assert!(code == Some(2) && said.contains(&format!("process {} on ", program.id())), "{said}");
    let (code, said) = workspace.run(&["doctor", "runs/long/v0003"]);
    assert!(code == Some(0) && said.contains("a process works on this run"), "{said}");
    assert!(program.kill());
    // What a dead process leaves does not block; stopped as soon as it is at work again.
    let lock = workspace.path("runs/long/v0003/lock");
    let dead = std::fs::read_to_string(&lock).expect("a lock");
    let program = workspace.start(&["resume", "runs/long/v0003"]);
    let started = Instant::now();
    // It takes the lock before it listens to signals, and says so in its log after that.
    let log = || std::fs::read_to_string(workspace.path("runs/long/v0003/log.txt")).unwrap_or_default();
    while !log().contains("resuming") {
        assert!(started.elapsed() < Duration::from_secs(60), "it did not go on: {}", log());
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_ne!(dead, std::fs::read_to_string(&lock).expect("a lock"), "the lock names its new holder");
    program.signal(libc::SIGTERM);
    let (code, said) = program.wait();
    assert!(code == Some(143) && said.contains("resuming runs/long/v0003 after"), "{said}");
}

#[test]
fn a_run_folder_that_is_deleted_under_a_run_is_an_error_and_does_not_come_back() {
    let workspace = Workspace::new();
    let mut program = workspace.start(&["run", "long.toml", "training.epochs=100000"]);
    let run = workspace.path("runs/long/v0001");
    program.wait_for(&run.join("checkpoints/last.previous"));
    // Moved first: deleting takes several steps, between which the run could go on.
    std::fs::rename(&run, workspace.path("elsewhere")).expect("a move");
    let (code, said) = program.wait();
    assert!(code == Some(2) && said.contains("is gone: the run folder was moved or deleted"), "{said}");
    assert!(!run.exists(), "it came back");
}

#[test]
fn a_file_that_may_not_grow_any_more_is_an_error_and_the_checkpoint_before_stays_whole() {
    let workspace = Workspace::new();
    // The model fits into what a file may take, the growing lists of steps and epochs soon do not; ulimit counts blocks
    // of 512 or 1024 bytes.
    let (code, said) = workspace.run_after(
        "ulimit -f 1000",
        &["run", "long.toml", "training.epochs=100000", "training.checkpoint_every.minutes=10"],
    );
    assert!(code == Some(2) && said.contains("error: cannot write") && said.contains("File too large"), "{said}");
    let (code, said) = workspace.run(&["doctor", "runs/long"]);
    assert!(code == Some(0) && said.contains("goes on after epoch") && said.contains("failed: cannot write"), "{said}");
}

#[test]
fn a_full_disk_and_a_read_only_folder_are_errors_and_the_checkpoint_stays_whole() {
    let workspace = Workspace::new();
    let disk = workspace.path("runs");
    std::fs::create_dir(&disk).expect("a folder");
    let mount = |options: &str| {
        let mut mount = std::process::Command::new("mount");
        let output = mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&disk).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !mount("size=1100k") {
        println!("skipped: mounting a small disk needs root");
        return;
    }
    struct Unmount(std::path::PathBuf);
    impl Drop for Unmount {
        fn drop(&mut self) {
            let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
        }
    }
    let unmount = Unmount(disk.clone());
    // A checkpoint takes some 350 kB: the third does not fit beside two others.
    let (code, said) = workspace.run(&["run", "long.toml"]);
    assert!(code == Some(2) && said.contains("error: cannot write") && said.contains("No space left"), "{said}");
    let (code, said) = workspace.run(&["doctor", "runs/long"]);
    assert!(code == Some(0) && said.contains("goes on after"), "{said}");
    assert!(!workspace.path("runs/long/v0001/checkpoints/last.new").exists(), "half a checkpoint is in the way");

    assert!(mount("remount,ro") || mount("remount,ro,size=1100k"), "read only");
    for arguments in [&["run", "long.toml"][..], &["resume", "runs/long"]] {
        let (code, said) = workspace.run(arguments);
        assert!(code == Some(2) && said.contains("Read-only file system"), "{said}");
    }
    // With room again it goes on, and is the same run.
    assert!(mount("remount,rw,size=8m"), "more room");
    let (code, said) = workspace.run(&["resume", "runs/long"]);
    assert_eq!(code, Some(0), "{said}");
    assert_same(&undisturbed().0, &comparable(&workspace.path("runs/long/v0001")), "after a full disk");
    drop(unmount);
}
