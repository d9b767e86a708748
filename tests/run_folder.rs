//! What a run leaves on disk: folders, provenance, metrics and the list of runs.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;

use bntt::run::listing::list;
use bntt::run::metrics::{EpochMetrics, Metrics, SplitMetrics, read, readable};
use bntt::run::provenance::{Outcome, Provenance};
use bntt::run::records::VerifiedRecords;
use bntt::run::{CheckpointKind, RunFolder};

fn epoch(epoch: usize, top1: Option<f64>) -> EpochMetrics {
    let scores = |top1| SplitMetrics { loss: 0.1 + 0.2, top1, top5: 99.5 };
    EpochMetrics {
        epoch,
        train: scores(50.0),
        validation: None,
        test: top1.map(scores),
        lr: 1e-7,
        firing_rates: vec![("lif10".into(), 0.25), ("lif2".into(), 0.125), ("a,b".into(), 0.0)],
        images_per_second: 123.456,
        seconds: 7.5,
        peak_memory_bytes: Some(1 << 33),
    }
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(Into::into).collect()
}

#[test]
fn versions_count_up_and_the_newest_is_opened_by_the_runs_name() {
    let root = tempfile::tempdir().unwrap();
    for expected in ["v0001", "v0002", "v0003"] {
        let run = RunFolder::create(root.path(), "vgg9").unwrap();
        assert_eq!(run.path(), root.path().join("vgg9").join(expected));
        fs::write(run.config(), "").unwrap();
    }
    fs::remove_dir_all(root.path().join("vgg9/v0002")).unwrap();
    fs::create_dir(root.path().join("vgg9/notes")).unwrap();
    assert!(RunFolder::create(root.path(), "vgg9").unwrap().path().ends_with("v0004"));
    fs::remove_dir_all(root.path().join("vgg9/v0004")).unwrap();
    let newest = RunFolder::open(&root.path().join("vgg9")).unwrap();
    assert!(newest.path().ends_with("v0003"));
    assert_eq!(newest.name(), "vgg9");
    assert_eq!(RunFolder::open(newest.path()).unwrap(), newest);
    assert!(newest.checkpoint(CheckpointKind::Best).ends_with("vgg9/v0003/checkpoints/best"));
}

#[test]
fn runs_that_start_at_once_get_different_versions() {
    let root = tempfile::tempdir().unwrap();
    let paths: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| RunFolder::create(root.path(), "a").unwrap().path().to_path_buf()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(paths.iter().collect::<HashSet<_>>().len(), 16);
    assert_eq!(fs::read_dir(root.path().join("a")).unwrap().count(), 16);
}

#[test]
fn a_name_that_would_leave_the_folder_is_refused_and_nothing_is_made() {
    let root = tempfile::tempdir().unwrap();
    for (name, problem) in [
        ("", "empty"),
        ("..", "dot"),
        (".hidden", "dot"),
        ("a/b", "only letters"),
        ("größe", "only letters"),
        (&"x".repeat(101), "100"),
    ] {
        let message = RunFolder::create(root.path(), name).unwrap_err().to_string();
        assert!(message.contains(problem), "{name}: {message}");
    }
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
}

#[test]
fn opening_what_is_no_run_says_what_is_missing() {
    let root = tempfile::tempdir().unwrap();
    let refused = |path: &Path| RunFolder::open(path).unwrap_err().to_string();
    assert!(refused(&root.path().join("none")).contains("there is nothing there"));
    assert!(refused(root.path()).contains("neither a config.toml nor versions"));
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(refused(&file).contains("it is a file"));
    RunFolder::create(root.path(), "a").unwrap();
    assert!(refused(&root.path().join("a")).contains("v0001 has no config.toml"));
}

#[test]
fn an_epoch_is_one_line_of_json_and_one_row_of_the_table() {
    let root = tempfile::tempdir().unwrap();
    let run = RunFolder::create(root.path(), "a").unwrap();
    let mut metrics = Metrics::open(&run, VerifiedRecords::nothing()).unwrap();
    let written = [epoch(1, Some(97.5)), epoch(2, None)];
    for line in &written {
        metrics.epoch(line).unwrap();
    }
    assert_eq!(read(&run.metrics_jsonl()).unwrap(), written);
    let json = lines(&run.metrics_jsonl());
    // The sum of 0.1 and 0.2 in doubles, to the last digit; layers in the network's order, not the alphabet's.
    assert!(json[0].contains("\"loss\":0.30000000000000004"), "{}", json[0]);
    assert!(json[0].contains(r#""firing_rates":{"lif10":0.25,"lif2":0.125,"a,b":0.0}"#), "{}", json[0]);
    assert!(json[1].contains(r#""test":null"#), "{}", json[1]);
    let expected = [
        "epoch,train_loss,train_top1,train_top5,test_loss,test_top1,test_top5,lr,images_per_second,seconds,\
         peak_memory_bytes,firing_rate.lif10,firing_rate.lif2,\"firing_rate.a,b\"",
        "1,0.30000000000000004,50.0,99.5,0.30000000000000004,97.5,99.5,1e-7,123.456,7.5,8589934592,0.25,0.125,0.0",
        "2,0.30000000000000004,50.0,99.5,,,,1e-7,123.456,7.5,8589934592,0.25,0.125,0.0",
    ];
    assert_eq!(lines(&run.metrics_csv()), expected);
}

#[test]
fn a_resumed_run_writes_the_same_files_as_an_uninterrupted_one() {
    let root = tempfile::tempdir().unwrap();
    let steps = |metrics: &mut Metrics, e: usize, from: usize, to: usize| {
        for step in from..=to {
            metrics.step(e, step, 1.0 / (e * 10 + step) as f64).unwrap();
        }
    };
    let [whole, resumed] = ["whole", "resumed"].map(|name| RunFolder::create(root.path(), name).unwrap());
    let mut metrics = Metrics::open(&whole, VerifiedRecords::nothing()).unwrap();
    for e in 1..=3 {
        steps(&mut metrics, e, 1, 4);
        metrics.epoch(&epoch(e, Some(50.0))).unwrap();
    }
    drop(metrics);

    // The run is killed after epoch 2 while its checkpoint stands at step 3 of epoch 2; the last lines are cut short.
    let mut metrics = Metrics::open(&resumed, VerifiedRecords::nothing()).unwrap();
    steps(&mut metrics, 1, 1, 4);
    metrics.epoch(&epoch(1, Some(50.0))).unwrap();
    steps(&mut metrics, 2, 1, 3);
    metrics.flush().unwrap();
    let checkpoint = metrics.records();
    steps(&mut metrics, 2, 4, 4);
    metrics.epoch(&epoch(2, Some(50.0))).unwrap();
    drop(metrics);
    for path in [resumed.metrics_jsonl(), resumed.metrics_csv(), resumed.steps()] {
        let mut text = fs::read_to_string(&path).unwrap();
        text.truncate(text.len() - 3);
        fs::write(&path, text).unwrap();
    }
    assert_eq!(read(&resumed.metrics_jsonl()).unwrap().len(), 1);
    let mut metrics = Metrics::open(&resumed, checkpoint.verify(&resumed).unwrap()).unwrap();
    steps(&mut metrics, 2, 4, 4);
    metrics.epoch(&epoch(2, Some(50.0))).unwrap();
    steps(&mut metrics, 3, 1, 4);
    metrics.epoch(&epoch(3, Some(50.0))).unwrap();
    drop(metrics);
    for file in [RunFolder::metrics_jsonl, RunFolder::metrics_csv, RunFolder::steps] {
        assert_eq!(lines(&file(&resumed)), lines(&file(&whole)));
    }
    assert_eq!(lines(&whole.steps()).len(), 12);
}

#[test]
fn records_that_were_lost_or_changed_are_refused_and_nothing_is_cut() {
    let root = tempfile::tempdir().unwrap();
    let run = RunFolder::create(root.path(), "a").unwrap();
    let mut metrics = Metrics::open(&run, VerifiedRecords::nothing()).unwrap();
    for e in 1..=2 {
        metrics.step(e, 1, 0.5).unwrap();
        metrics.epoch(&epoch(e, Some(50.0))).unwrap();
    }
    let records = metrics.records();
    drop(metrics);
    records.verify(&run).unwrap();
    for path in [run.metrics_jsonl(), run.steps()] {
        let whole = fs::read(&path).unwrap();
        // A digit of a loss: the line can be read as well as before.
        let digit = whole.iter().position(|&byte| byte == b'5').unwrap();
        let mut flipped = whole.clone();
        flipped[digit] = b'6';
        let zeros = vec![0; whole.len()];
        let middle: Vec<u8> = whole.split_inclusive(|&b| b == b'\n').skip(1).flatten().copied().collect();
        for damaged in [&flipped, &zeros, &middle, &whole[..whole.len() - 1].to_vec(), &Vec::new()] {
            fs::write(&path, damaged).unwrap();
            let text = records.verify(&run).unwrap_err().to_string();
            assert!(text.contains("is damaged: its first") || text.contains("has lost its last"), "{text}");
            assert_eq!(fs::read(&path).unwrap(), *damaged);
        }
        fs::remove_file(&path).unwrap();
        assert!(records.verify(&run).unwrap_err().to_string().starts_with("cannot open"));
        fs::write(&path, [&whole[..], b"more, of an epoch that is repeated\n"].concat()).unwrap();
        records.verify(&run).unwrap();
    }
    // What can still be read of them, for a user who accepts the loss.
    let whole = fs::read_to_string(run.metrics_jsonl()).unwrap();
    fs::write(run.metrics_jsonl(), whole.replace("\"epoch\":2", "\"epoch\":3")).unwrap();
    let first = whole.lines().next().unwrap().len() as u64 + 1;
    let steps = fs::read_to_string(run.steps()).unwrap();
    assert_eq!(readable(&run, 2, 0).unwrap(), [first, steps.find("more").unwrap() as u64]);
}

#[test]
fn the_table_is_made_anew_from_the_lines_and_a_link_in_its_place_is_not_followed() {
    let root = tempfile::tempdir().unwrap();
    let run = RunFolder::create(root.path(), "a").unwrap();
    let mut metrics = Metrics::open(&run, VerifiedRecords::nothing()).unwrap();
    metrics.epoch(&epoch(1, Some(97.5))).unwrap();
    let records = metrics.records();
    drop(metrics);
    let table = fs::read(run.metrics_csv()).unwrap();
    let precious = root.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    fs::remove_file(run.metrics_csv()).unwrap();
    std::os::unix::fs::symlink(&precious, run.metrics_csv()).unwrap();
    drop(Metrics::open(&run, records.verify(&run).unwrap()).unwrap());
    assert_eq!(fs::read(run.metrics_csv()).unwrap(), table);
    for path in [run.metrics_jsonl(), run.steps()] {
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&precious, &path).unwrap();
        let text = Metrics::open(&run, VerifiedRecords::nothing()).unwrap_err().to_string();
        assert!(text.contains("it is a link, and a regular file was expected"), "{text}");
        fs::remove_file(&path).unwrap();
    }
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
}

#[test]
fn a_new_start_in_the_same_folder_empties_the_tables() {
    let root = tempfile::tempdir().unwrap();
    let run = RunFolder::create(root.path(), "a").unwrap();
    let mut metrics = Metrics::open(&run, VerifiedRecords::nothing()).unwrap();
    metrics.step(1, 1, 2.5).unwrap();
    metrics.epoch(&epoch(1, None)).unwrap();
    drop(metrics);
    drop(Metrics::open(&run, VerifiedRecords::nothing()).unwrap());
    for path in [run.metrics_jsonl(), run.metrics_csv(), run.steps()] {
        assert_eq!(fs::read(path).unwrap(), b"");
    }
}

#[test]
fn a_malformed_line_is_named() {
    let root = tempfile::tempdir().unwrap();
    let run = RunFolder::create(root.path(), "a").unwrap();
    let mut metrics = Metrics::open(&run, VerifiedRecords::nothing()).unwrap();
    for e in 1..=3 {
        metrics.epoch(&epoch(e, None)).unwrap();
    }
    drop(metrics);
    let text = fs::read_to_string(run.metrics_jsonl()).unwrap().replace("\"epoch\":2", "\"epoch\":\"two\"");
    fs::write(run.metrics_jsonl(), &text).unwrap();
    let message = read(&run.metrics_jsonl()).unwrap_err().to_string();
    assert!(message.contains("metrics.jsonl line 2: invalid type: string \"two\""), "{message}");
    let twice = text.replace("\"epoch\":\"two\"", "\"epoch\":1");
    fs::write(run.metrics_jsonl(), &twice).unwrap();
    let message = read(&run.metrics_jsonl()).unwrap_err().to_string();
    assert!(message.contains("metrics.jsonl line 2: expected epoch 2, found epoch 1"), "{message}");
}

#[test]
fn numbers_that_are_not_finite_do_not_stop_the_writing() {
    let root = tempfile::tempdir().unwrap();
    let run = RunFolder::create(root.path(), "a").unwrap();
    let mut metrics = Metrics::open(&run, VerifiedRecords::nothing()).unwrap();
    metrics.step(1, 1, f64::NAN).unwrap();
    metrics.epoch(&EpochMetrics { lr: f64::INFINITY, ..epoch(1, None) }).unwrap();
    drop(metrics);
    assert_eq!(lines(&run.steps()), [r#"{"epoch":1,"step":1,"loss":null}"#]);
    let read = read(&run.metrics_jsonl()).unwrap();
    assert!(read[0].lr.is_nan() && read[0].train.loss == epoch(1, None).train.loss, "and it is read back: {read:?}");
}

#[test]
fn other_layers_do_not_go_into_the_same_table() {
    let root = tempfile::tempdir().unwrap();
    let run = RunFolder::create(root.path(), "a").unwrap();
    let mut metrics = Metrics::open(&run, VerifiedRecords::nothing()).unwrap();
    metrics.epoch(&epoch(1, None)).unwrap();
    let other = EpochMetrics { firing_rates: vec![("lif1".into(), 0.5)], ..epoch(2, None) };
    assert!(metrics.epoch(&other).unwrap_err().to_string().contains("metrics.csv line 1"));
    assert_eq!(lines(&run.metrics_jsonl()).len(), 1);
}

#[test]
fn provenance_tells_of_every_session() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("provenance.json");
    let data = BTreeMap::from([("train".to_string(), "ab12".to_string())]);
    let mut provenance = Provenance::begin(7, "cpu", 2, data.clone(), None);
    provenance.save(&path).unwrap();
    assert_eq!(Provenance::load(&path).unwrap().outcome, Outcome::Running);
    provenance.finish(Outcome::Failed("the loss is not finite".into()));
    let started = provenance.started.clone();
    provenance.resume(3, "cuda:0", 4, None);
    assert_eq!((&provenance.outcome, &provenance.ended), (&Outcome::Running, &None));
    provenance.finish(Outcome::Completed);
    provenance.save(&path).unwrap();

    let loaded = Provenance::load(&path).unwrap();
    assert_eq!(loaded, provenance);
    assert_eq!((loaded.seed, &loaded.data, &loaded.started), (7, &data, &started));
    let sessions = loaded.sessions.iter().map(|s| (s.from_epoch, s.device.as_str(), s.threads)).collect::<Vec<_>>();
    assert_eq!(sessions, [(0, "cpu", 2), (3, "cuda:0", 4)]);
    assert_eq!(loaded.sessions[0].command[0], std::env::args().next().unwrap());
    for time in [&loaded.started, loaded.ended.as_ref().unwrap()] {
        let time: jiff::Timestamp = time.parse().unwrap();
        assert!(jiff::Timestamp::now().duration_since(time).as_secs() < 60);
    }
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() / 2]).unwrap();
    assert!(Provenance::load(&path).unwrap_err().to_string().contains("provenance.json is malformed"));
}

#[test]
fn the_list_shows_every_run_and_calls_broken_ones_damaged() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(list(&root.path().join("absent")).unwrap(), []);
    let start = |name: &str, outcome: Option<Outcome>| {
        let run = RunFolder::create(root.path(), name).unwrap();
        fs::write(run.config(), "name = \"x\"\n[training]\nepochs = 5\n").unwrap();
        let mut provenance = Provenance::begin(0, "cpu", 1, BTreeMap::new(), None);
        outcome.into_iter().for_each(|outcome| provenance.finish(outcome));
        provenance.save(&run.provenance()).unwrap();
        run
    };
    let good = start("b", Some(Outcome::Completed));
    let mut metrics = Metrics::open(&good, VerifiedRecords::nothing()).unwrap();
    for (e, top1) in [(1, Some(60.0)), (2, Some(80.0)), (3, None), (4, Some(80.0)), (5, Some(70.0))] {
        metrics.epoch(&epoch(e, top1)).unwrap();
    }
    start("b", Some(Outcome::Failed("x".into())));
    let at_work = start("b", None);
    let _lock = at_work.take_lock().unwrap();
    start("b", None);
    RunFolder::create(root.path(), "a").unwrap();
    let binary = start("c", Some(Outcome::Interrupted));
    fs::write(binary.metrics_jsonl(), [0xff, 0xfe, b'\n']).unwrap();
    fs::write(binary.config(), "epochs = [").unwrap();
    fs::write(root.path().join("README.md"), "").unwrap();
    fs::create_dir(root.path().join("reference")).unwrap();

    let runs = list(root.path()).unwrap();
    let states = runs.iter().map(|run| (run.name.as_str(), run.version, run.state)).collect::<Vec<_>>();
    let expected = [
        ("a", 1, "damaged"),
        ("b", 1, "completed"),
        ("b", 2, "failed"),
        ("b", 3, "running"),
        ("b", 4, "killed"),
        ("c", 1, "damaged"),
    ];
    assert_eq!(states, expected);
    let best = &runs[1];
    assert_eq!((best.epochs_done, best.epochs), (5, Some(5)));
    assert_eq!((best.best_accuracy, best.best_epoch), (Some(80.0), Some(2)));
    assert_eq!((runs[0].epochs_done, runs[0].epochs, &runs[0].started), (0, None, &None));
}

#[test]
fn a_lock_is_refused_while_it_is_held_names_its_holder_and_goes_with_it() {
    let root = tempfile::tempdir().unwrap();
    let run = RunFolder::create(root.path(), "a").unwrap();
    assert!(!run.is_at_work());
    let lock = run.take_lock().unwrap();
    assert!(run.is_at_work());
    let message = run.take_lock().unwrap_err().to_string();
    assert!(message.contains(&format!("process {}", std::process::id())) && message.contains("v0001"), "{message}");
    drop(lock);
    assert!(!run.is_at_work());
    run.take_lock().unwrap();
}

#[test]
fn a_run_folder_appears_whole_or_not_at_all() {
    let root = tempfile::tempdir().unwrap();
    let filled = RunFolder::create_with(root.path(), "a", |run| {
        assert!(list(root.path()).unwrap().is_empty(), "not there before it is filled");
        fs::write(run.config(), "x").unwrap();
        Ok(())
    });
    let (run, lock) = filled.unwrap();
    assert!(run.path().ends_with("a/v0001") && fs::read_to_string(run.config()).unwrap() == "x" && run.is_at_work());
    drop(lock);
    assert!(!run.is_at_work());
    let refused = RunFolder::create_with(root.path(), "a", |_| Err(bntt::error::Error::Run("no".into())));
    assert_eq!(refused.unwrap_err().to_string(), "no");
    assert_eq!(fs::read_dir(root.path().join("a")).unwrap().count(), 1, "what was not filled is gone");
    assert!(RunFolder::newest(root.path(), "a").unwrap().unwrap().path().ends_with("v0001"));
    assert_eq!(RunFolder::newest(root.path(), "b").unwrap(), None);
}
