//! `bntt resume RUN training.epochs=N`: the run is the one that would have been begun so.

use crate::workspace::{HELD, Workspace, assert_same, bits, measured};
use std::fs;

fn config(workspace: &Workspace, version: usize) -> String {
    fs::read_to_string(workspace.run(version).join("config.toml")).unwrap()
}

/// Version 1, which was made longer by `longer`, against version 2, which was begun so.
fn assert_as_if_begun_so(workspace: &Workspace) {
    assert_eq!(config(workspace, 1), config(workspace, 2));
    for checkpoint in ["last", "best"] {
        assert_same(&bits(&workspace.run(2), checkpoint), &bits(&workspace.run(1), checkpoint));
    }
    let progress = |version| fs::read(workspace.run(version).join("checkpoints/last/progress.toml")).unwrap();
    assert!(progress(1) == progress(2), "progress.toml");
    assert!(workspace.ok(&["doctor", "runs/own/v0001"]).contains("complete: "));
    let list = workspace.ok(&["list"]);
    assert_eq!(list.matches("completed").count(), 2, "{list}");
}

#[test]
fn a_complete_run_goes_on_with_the_bits_of_one_that_was_begun_with_so_many_epochs() {
    for values in [&[][..], &[HELD], &["schedule={ warmup = { epochs = 2 } }"]] {
        let workspace = Workspace::new();
        workspace.ok(&[&["run", "own.toml"], values].concat());
        let before = config(&workspace, 1);
        let said = workspace.ok(&["doctor", "runs/own", "training.epochs=7"]);
        assert!(said.contains("goes on after epoch 4"), "{said}");
        let said = workspace.ok(&["resume", "runs/own", "training.epochs=6"]);
        assert!(said.contains("going on for longer: training.epochs: 4, here 6"), "{said}");
        assert_eq!(fs::read_to_string(workspace.run(1).join("config.1.toml")).unwrap(), before);
        workspace.ok(&["resume", "runs/own", "training.epochs=7", "training.threads=2"]);
        workspace.ok(&[&["run", "own.toml", "training.epochs=7"], values].concat());
        assert_as_if_begun_so(&workspace);
        let record = fs::read_to_string(workspace.run(1).join("provenance.json")).unwrap();
        assert!(
            record.contains("training.epochs: 4, here 6") && record.contains("training.epochs: 6, here 7"),
            "{record}"
        );
        assert_eq!(record.matches("the test images had been read").count(), if values == [HELD] { 2 } else { 0 });
        // Another that is asked for so finds it, and has nothing to do.
        let again = workspace.ok(&[&["run", "own.toml", "training.epochs=7", "--resume-or-start"], values].concat());
        assert!(again.contains("all 7 epochs are done"), "{again}");
    }
}

/// What a program that was killed while it made a run longer leaves, moment by moment.
#[test]
fn a_run_that_was_killed_as_it_was_made_longer_is_the_shorter_or_the_longer_one() {
    let workspace = Workspace::new();
    workspace.ok(&["run", "own.toml", HELD]);
    workspace.ok(&["run", "own.toml", HELD, "training.epochs=6"]);
    let run = workspace.run(1);
    fs::copy(run.join("config.toml"), run.join("config.1.toml")).unwrap();
    let said = workspace.ok(&["resume", "runs/own/v0001"]);
    assert!(said.contains("all 4 epochs are done"), "{said}");
    fs::write(run.join("config.toml"), config(&workspace, 2)).unwrap();
    let said = workspace.ok(&["doctor", "runs/own/v0001"]);
    assert!(said.contains("goes on after epoch 4"), "{said}");
    let said = workspace.ok(&["resume", "runs/own/v0001"]);
    assert!(said.contains("resuming runs/own/v0001 after epoch 4 of 6"), "{said}");
    assert_as_if_begun_so(&workspace);
    assert!(!run.join("config.2.toml").exists());
    // A config that differs in more than its length is nobody's.
    let other = config(&workspace, 1).replace("epochs = 6", "epochs = 8").replace("seed = 3", "seed = 4");
    fs::write(run.join("config.toml"), other).unwrap();
    let said = workspace.refused(&["resume", "runs/own/v0001"]);
    assert!(said.contains("the checkpoint belongs to another config"), "{said}");
}

#[test]
fn a_past_that_would_be_another_is_refused_with_what_to_do() {
    let workspace = Workspace::new();
    workspace.ok(&["run", "own.toml", "schedule={ milestones = { at = [0.5], factor = 0.1 } }"]);
    let before = config(&workspace, 1);
    let said = workspace.refused(&["resume", "runs/own", "training.epochs=8"]);
    assert!(
        said.contains("in epoch 4 the schedule's factor of the learning rate was 0.1, and with 8 epochs it"),
        "{said}"
    );
    assert!(said.contains("schedule.milestones.at=[0.25] leaves the milestones where they were"), "{said}");
    assert_eq!(workspace.bntt(&["doctor", "runs/own", "training.epochs=8"]).0, Some(2));
    for (epochs, expected) in
        [("4", "cannot go on so: it has done 4 epochs"), ("2", "it has done 4 epochs; expected more")]
    {
        let said = workspace
            .bntt(&["resume", "runs/own", &format!("training.epochs={epochs}"), "schedule.milestones.factor=0.2"])
            .1;
        assert!(said.contains(expected), "{said}");
    }
    assert_eq!(config(&workspace, 1), before, "nothing was changed");
    let moved = ["training.epochs=8", "schedule.milestones.at=[0.25]"];
    workspace.ok(&[&["resume", "runs/own"], &moved[..]].concat());
    workspace
        .ok(&[&["run", "own.toml", "schedule={ milestones = { at = [0.25], factor = 0.1 } }"], &moved[..1]].concat());
    assert_as_if_begun_so(&workspace);

    workspace.ok(&["run", "own.toml", "schedule=cosine"]);
    let said = workspace.refused(&["resume", "runs/own/v0003", "training.epochs=8"]);
    assert!(
        said.contains("in epoch 2 the schedule's factor") && said.contains("begin a new run, perhaps with"),
        "{said}"
    );
    let said = workspace.refused(&["resume", "runs/own/v0003", "training.epochs=8", "network.lif.leak=0.5"]);
    assert!(said.contains("cannot be continued as another experiment (network.lif.leak"), "{said}");
}

#[test]
fn a_run_that_stopped_early_goes_on_with_more_patience() {
    let workspace = Workspace::new();
    let values = [HELD, "training.epochs=9", "optimizer.sgd.lr=0.5", "data.augment=none"];
    let run = |patience: &str| workspace.ok(&[&["run", "own.toml", patience], &values[..]].concat());
    run("training.early_stopping={ patience = 1 }");
    let done = measured(&workspace.run(1)).epochs.len();
    assert!(done < 9);
    let said = workspace.refused(&["resume", "runs/own/v0001", "training.epochs=30"]);
    let expected = format!("it would have stopped early after epoch {done} of 30");
    assert!(said.contains(&expected) && said.contains("expected a larger training.early_stopping.patience"), "{said}");
    workspace.ok(&["resume", "runs/own/v0001", "training.early_stopping.patience=3"]);
    run("training.early_stopping={ patience = 3 }");
    assert_as_if_begun_so(&workspace);
}
