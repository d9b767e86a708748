//! What a run gives to others: a folder for the Hugging Face hub, files of simulators of hardware and of trackers of
//! experiments. Their own readers look at them where `BNTT_PYTHON` (or `python3`) has them.

use bntt::experiment::Experiment;
use bntt::run::metrics;
use safetensors::SafeTensors;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::process::Command;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

const TEXT: &str = "name = 'tiny'\nseed = 5\n[data]\ndataset = 'digits'\nbatch_size = 16\n\
    limit = { train = 64, test = 40 }\n[network]\ntime_steps = 4\nencoder = 'poisson'\n\
    layers = [ { conv = { channels = 4 } }, 'bntt', 'lif', { pool = { average = 2 } }, { conv = { channels = 6 } }, 'lif',\n\
    'flatten', { linear = { features = 'classes' } } ]\n[optimizer]\nsgd = { lr = 0.1 }\n[training]\nepochs = 3\ndevice = 'cpu'\n";

/// A folder with `runs/tiny/v0001`, trained.
fn workspace(overrides: &[&str]) -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("tiny.toml"), TEXT)?;
    said(folder.path(), &[&["run", "tiny.toml"], overrides].concat())?;
    Ok(folder)
}

fn said(folder: &Path, words: &[&str]) -> Result<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_bntt")).args(words).current_dir(folder).output()?;
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

fn refused(folder: &Path, words: &[&str]) -> Result<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_bntt")).args(words).current_dir(folder).output()?;
    assert_eq!(output.status.code(), Some(2), "{words:?}: {}", String::from_utf8_lossy(&output.stdout));
    Ok(String::from_utf8(output.stderr)?)
}

fn json(folder: &Path, words: &[&str]) -> Result<Json> {
    Ok(serde_json::from_str(&said(folder, &[words, &["--format", "json"]].concat())?)?)
}

/// What a Python program prints, as JSON; nothing where Python lacks `module`.
fn python(module: &str, program: &str, folder: &Path) -> Result<Option<Json>> {
    let python = std::env::var("BNTT_PYTHON").unwrap_or("python3".into());
    let has = Command::new(&python).args(["-c", &format!("import {module}")]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        println!("skipped: {python} has no {module}: install it, and name the Python in BNTT_PYTHON");
        return Ok(None);
    }
    let output = Command::new(&python).args(["-c", program]).current_dir(folder).output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(Some(serde_json::from_slice(&output.stdout)?))
}

/// The text of the fence in a page that begins so.
fn example(page: &str, begin: &str) -> Result<String> {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page))?;
    let fences = page.split("```text\n").skip(1).filter_map(|rest| rest.split("```").next());
    Ok(fences.into_iter().find(|text| text.starts_with(begin)).ok_or("no such example")?.to_string())
}

#[test]
fn a_card_reads_back_as_the_runs_network_config_and_results() -> Result {
    let folder = workspace(&[])?;
    let path = folder.path();
    let evaluated = json(path, &["eval", "runs/tiny/v0001", "--checkpoint", "last"])?;
    let words = ["card", "runs/tiny/v0001", "--checkpoint", "last", "--output", "a/card", "--license", "cc-by-4.0"];
    said(path, &words)?;
    let card = path.join("a/card");
    let model = std::fs::read(card.join("model.safetensors"))?;
    said(path, &words)?;
    assert_eq!(model, std::fs::read(card.join("model.safetensors"))?, "the same card has the same bytes");

    let config = std::fs::read_to_string(card.join("config.toml"))?;
    let (_, header) = SafeTensors::read_metadata(&model)?;
    let words = header.metadata().clone().ok_or("metadata")?;
    assert_eq!((words["format"].as_str(), words["checkpoint"].as_str(), words["epoch"].as_str()), ("pt", "last", "3"));
    assert_eq!(words["config"], config);
    let own = std::fs::read_to_string(path.join("runs/tiny/v0001/config.toml"))?;
    let parse = |text: &str| Experiment::parse(text, "config.toml", &[]).map(|checked| checked.experiment);
    assert_eq!(parse(&config)?, parse(&own)?, "data that come with the program have no path to hide");
    let checkpoint = std::fs::read(path.join("runs/tiny/v0001/checkpoints/last/model.safetensors"))?;
    let (found, expected) = (SafeTensors::deserialize(&model)?, SafeTensors::deserialize(&checkpoint)?);
    assert_eq!(found.len(), expected.len());
    for (name, tensor) in expected.iter() {
        assert_eq!(found.tensor(name)?, tensor, "{name}");
    }

    let readme = std::fs::read_to_string(card.join("README.md"))?;
    let lines = metrics::read(&path.join("runs/tiny/v0001/metrics.jsonl"))?;
    let last = lines.last().and_then(|line| line.test).ok_or("a test")?.top1;
    for expected in [
        "---\nlicense: \"cc-by-4.0\"\nlibrary_name: \"bntt\"\n".to_string(),
        format!(
            "    - {{\"type\":\"accuracy\",\"name\":\"top-1, last epoch (3), these weights\",\"value\":{:?}}}",
            last / 100.0
        ),
        "chosen on the test images themselves".into(),
        "leak = 0.95, threshold = 1.0".into(),
        format!("| eval.top1 |      | {last:>5.2} |"),
        "bntt import model.safetensors --config config.toml\n".into(),
    ] {
        assert!(readme.contains(&expected), "{expected} is not in\n{readme}");
    }

    let card = card.to_str().ok_or("a path")?;
    said(
        path,
        &["import", &format!("{card}/model.safetensors"), "--config", &format!("{card}/config.toml"), "--runs", "b"],
    )?;
    let again = json(path, &["eval", "b/tiny/v0001"])?;
    assert_eq!((&again["loss"], &again["top1"]), (&evaluated["loss"], &evaluated["top1"]));
    said(path, &["run", &format!("{card}/config.toml"), "name=more", &format!("training.initial_weights={card}")])?;
    for (words, expected) in [
        (&["card", "tiny.toml", "--output", "c"][..], "expected a run folder such as"),
        (&["card", "runs/tiny/v0001", "--output", "tiny.toml"], "--output tiny.toml: expected a folder, found a file"),
        (&["card", "runs/tiny/v0001", "--output", "runs/tiny/v0001/checkpoints"], "these are the run's checkpoints"),
        (&["card", "runs/tiny/v0001", "--output", "runs/tiny/v0001"], "config.toml cannot be written"),
    ] {
        let told = refused(path, words)?;
        assert!(told.contains(expected), "{words:?}: {told}");
    }

    let program = "import json; from huggingface_hub import ModelCard\n\
        data = ModelCard.load('a/card/README.md').data\n\
        print(json.dumps([data.license, data.tags, [[r.metric_name, r.metric_value] for r in data.eval_results]]))";
    if let Some(found) = python("huggingface_hub", program, path)? {
        assert_eq!(found[0], "cc-by-4.0");
        assert_eq!(found[1], serde_json::json!(["spiking-neural-network", "snn", "image-classification", "bntt"]));
        assert_eq!(found[2][0], serde_json::json!(["top-1, last epoch (3), these weights", last / 100.0]));
    }
    Ok(())
}

/// The sums that SATA_Sim counts, by the formula of its reader, are those of `bntt energy`.
#[test]
fn satas_workload_counts_the_sums_that_were_counted() -> Result {
    let folder = workspace(&[])?;
    let path = folder.path();
    said(path, &["export", "runs/tiny/v0001", "--sata", "sata"])?;
    let text = std::fs::read_to_string(path.join("sata/workload.yaml"))?;
    let number = |text: &str, key: &str| -> Result<f64> {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(&format!("{key}: ")));
        Ok(line.ok_or(format!("no {key}"))?.parse()?)
    };
    let (mut dense, mut names) = (0.0, Vec::new());
    for layer in text.split("  - name: ").skip(1) {
        let of = |key: &str| number(layer, key);
        let side = |size: &str, filter: &str| -> Result<f64> {
            Ok(((of(size)? + 2.0 - of(filter)?) / of("Strides")?).floor() + 1.0)
        };
        let places = match layer.starts_with("Conv") {
            true => side("IFMAP Height", "Filter Height")? * side("IFMAP Width", "Filter Width")?,
            false => 1.0,
        };
        dense += of("Num Filter")? * places * of("Filter Height")? * of("Filter Width")? * of("Channels")?;
        names.push(layer.split(' ').next().unwrap_or_default().to_string());
    }
    assert_eq!(names, ["Conv1", "Conv2", "FC1"]);
    let counted = dense * number(&text, "timestep")? * (1.0 - number(&text, "sparsity")?);
    let energy = json(path, &["energy", "runs/tiny/v0001"])?;
    let layers = energy["layers"].as_array().ok_or("layers")?;
    let expected: f64 = layers.iter().filter_map(|layer| layer["operations"].as_f64()).sum();
    assert!(expected > 100.0 && (counted - expected).abs() < 1e-6 * expected, "{counted}, and {expected} were counted");

    let told = said(path, &["export", "runs/tiny/v0001", "--sata", "some", "--images", "8"])?;
    assert!(told.contains("8 test images"), "{told}");
    assert!(!path.join("some/training.yaml").exists());

    said(path, &["export", "runs/tiny/v0001", "--sata", "sata", "--gradients"])?;
    assert_eq!(text, std::fs::read_to_string(path.join("sata/workload.yaml"))?, "counting gradients changes nothing");
    let training = std::fs::read_to_string(path.join("sata/training.yaml"))?;
    let line = |key: &str| -> Result<f64> {
        let found = training.lines().find_map(|line| line.strip_prefix("#   ")?.strip_prefix(key));
        Ok(found.ok_or(format!("no {key}"))?.trim_start_matches([' ', ':', '=']).parse()?)
    };
    let [behind_norm, behind_lif] = [line("layers.0.conv")?, line("layers.4.conv")?];
    // A neuron passes no gradient on where its potential is far from the threshold, and the loss has one for all.
    assert!(behind_norm < 0.01 && (0.05..0.95).contains(&behind_lif), "{training}");
    assert!(line("layers.7.linear")? < 1e-9, "{training}");
    // 4 channels of 8 x 8 with 9 inputs each, and 6 of 4 x 4 with 36.
    let (first, second) = (4.0 * 64.0 * 9.0, 6.0 * 16.0 * 36.0);
    let expected = (behind_norm * first + behind_lif * second) / (first + second);
    assert!((line("sp_du")? - expected).abs() < 1e-5, "{training}");
    let sparse = |place: usize| -> Result<f64> {
        let layer = &energy["layers"][place];
        let [operations, macs] = ["operations", "macs"].map(|key| layer[key].as_f64());
        Ok(1.0 - operations.ok_or("operations")? / (macs.ok_or("macs")? * 4.0))
    };
    let expected = (sparse(0)? * first + sparse(1)? * second) / (first + second);
    assert!((line("sp_s")? - expected).abs() < 1e-5, "{expected}, and\n{training}");
    assert!(training.contains("\nconv1:  # layers.0.conv\n  type: 2dconv\n  H_h: 8\n"), "{training}");
    assert!(training.ends_with("\nlin3:  # layers.7.linear\n  type: out_linear\n  in: 96\n  out: 10\n"), "{training}");

    let told = refused(path, &["export", "runs/tiny/v0001", "--spikesim", "lists"])?;
    assert!(told.contains("found [1, 4] in and [4, 6] out. Nothing is written."), "{told}");
    assert!(!path.join("lists").exists());
    Ok(())
}

/// The largest of 64 pixels alone has a gradient of the loss; what is paid for spikes, every neuron near its threshold.
#[test]
fn satas_gradients_have_the_part_of_what_is_paid_for_spikes() -> Result {
    let layers = "network.layers=[{ conv = { channels = 4 } }, 'lif', { pool = { max = 8 } }, 'flatten', \
        { linear = { features = 'classes' } }]";
    let sparsity = |paid: &str| -> Result<f64> {
        let folder = workspace(&[layers, "training.epochs=1", paid])?;
        said(folder.path(), &["export", "runs/tiny/v0001", "--sata", "sata", "--gradients"])?;
        let training = std::fs::read_to_string(folder.path().join("sata/training.yaml"))?;
        let found = training.lines().find_map(|line| line.strip_prefix("#   layers.0.conv"));
        Ok(found.ok_or("no such layer")?.trim_start_matches([' ', ':', '=']).parse()?)
    };
    let [free, paid] = ["training.firing_rate.penalty=0", "training.firing_rate={ penalty = 0.1, above = 0.0 }"];
    let (free, paid) = (sparsity(free)?, sparsity(paid)?);
    assert!(free > 0.9 && paid < 0.8, "{free}, and {paid} where spikes are paid for");
    Ok(())
}

#[test]
fn mlflow_finds_every_run_with_its_config_and_numbers() -> Result {
    let folder = workspace(&[])?;
    let path = folder.path();
    said(path, &["run", "tiny.toml", "seed=6", "training.evaluate_every=2"])?;
    said(path, &["note", "runs/tiny/v0001", "the baseline"])?;
    said(path, &["export", "runs/tiny/v0001", "--mlflow", "store"])?;
    let told = said(path, &["export", "runs/tiny/v0001", "runs/tiny/v0002", "--mlflow", "store"])?;
    let runs: Vec<PathBuf> = told.lines().filter_map(|line| Some(line.split_once(" -> ")?.1.into())).collect();
    let read = |run: usize, file: &str| std::fs::read_to_string(runs[run].join(file));
    assert_eq!(runs[0].parent(), runs[1].parent(), "one experiment");
    let experiment = std::fs::read_to_string(runs[0].join("../meta.yaml"))?;
    assert!(experiment.contains("\nname: \"tiny\"\n"), "{experiment}");
    assert_eq!(std::fs::read_dir(runs[0].join(".."))?.count(), 3, "an export again replaces the run's own");
    assert_eq!(read(0, "params/network.layers.0.conv.channels")?, "4");
    assert_eq!((read(0, "params/seed")?, read(1, "params/seed")?), ("5".into(), "6".into()));
    assert_eq!(read(0, "tags/mlflow.note.content")?, "the baseline");
    let lines = metrics::read(&path.join("runs/tiny/v0002/metrics.jsonl"))?;
    let expected: Vec<_> = lines.iter().filter_map(|line| Some((line.epoch, line.test?.top1))).collect();
    let found: Vec<(usize, f64)> = read(1, "metrics/test/top1")?
        .lines()
        .filter_map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
            [_, value, step] => Some((step.parse().ok()?, value.parse().ok()?)),
            _ => None,
        })
        .collect();
    assert_eq!((found.len(), &found), (2, &expected), "epochs 2 and 3 are evaluated");

    let program = "import json, os\nos.environ['MLFLOW_ALLOW_FILE_STORE'] = 'true'\nfrom mlflow import MlflowClient\n\
        client = MlflowClient('file://' + os.path.abspath('store'))\n\
        [experiment] = client.search_experiments()\nruns = client.search_runs([experiment.experiment_id])\n\
        print(json.dumps([experiment.name, sorted([r.info.run_name, r.info.status, r.data.params['seed'],\n\
        [[m.step, m.value] for m in client.get_metric_history(r.info.run_id, 'test/top1')]] for r in runs)]))";
    if let Some(found) = python("mlflow", program, path)? {
        assert_eq!(found[0], "tiny");
        assert_eq!(
            found[1][0].as_array().map(|run| run[..3].to_vec()),
            Some(["v0001", "FINISHED", "5"].map(Json::from).into())
        );
        assert_eq!(found[1][1][3], serde_json::json!(expected));
    }
    Ok(())
}

#[test]
fn a_csv_for_trackio_and_the_example_for_pandas_have_the_lines_of_metrics_jsonl() -> Result {
    let folder = workspace(&["data.validation.share=0.25"])?;
    let path = folder.path();
    said(path, &["export", "runs/tiny/v0001", "--trackio", "tiny.csv"])?;
    let text = std::fs::read_to_string(path.join("tiny.csv"))?;
    let lines = metrics::read(&path.join("runs/tiny/v0001/metrics.jsonl"))?;
    let head: Vec<&str> = text.lines().next().ok_or("a head")?.split(',').collect();
    assert_eq!(head[..6], ["step", "timestamp", "train/loss", "train/top1", "train/top5", "val/loss"]);
    let short = |name: &&str| name.len() <= 10 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '/');
    assert!(head.iter().all(short), "trackio cuts names: {head:?}");
    let column = |name: &str| -> Result<Vec<f64>> {
        let place = head.iter().position(|found| *found == name).ok_or(format!("no {name}"))?;
        let cells = text.lines().skip(1).filter_map(|line| line.split(',').nth(place)).filter(|cell| !cell.is_empty());
        Ok(cells.map(str::parse).collect::<std::result::Result<_, _>>()?)
    };
    assert_eq!(column("train/loss")?, lines.iter().map(|line| line.train.loss).collect::<Vec<_>>());
    assert_eq!(column("rate/2")?, lines.iter().map(|line| line.firing_rates[1].1).collect::<Vec<_>>());
    assert_eq!(column("test/top1")?.len(), 1, "the test images were read once");
    assert!(
        refused(path, &["export", "runs/tiny", "runs/tiny", "--trackio", "a.csv"])?.contains("only --mlflow takes")
    );

    let program =
        example("docs/exports.md", "import json\nimport pandas")?.replace("runs/quickstart/v0001", "runs/tiny/v0001");
    let program = format!("{program}\nprint(epochs.to_json(orient='split'))");
    if let Some(found) = python("pandas", &program.replace("print(epochs.tail())", ""), path)? {
        let place = |name: &str| found["columns"].as_array().and_then(|all| all.iter().position(|found| found == name));
        let place = place("train.loss").ok_or("a column train.loss")?;
        let losses = found["data"].as_array().into_iter().flatten().filter_map(|row| row[place].as_f64());
        let close = |(found, line): (f64, &metrics::EpochMetrics)| (found - line.train.loss).abs() < 1e-9;
        assert!(losses.clone().count() == 3 && losses.zip(&lines).all(close), "{found}");
    }
    Ok(())
}

#[test]
fn the_notebook_shows_the_numbers_of_metrics_jsonl() -> Result {
    let folder = workspace(&["data.validation.share=0.25", "training.evaluate_every=2"])?;
    let path = folder.path();
    let sweep = "base = 'tiny.toml'\ngrid = { 'network.time_steps' = [2, 4] }\nseeds = [5, 6]\n";
    std::fs::write(path.join("steps.toml"), sweep)?;
    said(path, &["sweep", "steps.toml"])?;
    let program = format!(
        "import json, runpy, sys\nsys.argv = ['notebook', '--runs', 'runs']\n\
        _, found = runpy.run_path({:?})['app'].run()\n\
        print(json.dumps({{name: json.loads(found[name].to_json(orient='split', double_precision=15)) for name in\n\
        ['losses', 'top1', 'runs', 'over_seeds', 'rates_by_epoch', 'last_rates']}}))",
        Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/notebook.py")
    );
    let Some(found) = python("marimo, matplotlib, pandas", &program, path)? else {
        return Ok(());
    };
    // By the order of their names, as the notebook has them.
    let names =
        ["steps.time_steps2.seed5", "steps.time_steps2.seed6", "steps.time_steps4.seed5", "steps.time_steps4.seed6"];
    let names = names.iter().chain(&["tiny"]).map(|name| format!("{name}/v0001")).collect::<Vec<_>>();
    let read = |name| metrics::read_whole(&path.join(format!("runs/{name}/metrics.jsonl")));
    let runs = names.iter().map(read).collect::<std::result::Result<Vec<_>, _>>()?;
    let close = |found: &Json, expected: Option<f64>, what: &str| match expected {
        Some(expected) => {
            let found = found.as_f64().unwrap_or(f64::NAN);
            assert!((found - expected).abs() < 1e-9, "{what}: {found}, and {expected} is in metrics.jsonl");
        }
        None => assert!(found.is_null(), "{what}: {found}, and metrics.jsonl has none"),
    };
    let cell = |table: &str, row: usize, column: &str| {
        let columns = found[table]["columns"].as_array().into_iter().flatten();
        let place = columns.into_iter().position(|found| found == column);
        found[table]["data"][row][place.unwrap_or_else(|| panic!("{table} has no column {column}"))].clone()
    };

    for (name, run) in names.iter().zip(&runs) {
        for (row, line) in run.epochs.iter().enumerate() {
            close(&cell("losses", row, name), Some(line.train.loss), name);
            close(&cell("top1", row, name), line.evaluated().map(|scores| scores.top1), name);
        }
    }
    assert_eq!(found["runs"]["index"], serde_json::json!(names));
    for (row, (name, run)) in names.iter().zip(&runs).enumerate() {
        let (best_epoch, best) = metrics::best(&run.epochs).ok_or("a best epoch")?;
        let last = run.epochs.last().ok_or("an epoch")?;
        let seconds: f64 = run.epochs.iter().map(|line| line.seconds).sum();
        for (column, expected) in [
            ("best", Some(best)),
            ("best_epoch", Some(best_epoch as f64)),
            ("last", last.evaluated().map(|scores| scores.top1)),
            ("test", run.test.map(|last| last.test.top1)),
            ("train_loss", Some(last.train.loss)),
            ("minutes", Some(seconds / 60.0)),
            ("epochs", Some(3.0)),
            (
                "peak_memory_mb",
                run.epochs.iter().filter_map(|line| line.peak_memory_bytes).max().map(|b| b as f64 / 1e6),
            ),
            ("network.time_steps", Some(if name.contains("steps2") { 2.0 } else { 4.0 })),
            ("seed", Some(if name.contains("seed6") { 6.0 } else { 5.0 })),
        ] {
            close(&cell("runs", row, column), expected, &format!("{name}, {column}"));
        }
        for (layer, rate) in &last.firing_rates {
            close(&cell("last_rates", row, layer), Some(*rate), &format!("{name}, {layer}"));
        }
    }
    assert!(runs[4].test.is_some(), "tiny has validation images, and one score on the test images");
    assert!(runs[4].epochs[0].evaluated().is_none(), "its first epoch was not evaluated");
    // Unless another is chosen, the rates of the last run.
    for (row, line) in runs[4].epochs.iter().enumerate() {
        close(&cell("rates_by_epoch", row, "layers.2.lif"), Some(line.firing_rates[0].1), "rates by epoch");
    }
    // Settings by their values: two time-steps, with the mean of two seeds and their sample standard deviation.
    let best = |run: usize| metrics::best(&runs[run].epochs).map(|best| best.1).unwrap_or(f64::NAN);
    close(&cell("over_seeds", 0, "count"), Some(2.0), "two seeds");
    close(&cell("over_seeds", 0, "mean"), Some((best(0) + best(1)) / 2.0), "mean");
    close(&cell("over_seeds", 0, "std"), Some((best(0) - best(1)).abs() / 2f64.sqrt()), "standard deviation");
    Ok(())
}
