//! Sweeps through the program: states, failures that leave others alone, stopping and starting again.

mod copied_program;
mod frozen;
mod gpus;
mod progress;
mod two_at_once;
mod workspace;

use workspace::{Workspace, rows};

#[test]
fn a_failed_run_leaves_the_others_alone_and_only_it_is_tried_again() {
    let text = "base = 'base.toml'\nseeds = [3, 4]\n[variants]\nlow = {}\nhigh = { 'training.initial_weights' = 'absent.safetensors' }\n";
    let workspace = Workspace::new(text);
    let (code, said, _) = workspace.sweep(&["--dry-run"]);
    assert_eq!(code, Some(0));
    // 64 x 16 weights, 2 x 16 gammas, 16 x 10 weights.
    assert_eq!(rows(&said)[1][..6], ["1", "low", "4", "not", "run", "1,216"]);
    assert!(!workspace.path("runs").exists(), "a dry run trains nothing");

    let (code, said, errors) = workspace.sweep(&["--jobs", "2"]);
    assert_eq!(code, Some(2), "{errors}");
    assert!(
        errors.contains("error: trial.high.seed3: ")
            && errors.contains("absent.safetensors")
            && errors.contains("2 of 4 runs failed"),
        "{errors}"
    );
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "trial: 2 of 4 runs completed, 2 failed");
    assert!(lines[1].starts_with("failed: trial.high.seed3: ") && lines[1].contains("absent.safetensors"), "{said}");
    assert_eq!(lines[3..], ["`bntt sweep trial.toml --jobs 2` goes on"]);
    let said = workspace.sweep(&["--status"]).1;
    let states: Vec<Vec<&str>> = rows(&said).iter().map(|row| row[1..5].to_vec()).collect();
    let expected = [
        ["low", "3", "completed", "2/2"],
        ["low", "4", "completed", "2/2"],
        ["high", "3", "not", "run"],
        ["high", "4", "not", "run"],
    ];
    assert_eq!(states, expected, "{said}");

    let (_, said, errors) = workspace.sweep(&[]);
    assert!(errors.contains("4 runs, 2 to train") && !errors.contains("low"), "{errors}");
    assert!(said.starts_with("trial: 2 of 4 runs completed, 2 failed\n"), "{said}");
    assert!(!workspace.path("runs/trial.low.seed3/v0002").exists());
}

#[test]
fn a_stopped_sweep_stops_its_runs_and_goes_on_where_it_was() {
    let workspace = Workspace::new(
        "base = 'base.toml'\nset = { 'training.epochs' = 600 }\ngrid = { 'network.time_steps' = [2, 3] }\n",
    );
    let mut sweep = workspace.start(&["--jobs", "2"]);
    let last = |steps: usize| workspace.path(&format!("runs/trial.time_steps{steps}/v0001/checkpoints/last"));
    workspace.wait(&mut sweep, || last(2).exists() && last(3).exists());
    // SAFETY: a child that has not been waited for keeps its number.
    assert_eq!(unsafe { libc::kill(sweep.id() as libc::pid_t, libc::SIGTERM) }, 0);
    let output = sweep.wait_with_output().expect("an output");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(143), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "trial: 0 of 2 runs completed, 2 stopped and saved");
    assert!(lines[1].starts_with("stopped: trial.time_steps2 (") && lines[1].ends_with(" of 600 epochs)"), "{said}");
    assert_eq!(lines[2..], ["`bntt sweep trial.toml --jobs 2` goes on"]);
    let said = workspace.sweep(&["--status"]).1;
    assert_eq!(rows(&said).iter().map(|row| row[3]).collect::<Vec<_>>(), ["interrupted", "interrupted"]);

    // A run that an older version began has no word of its sweep.
    let folder = workspace.run("runs/trial.time_steps2");
    let mut record = workspace.provenance("runs/trial.time_steps2");
    let membership = record.sweep.take().expect("a sweep's run");
    record.save(&folder.provenance()).expect("a record");
    assert!(!std::fs::read_to_string(folder.provenance()).expect("a file").contains("\"sweep\""));
    let (code, said, errors) = workspace.sweep(&["--jobs", "2"]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(rows(&said).iter().all(|row| row[3] == "completed" && row[4] == "600/600"), "{said}");
    assert_eq!(workspace.provenance("runs/trial.time_steps2").sweep, Some(membership));
    assert!(!workspace.path("runs/trial.time_steps2/v0002").exists(), "it was resumed, not started again");
    let (code, _, errors) = workspace.sweep(&[]);
    assert!(code == Some(0) && errors.contains("2 runs, 0 to train"), "{errors}");
}

#[test]
fn one_run_can_be_trained_alone_and_a_number_there_is_none_of_is_refused() {
    let workspace = Workspace::new("base = 'base.toml'\nseeds = [0, 1]\n");
    let (code, said, errors) = workspace.sweep(&["--only", "1"]);
    assert_eq!((code, said.as_str()), (Some(0), "runs/trial.seed1/v0001\n"), "{errors}");
    assert!(workspace.path("runs/trial.seed1/v0001").exists() && !workspace.path("runs/trial.seed0").exists());
    let (code, said, _) = workspace.sweep(&["--status"]);
    assert_eq!(code, Some(0));
    assert_eq!(rows(&said)[0], ["0", "0", "not", "run"]);
    assert_eq!(rows(&said)[1][..4], ["1", "1", "completed", "2/2"]);
    let (code, _, errors) = workspace.sweep(&["--only", "2"]);
    assert!(code == Some(2) && errors.contains("there is no run 2: the sweep has runs 0 to 1"), "{errors}");
}

#[test]
fn what_a_path_says_decides_no_outcome_and_an_error_is_told_in_all_its_lines() {
    let text = "base = 'base.toml'\nseeds = [0]\n[variants]\nfine = {}\n\
                broken = { 'training.initial_weights' = \"stopped by SIGTERM\\nerror x\\nabsent\" }\n";
    let workspace = Workspace::new(text);
    let (code, said, errors) = workspace.sweep(&["--runs", "stopped by SIGINT"]);
    assert_eq!(code, Some(2), "{errors}");
    assert!(said.starts_with("trial: 1 of 2 runs completed, 1 failed\n"), "{said}");
    let said = workspace.sweep(&["--runs", "stopped by SIGINT", "--status"]).1;
    assert_eq!(rows(&said)[0][..5], ["0", "fine", "0", "completed", "2/2"]);
    assert_eq!(rows(&said)[1][..5], ["1", "broken", "0", "not", "run"]);
    let line = errors.lines().find(|line| line.starts_with("[1/2] trial.fine.seed0: ")).expect("a completed run");
    assert!(line.contains(" % after 2 epochs, ") && errors.contains("1 of 2 runs failed"), "{errors}");
    assert!(!errors.contains(": stopped, saved"), "{errors}");
    let told = errors.split_once("error: trial.broken.seed0: ").expect("an error").1;
    assert!(told.contains("/stopped by SIGTERM\nerror x\nabsent"), "{errors}");
}

#[test]
fn a_run_that_is_killed_has_failed_and_the_others_go_on() {
    let zip = "zip = { 'training.epochs' = [100000, 2], 'network.time_steps' = [2, 3] }";
    let workspace = Workspace::new(&format!("base = 'base.toml'\n{zip}\n"));
    let mut sweep = workspace.start(&[]);
    let run = workspace.path("runs/trial.epochs100000-time_steps2/v0001");
    workspace.wait(&mut sweep, || run.join("checkpoints/last").exists());
    let holder = std::fs::read_to_string(run.join("lock")).expect("a lock");
    let id: libc::pid_t = holder.split(' ').nth(1).and_then(|id| id.parse().ok()).expect("a process's number");
    // SAFETY: a plain call; the process is the sweep's child, which has a hundred thousand epochs to go.
    assert_eq!(unsafe { libc::kill(id, libc::SIGKILL) }, 0);
    let (code, said, errors) = workspace.end(sweep);
    assert_eq!(code, Some(2), "{errors}");
    let expected = "its process ended with signal: 9 (SIGKILL), and left it killed\n";
    assert!(errors.contains(&format!("error: trial.epochs100000-time_steps2: {expected}")), "{errors}");
    assert!(errors.contains("1 of 2 runs failed"), "{errors}");
    assert!(said.starts_with("trial: 1 of 2 runs completed, 1 failed\nfailed: trial.epochs100000"), "{said}");
    let said = workspace.sweep(&["--status"]).1;
    let states: Vec<&str> = rows(&said).iter().map(|row| row[4]).collect();
    assert_eq!(states, ["killed", "completed"]);
}

#[test]
fn nobody_needs_to_listen_and_failures_count_all_the_same() {
    let variants = "[variants]\nfine = {}\nbroken = { 'training.initial_weights' = 'absent' }";
    let workspace = Workspace::new(&format!("base = 'base.toml'\n{variants}\n"));
    let mut sweep = workspace.start(&["--jobs", "2"]);
    drop((sweep.stdout.take(), sweep.stderr.take()));
    assert_eq!(sweep.wait().expect("a status").code(), Some(2));
    let (_, said, _) = workspace.sweep(&["--status"]);
    assert_eq!(rows(&said)[0][3], "completed");
}

#[test]
fn the_users_number_of_threads_holds_for_the_runs() {
    let workspace = Workspace::new("base = 'base.toml'\nseeds = [0]\n");
    let status = workspace.command(&[]).env("RAYON_NUM_THREADS", "1").output().expect("the program").status;
    assert!(status.success());
    assert_eq!(workspace.provenance("runs/trial.seed0").sessions[0].threads, 1);
}

#[test]
fn runs_go_where_a_link_leads_and_a_place_that_is_no_folder_is_refused() {
    let workspace = Workspace::new("base = 'base.toml'\nseeds = [0]\n");
    std::fs::create_dir(workspace.path("elsewhere")).expect("a folder");
    std::os::unix::fs::symlink("elsewhere", workspace.path("link")).expect("a link");
    let (code, _, errors) = workspace.sweep(&["--runs", "link"]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(workspace.path("elsewhere/trial.seed0/v0001").exists() && workspace.path("link").is_symlink());
    assert_eq!(std::fs::read_dir(workspace.path("elsewhere")).expect("a folder").count(), 1, "nothing else is left");
    std::os::unix::fs::symlink("nowhere", workspace.path("dangling")).expect("a link");
    let (code, said, errors) = workspace.sweep(&["--runs", "dangling"]);
    assert!(code == Some(2) && said.is_empty() && errors.contains("error: cannot create dangling: "), "{errors}");
    let (code, said, _) = workspace.sweep(&["--runs", "dangling", "--status"]);
    assert!(code == Some(0) && said.contains("not run"), "{said}");
    for arguments in [&["--runs", "base.toml"][..], &["--runs", "base.toml", "--status"]] {
        let (code, said, errors) = workspace.sweep(arguments);
        assert!(code == Some(2) && said.is_empty() && errors.contains("base.toml: Not a directory"), "{errors}");
    }
}
