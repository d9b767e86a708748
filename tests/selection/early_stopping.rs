//! `training.early_stopping`: training ends when nothing better comes, whoever interrupted it.

use crate::workspace::{HELD, Workspace, assert_same, bits, measured};

const PATIENT: &str = "training.early_stopping={ patience = 2 }";
/// So large a rate that what is learned in the first epochs is not improved for long.
const FAST: [&str; 3] = ["training.epochs=40", "optimizer.sgd.lr=0.5", "data.augment=none"];

fn arguments<'a>(begin: &[&'a str]) -> Vec<&'a str> {
    [begin, &[HELD, PATIENT], &FAST[..]].concat()
}

#[test]
fn a_run_ends_when_its_patience_does_and_is_complete() {
    let workspace = Workspace::new();
    let said = workspace.ok(&arguments(&["run", "own.toml"]));
    let run = workspace.run(1);
    let found = measured(&run);
    let (epochs, tops): (usize, Vec<f64>) =
        (found.epochs.len(), found.epochs.iter().map(|line| line.evaluated().unwrap().top1).collect());
    assert!(epochs < 40, "{tops:?}");
    // Ended at the first epoch that is two after the first with the highest accuracy so far.
    let best = |done: usize| (0..done).fold(0, |best, epoch| if tops[epoch] > tops[best] { epoch } else { best }) + 1;
    assert_eq!((1..=epochs).find(|&done| done - best(done) >= 2), Some(epochs), "{tops:?}");
    assert_eq!(found.test.expect("a test").of_epoch, best(epochs));
    let why = format!(
        "stopped early after epoch {epochs} of 40: no top-1 on the validation images above that of epoch {} in 2 evaluated epochs",
        best(epochs)
    );
    assert!(said.contains(&why) && said.contains("done: runs/own/v0001"), "{said}");
    let log = std::fs::read_to_string(run.join("log.txt")).unwrap();
    assert!(log.contains(&why), "{log}");

    assert!(workspace.ok(&["resume", "runs/own"]).contains(&format!("runs/own/v0001: {why}")));
    assert!(workspace.ok(&["doctor", "runs/own"]).contains(&format!("complete: {why}")));
    let list = workspace.ok(&["list"]);
    assert!(list.contains("completed") && list.contains(&format!("{epochs}/40")) && list.contains(&why), "{list}");
    let record: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(run.join("provenance.json")).unwrap()).unwrap();
    assert_eq!((record["outcome"].as_str(), record["ended_early"].as_str()), (Some("completed"), Some(why.as_str())));
    // A sweep or a table counts it.
    let again = workspace.ok(&arguments(&["run", "own.toml", "--resume-or-start"]));
    assert!(again.contains(&why) && !workspace.run(2).exists(), "{again}");
    workspace.ok(&["report", "runs/own", "-o", "page.html", "--no-evaluation"]);
    assert!(std::fs::read_to_string(workspace.path("page.html")).unwrap().contains(&why));

    // The run that was asked for so many epochs and stopped by nobody is the same run up to there.
    let epochs = format!("training.epochs={epochs}");
    workspace.ok(&[&["run", "own.toml", HELD], &FAST[..], &[&epochs]].concat());
    assert_same(&bits(&run, "last"), &bits(&workspace.run(2), "last"));
}

/// As if it were killed after the last epoch, whose checkpoint does not say that it was the last.
#[test]
fn a_run_that_was_killed_when_it_had_stopped_trains_no_further() {
    let workspace = Workspace::new();
    workspace.ok(&arguments(&["run", "own.toml"]));
    let run = workspace.run(1);
    let (expected, last) = (bits(&run, "last"), run.join("checkpoints/last"));
    std::fs::remove_dir_all(&last).unwrap();
    std::fs::rename(run.join("checkpoints/last.previous"), &last).unwrap();
    let said = workspace.ok(&["resume", "runs/own"]);
    assert!(said.contains("stopped early after epoch") && !said.contains("train loss"), "{said}");
    assert_same(&expected, &bits(&run, "last"));
    let again = workspace.ok(&["resume", "runs/own"]);
    assert!(again.contains("stopped early after epoch") && !again.contains("test loss"), "{again}");
}
