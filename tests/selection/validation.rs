//! `data.validation`: the best epoch is chosen on training images that are held out, and the test images are read once.

use crate::workspace::{HELD, Workspace, assert_same, bits, measured};
use bntt::data::{Batches, SplitImages};
use bntt::experiment::{CheckedExperiment, Experiment};
use bntt::network::Network;
use bntt::run::checkpoint;
use bntt::system::signals::Stop;
use bntt::train::evaluate::{EvaluationOptions, evaluate};
use candle_core::Device;

/// Loss and top-1 in percent of a run's checkpoint on images of which every value is computed anew.
fn scores(run: &std::path::Path, checkpoint: &str, on_validation: bool) -> (f64, f64) {
    let CheckedExperiment { experiment, plan, .. } = Experiment::load(&run.join("config.toml"), &[]).expect("a config");
    let dataset = experiment.load_data().expect("digits");
    let holdout = experiment.holdout(&dataset).expect("a holdout").expect("some images");
    let mut network = Network::build(&experiment.network, plan, experiment.seed, &Device::Cpu).expect("a network");
    let found = checkpoint::load(&run.join("checkpoints").join(checkpoint), &Device::Cpu).expect("a checkpoint");
    network.load_state(&found.model).expect("weights");
    let images = match on_validation {
        true => SplitImages::at(&dataset.train, &holdout.validation),
        false => SplitImages::from(&dataset.test),
    };
    let batches = Batches::evaluate(images, &experiment.data, &Device::Cpu).expect("batches");
    let options = EvaluationOptions { draws: 1, time_steps: 3 };
    let score = evaluate(&network, &batches, options, &Stop::never()).expect("scores").expect("not stopped").score;
    (score.loss(), score.top1_percent())
}

#[test]
fn the_best_epoch_is_chosen_on_images_that_are_not_trained_on_and_the_test_comes_once_at_the_end() {
    let workspace = Workspace::new();
    let said = workspace.ok(&["run", "own.toml", HELD, "training.tensorboard=true"]);
    // 24 images of a class, of which a fifth is 5 of 24; digits lie in random order, so that classes differ a little.
    assert!(said.contains(" validation and 100 test images"), "{said}");
    assert!(said.contains("validation loss") && said.contains("(chosen on the validation images)"), "{said}");
    assert_eq!(said.matches("test loss").count(), 1, "{said}");

    let run = workspace.run(1);
    let found = measured(&run);
    assert_eq!(found.epochs.len(), 4);
    assert!(found.epochs.iter().all(|line| line.test.is_none() && line.evaluated().is_some()));
    let best = found.epochs.iter().map(|line| line.evaluated().unwrap().top1).fold(0.0, f64::max);
    let chosen = found.epochs.iter().find(|line| line.evaluated().unwrap().top1 == best).unwrap();
    let test = found.test.expect("a test at the end");
    assert_eq!(test.of_epoch, chosen.epoch);
    // The weights of the best epoch give the very numbers.
    assert_eq!(scores(&run, "best", false), (test.test.loss, test.test.top1));
    let held = chosen.evaluated().unwrap();
    assert_eq!(scores(&run, "best", true), (held.loss, held.top1));

    let table = std::fs::read_to_string(run.join("metrics.csv")).unwrap();
    assert!(table.starts_with("epoch,train_loss,train_top1,train_top5,validation_loss,validation_top1,"), "{table}");
    assert_eq!(table.lines().count(), 5, "{table}");
    let events = std::fs::read(run.join("tensorboard/events.out.tfevents.bntt")).unwrap();
    let count = |tag: &[u8]| events.windows(tag.len()).filter(|window| *window == tag).count();
    assert_eq!([count(b"validation/top1"), count(b"test/top1")], [4, 1]);

    let list = workspace.ok(&["list"]);
    for expected in ["validation top-1", "completed", &format!("{best:.2} %"), &format!("{:.2} %", test.test.top1)] {
        assert!(list.contains(expected), "{expected}: {list}");
    }
    let compared = workspace.ok(&["compare", "runs/own"]);
    assert!(compared.contains("validation top-1") && compared.contains("read once"), "{compared}");
    let json: serde_json::Value =
        serde_json::from_str(&workspace.ok(&["compare", "runs/own", "--format", "json"])).unwrap();
    assert_eq!(json["runs"][0]["best_top1"], test.test.top1);
    assert_eq!(json["runs"][0]["validation_top1"], best);
    assert!(json["runs"][0]["final_top1"].is_null());
    workspace.ok(&["report", "runs/own", "-o", "page.html", "--no-evaluation"]);
    let page = std::fs::read_to_string(workspace.path("page.html")).unwrap();
    assert!(page.contains("chosen on the validation images; the test images were read once"), "{page}");
    assert!(page.contains("validation top-1") && !page.contains("chosen on the test images"));

    let evaluated = workspace.ok(&["eval", "runs/own"]);
    assert!(evaluated.contains("\n100 images") && evaluated.contains(&format!("top-1 {:.2} %", test.test.top1)));
    let evaluated = workspace.ok(&["eval", "runs/own", "--images", "validation"]);
    assert!(
        evaluated.contains("validation images") && evaluated.contains(&format!("top-1 {best:.2} %")),
        "{evaluated}"
    );
    let again = workspace.ok(&["resume", "runs/own"]);
    assert!(again.contains("all 4 epochs are done"), "{again}");
    assert!(workspace.ok(&["doctor", "runs/own"]).contains("complete: all 4 epochs are done"));
}

/// The test images of such a run change no number but that of the test.
#[test]
fn no_test_image_changes_what_is_trained_or_chosen() {
    let workspace = Workspace::new();
    workspace.ok(&["run", "own.toml", HELD]);
    workspace.ok(&["run", "own.toml", HELD, "data.limit.test=37"]);
    for checkpoint in ["last", "best"] {
        let [mut one, mut other] = [1, 2].map(|version| bits(&workspace.run(version), checkpoint));
        assert_ne!(one.pop(), other.pop(), "the test");
        assert_same(&one, &other);
    }
    // And the seed draws which images are held out.
    let held = |seed: &str| {
        let path = workspace.path("own.toml");
        let experiment = Experiment::load(&path, &[HELD.into(), format!("seed={seed}")]).unwrap().experiment;
        let dataset = experiment.load_data().unwrap();
        experiment.holdout(&dataset).unwrap().unwrap()
    };
    assert_eq!(held("1"), held("1"));
    assert_ne!(held("1"), held("2"));
}

/// Where the program is between the last epoch and the end of the test.
#[test]
fn a_run_that_was_not_tested_is_tested_when_it_is_resumed_to_the_same_bits() {
    let workspace = Workspace::new();
    workspace.ok(&["run", "own.toml", HELD]);
    let run = workspace.run(1);
    let expected = bits(&run, "last");
    let lines = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    // The checkpoint of the last epoch is kept beside that of the end: as if the run were killed while it tested, with
    // and without the line of the test.
    let last = run.join("checkpoints/last");
    for keep_line in [true, false] {
        std::fs::remove_dir_all(&last).unwrap();
        std::fs::rename(run.join("checkpoints/last.previous"), &last).unwrap();
        if !keep_line {
            let epochs: String = lines.split_inclusive('\n').take(4).collect();
            std::fs::write(run.join("metrics.jsonl"), epochs).unwrap();
        }
        let said = workspace.ok(&["doctor", "runs/own"]);
        assert!(said.contains("all 4 epochs are done: `bntt resume runs/own/v0001` reads the test images"), "{said}");
        let said = workspace.ok(&["resume", "runs/own"]);
        assert_eq!(said.matches("test loss").count(), 1, "{said}");
        assert_same(&expected, &bits(&run, "last"));
        assert!(workspace.ok(&["doctor", "runs/own"]).contains("complete"));
    }
    // Without a best checkpoint, which is to be accepted, the weights of the end are tested.
    std::fs::remove_dir_all(run.join("checkpoints/best")).unwrap();
    workspace.refused(&["resume", "runs/own"]);
    let said = workspace.ok(&["resume", "runs/own", "--accept-damaged-records"]);
    assert!(said.contains("The weights after the last epoch are tested"), "{said}");
    assert_eq!(measured(&run).test.unwrap().of_epoch, 4);
}

#[test]
fn what_cannot_be_held_out_is_refused_before_a_run_begins() {
    let workspace = Workspace::new();
    for (values, expected) in [
        (&["data.validation.share=0"][..], "data.validation.share: expected a number above 0 and below 1, found 0"),
        (&["data.validation.share=0.001"], "training images of class 0 is no image: expected 0."),
        (&["data.validation.share=0.9", "data.batch_size=100"], "that data.validation leaves"),
        (&["data.validation={ share = 0.1, parts = 3 }"], "data.validation.parts"),
    ] {
        let message = workspace.refused(&[&["run", "own.toml"], values].concat());
        assert!(message.contains(expected), "{expected}: {message}");
    }
    assert!(!workspace.path("runs").exists() || !workspace.run(1).exists());
    workspace.ok(&["run", "own.toml", "training.epochs=1"]);
    let message = workspace.refused(&["eval", "runs/own", "--images", "validation"]);
    assert!(message.contains("the run has no validation images"), "{message}");
}

/// A table says by which images the best epoch is chosen, of cells that differ in it too.
#[test]
fn tables_tell_by_which_images_the_best_epoch_is_chosen() {
    let workspace = Workspace::new();
    let write = |name: &str, text: &str| std::fs::write(workspace.path(name), text).expect("a file");
    write("held.toml", "base = ['own.toml']\ntraining = { epochs = 2 }\ndata = { validation = { share = 0.2 } }\n");
    write("free.toml", "base = ['own.toml']\ntraining = { epochs = 2 }\n");
    for name in ["held", "free"] {
        write(&format!("{name}_seeds.toml"), &format!("base = '{name}.toml'\nseeds = [0, 1]\n"));
        workspace.ok(&["sweep", &format!("{name}_seeds.toml")]);
    }
    let table = workspace.ok(&["table", "held_seeds.toml"]);
    assert!(table.contains("best epoch, chosen on validation images") && table.contains(" – "), "{table}");
    assert!(table.contains("the test images are read once, with the best epoch's weights."), "{table}");
    let folders = std::fs::read_dir(workspace.path("runs")).expect("runs").map(|entry| entry.expect("a run").path());
    let tests: Vec<f64> = folders.filter_map(|run| Some(measured(&run.join("v0001")).test?.test.top1)).collect();
    assert_eq!(tests.len(), 2);
    assert!(table.contains(&format!("{:.2} ± ", (tests[0] + tests[1]) / 2.0)), "{tests:?}: {table}");
    let csv = workspace.ok(&["table", "held_seeds.toml", "--format", "csv"]);
    assert!(csv.contains("best_on_validation_mean") && csv.contains(",2,,,,,"), "{csv}");
    let table = workspace.ok(&["table", "free_seeds.toml"]);
    assert!(table.contains("best epoch, chosen on test images") && !table.contains("validation"), "{table}");
    let row = |name: &str| format!("[[rows]]\nlabel = '{name}'\nconfig = '{name}.toml'\n");
    write("both.toml", &format!("head = 'what'\n{}{}", row("held"), row("free")));
    let table = workspace.ok(&["table", "both.toml"]);
    assert!(table.contains("best epoch |") && !table.contains("best epoch, chosen"), "{table}");
    assert!(table.contains("with the best epoch's weights: held") && table.contains("Chosen on the test images: free"));
    workspace.ok(&["report", "held_seeds.toml", "-o", "sweep.html"]);
    let page = std::fs::read_to_string(workspace.path("sweep.html")).expect("a page");
    assert!(page.contains("Top-1 accuracy on the images that the best epoch is chosen by"), "{page}");
}
