//! Two processes at the runs of one sweep.

use super::workspace::{Workspace, rows};
use bntt::files::lock::Lock;
use bntt::run::RunFolder;
use bntt::run::provenance::{Outcome, Provenance};
use bntt::sweep::Sweep;
use bntt::train::{initial_network, save_initial_checkpoint};
use candle_core::Device;
use std::process::Child;

impl Workspace {
    /// The sweep's first run as another process has it at work: this one.
    fn at_work(&self) -> (RunFolder, Lock) {
        let run = &Sweep::load(&self.path("trial.toml")).expect("a sweep").runs[0];
        RunFolder::create_with(&self.path("runs"), &run.name, |folder| {
            let (experiment, mut network) = (&run.checked.experiment, initial_network(&run.checked, &Device::Cpu)?);
            let dataset = experiment.load_data()?;
            std::fs::write(folder.config(), experiment.to_toml()?).expect("a file");
            Provenance::begin(0, "cpu", 1, dataset.checksums.clone(), None).save(&folder.provenance())?;
            save_initial_checkpoint(experiment, &dataset, folder, &mut network)
        })
        .expect("a run")
    }

    /// The same, trained to the end, which is not recorded yet.
    fn about_to_be_complete(&self) -> (RunFolder, Lock) {
        let (code, _, errors) = self.sweep(&["--only", "0"]);
        assert_eq!(code, Some(0), "{errors}");
        let run = self.run(&format!("runs/{FIRST}"));
        let lock = run.take_lock().expect("a run that nobody works on");
        end(&run, Outcome::Running);
        (run, lock)
    }
}

fn end(run: &RunFolder, outcome: Outcome) {
    let mut provenance = Provenance::load(&run.provenance()).expect("a record");
    provenance.finish(outcome);
    provenance.save(&run.provenance()).expect("a record");
}

const TWO: &str = "base = 'base.toml'\nzip = { 'network.time_steps' = [2, 3], 'training.epochs' = [2, 200] }\n";
const FIRST: &str = "trial.time_steps2-epochs2";
const SECOND: &str = "trial.time_steps3-epochs200";

#[test]
fn a_sweep_that_is_started_twice_trains_every_run_once_and_both_end_well() {
    let workspace = Workspace::new("base = 'base.toml'\nset = { 'training.epochs' = 20 }\nseeds = [0, 1, 2, 3]\n");
    let sweeps: Vec<Child> = (0..3).map(|_| workspace.start(&["--jobs", "2"])).collect();
    let ended: Vec<_> = sweeps.into_iter().map(|sweep| workspace.end(sweep)).collect();
    for (code, _, errors) in &ended {
        assert_eq!(*code, Some(0), "{errors}");
    }
    let count = |what: &str| ended.iter().map(|(.., errors)| errors.matches(what).count()).sum::<usize>();
    for seed in 0..4 {
        let name = format!("trial.seed{seed}");
        assert_eq!(workspace.versions(&format!("runs/{name}")), 1);
        let record = workspace.provenance(&format!("runs/{name}"));
        assert!(record.outcome == Outcome::Completed && record.sessions.len() == 1, "{record:?}");
        // All tell of each run, and one of them that it did it.
        let others = count(&format!("{name}: completed by another process"));
        let did = count(&format!("/4] {name}: ")) - others;
        let left = count(&format!("{name}: at work in another process, passed over"));
        assert!(did >= 1 && did + others + left >= 3, "{ended:?}");
    }
}

#[test]
fn a_run_that_is_at_work_elsewhere_is_left_to_the_other() {
    let workspace = Workspace::new(TWO);
    let (run, lock) = workspace.at_work();
    let (code, said, errors) = workspace.sweep(&[]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("2 runs, 1 to train"), "{errors}");
    assert_eq!(errors.matches(&format!("{FIRST}: at work in another process, passed over\n")).count(), 1, "{errors}");
    assert!(errors.contains("1 run is at work in another process, which is left to it\n"), "{errors}");
    assert_eq!((rows(&said)[0][4], rows(&said)[1][4]), ("running", "completed"));
    // And with nothing else to do.
    let (code, _, errors) = workspace.sweep(&[]);
    assert!(code == Some(0) && errors.contains("1 run is at work in another process"), "{errors}");
    drop(lock);
    end(&run, Outcome::Interrupted);
    let (code, said, errors) = workspace.sweep(&[]);
    assert!(code == Some(0) && rows(&said)[0][4] == "completed", "{errors}");
    assert_eq!(workspace.provenance(&format!("runs/{FIRST}")).sessions.len(), 2, "it went on where the other was");
}

/// What a sweep says of the first run, which another process ends so while the second is trained.
fn ended_elsewhere(outcome: Outcome) -> (Option<i32>, String, usize) {
    let workspace = Workspace::new(TWO);
    let (run, lock) = match outcome {
        Outcome::Completed => workspace.about_to_be_complete(),
        _ => workspace.at_work(),
    };
    let mut sweep = workspace.start(&[]);
    workspace.wait(&mut sweep, || workspace.path(&format!("runs/{SECOND}/v0001")).exists());
    end(&run, outcome);
    drop(lock);
    let (code, _, errors) = workspace.end(sweep);
    assert_eq!(rows(&workspace.sweep(&["--status"]).1)[1][4], "completed", "{errors}");
    (code, errors, workspace.provenance(&format!("runs/{FIRST}")).sessions.len())
}

#[test]
fn what_the_other_completed_or_failed_is_told_and_not_done_again() {
    let (code, errors, sessions) = ended_elsewhere(Outcome::Completed);
    assert!(errors.contains(&format!("{FIRST}: completed by another process\n")), "{errors}");
    assert_eq!((code, sessions), (Some(0), 1));
    let (code, errors, sessions) = ended_elsewhere(Outcome::Failed("the loss is not finite".into()));
    assert!(
        errors.contains(&format!("error: {FIRST}: failed in another process: the loss is not finite\n")),
        "{errors}"
    );
    assert!(errors.contains("1 of 2 runs failed"), "{errors}");
    assert_eq!((code, sessions), (Some(2), 1));
    // What it left is taken up once nothing else is due.
    let (code, errors, sessions) = ended_elsewhere(Outcome::Interrupted);
    assert!(errors.contains(&format!("{FIRST}: training\n")), "{errors}");
    assert_eq!((code, sessions), (Some(0), 2));
}

#[test]
fn what_had_failed_before_is_tried_again() {
    let workspace = Workspace::new(TWO);
    let (run, lock) = workspace.at_work();
    end(&run, Outcome::Failed("a disk was full".into()));
    drop(lock);
    let (code, said, errors) = workspace.sweep(&[]);
    assert!(code == Some(0) && rows(&said)[0][4] == "completed", "{errors}");
}
