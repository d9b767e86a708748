//! Base files, overrides, choices and shared defaults.

use std::fs;
use std::path::{Path, PathBuf};

use bntt::config;
use tempfile::TempDir;

use crate::experiment::*;

/// A folder with the given files; the first is the one to load.
fn folder(files: &[(&str, &str)]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let first = folder.path().join(files[0].0);
    (folder, first)
}

fn load(path: &Path) -> bntt::error::Result<Experiment> {
    config::load(path, &[], &SHARED).map(|loaded| loaded.value)
}

/// The mistakes with the folder's path left out.
fn mistakes(folder: &TempDir, path: &Path) -> Vec<String> {
    let prefix = format!("{}/", folder.path().display());
    messages(load(path)).iter().map(|text| text.replace(&prefix, "")).collect()
}

const NETWORK: &str =
    "[network]\ntime_steps = 2\nlif = { leak = 0.5, threshold = 2 }\nlayers = [\"flatten\", \"lif\"]\n";

#[test]
fn later_files_win_key_by_key_and_lists_are_replaced() {
    let (_keep, path) = folder(&[
        ("main.toml", "base = [\"base/a.toml\", \"base/b.toml\"]\nname = \"main\"\nnetwork.lif.leak = 0.25\n"),
        ("base/a.toml", &format!("base = \"deep/c.toml\"\nname = \"a\"\nseed = 1\n{NETWORK}")),
        ("base/b.toml", "seed = 2\n[network]\nlayers = [\"lif\"]\n"),
        ("base/deep/c.toml", "seed = 3\n[data]\nflip = true\n"),
    ]);
    let value = load(&path).unwrap();
    assert_eq!((value.name.as_str(), value.seed, value.data.flip), ("main", 2, true));
    assert_eq!((value.network.lif.leak, value.network.lif.threshold, value.network.layers.len()), (0.25, 2.0, 1));
}

#[test]
fn a_base_that_two_bases_share_is_merged_once() {
    let (_keep, path) = folder(&[
        ("main.toml", "base = [\"a.toml\", \"b.toml\"]\nname = \"main\"\n"),
        ("a.toml", "base = \"common.toml\"\nseed = 7\n"),
        ("b.toml", "base = \"common.toml\"\n[data]\nflip = true\n"),
        ("common.toml", &format!("seed = 1\n{NETWORK}")),
    ]);
    assert_eq!(load(&path).unwrap().seed, 7);
}

#[test]
fn base_files_that_are_missing_circular_or_no_names_are_refused() {
    let (keep, path) = folder(&[
        ("main.toml", "name = \"x\"\nbase = [\"a.toml\", 3, \"none.toml\"]\n"),
        ("a.toml", "base = \"b.toml\""),
        ("b.toml", "base = \"a.toml\""),
    ]);
    assert_eq!(
        mistakes(&keep, &path),
        [
            "b.toml:1:8: base: the base files form a circle: a.toml -> b.toml -> a.toml. Remove one of them.",
            "main.toml:2:19: base[1]: expected the name of a file or a list of such names.",
            "main.toml:2:22: base: cannot read the base file none.toml: No such file or directory (os error 2).",
        ]
    );
}

#[test]
fn a_slip_in_a_base_is_one_mistake_with_the_file_that_was_meant() {
    let (keep, path) = folder(&[("main.toml", "base = \"nte.toml\"\nname = \"x\"\n"), ("net.toml", NETWORK)]);
    assert_eq!(
        mistakes(&keep, &path),
        [
            "main.toml:1:8: base: cannot read the base file nte.toml: No such file or directory (os error 2); did you mean net.toml?"
        ]
    );
    // What the base would have given is not missing.
    let (keep, path) = folder(&[("main.toml", "bas = \"net.toml\"\nname = \"x\"\n"), ("net.toml", NETWORK)]);
    let told = mistakes(&keep, &path);
    assert!(
        told.len() == 1 && told[0].starts_with("main.toml:1:1: bas: unknown key; did you mean `base`?"),
        "{told:?}"
    );
    // Where nothing is missing, what else is wrong has nothing to do with it: the value, too.
    let text = format!("bas = 1\nname = \"x\"\nseed = \"one\"\n{NETWORK}");
    let (keep, path) = folder(&[("main.toml", &text)]);
    let told = mistakes(&keep, &path);
    assert!(
        told.len() == 3 && told[0].starts_with("main.toml:1:1: bas: unknown key; did you mean `base`?"),
        "{told:?}"
    );
    assert_eq!(
        told[1..],
        [
            "main.toml:1:7: base: expected a string or a list, found 1.",
            "main.toml:3:8: seed: expected a whole number of at least 0, found the string \"one\"."
        ]
    );
}

#[test]
fn mistakes_of_all_files_come_at_once_each_with_its_own_file() {
    let (keep, path) = folder(&[
        ("main.toml", "base = \"a.toml\"\nname = \"x\"\n[network.lif]\nlaek = 1\n"),
        ("a.toml", "seed = \"one\"\n[network]\ntime_steps = 0\nlayers = [\"lif\", { conv = {} }]\n"),
    ]);
    assert_eq!(
        mistakes(&keep, &path),
        [
            "a.toml:1:8: seed: expected a whole number of at least 0, found the string \"one\".",
            "a.toml:3:14: network.time_steps: expected a whole number of at least 1, found 0.",
            "a.toml:4:20: network.layers[1].conv.channels: \
             this key is missing; expected a whole number of at least 1; write { conv = { channels = 2 } }.",
            "main.toml:4:1: network.lif.laek: unknown key; did you mean `leak`? \
             The keys here are `leak`, `threshold`, `input`, `surrogate`, `trace`.",
        ]
    );
}

#[test]
fn the_variant_of_the_latest_file_wins() {
    let with = |base: &str, middle: &str, main: &str| {
        let (_keep, path) = folder(&[
            ("main.toml", &format!("base = [\"a.toml\", \"b.toml\"]\nname = \"x\"\n{main}\n{NETWORK}")),
            ("a.toml", &format!("seed = 1\n{base}")),
            ("b.toml", &format!("seed = 1\n{middle}")),
        ]);
        load(&path).unwrap().optimizer
    };
    let sgd = "optimizer = { sgd = { lr = 0.5, momentum = 0.9 } }";
    assert_eq!(with(sgd, "", "optimizer.adam.lr = 1"), Optimizer::Adam(Adam { lr: 1.0, ..Adam::default() }));
    assert_eq!(with(sgd, "", "optimizer = \"adam\""), Optimizer::Adam(Adam::default()));
    assert_eq!(with(sgd, "", "optimizer.sgd.lr = 0.25"), Optimizer::Sgd(Sgd { lr: 0.25, momentum: 0.9 }));
    assert_eq!(with("optimizer = \"adam\"", sgd, ""), Optimizer::Sgd(Sgd { lr: 0.5, momentum: 0.9 }));
    // What was said before the change of mind is forgotten.
    assert_eq!(
        with(sgd, "optimizer = { adam = { lr = 3 } }", "optimizer.sgd.lr = 0.25"),
        Optimizer::Sgd(Sgd { lr: 0.25, momentum: 0.0 })
    );
}

#[test]
fn overrides_reach_tables_list_entries_and_choices() {
    let value = parse(
        COMPLETE,
        &[
            "network.lif.threshold=2",
            "network.layers.2.lif.leak=0.75",
            "network.layers[0].conv.channels=16",
            "network.layers.1=lif",
            "network.encoder=poisson",
            "network.encoder.poisson.scale=2",
            "optimizer.sgd.lr=1",
            "name=other one",
            "data.limit={ train = 5 }",
            "data.limit.test=6",
        ],
    )
    .unwrap()
    .value;
    let base = Lif { threshold: 2.0, leak: 0.9, ..Lif::default() };
    assert_eq!(value.network.layers[2], Layer::Lif(Lif { leak: 0.75, ..base.clone() }));
    assert_eq!(value.network.layers[1], Layer::Lif(base));
    assert_eq!(value.network.layers[0], Layer::Conv(Conv { channels: 16, bias: false }));
    assert_eq!(value.network.encoder, Encoder::Poisson(Poisson { scale: 2.0 }));
    assert_eq!(value.optimizer, Optimizer::Sgd(Sgd { lr: 1.0, momentum: 0.0 }));
    assert_eq!(value.name, "other one");
    assert_eq!(value.data.limit, Some(Limit { train: Some(5), test: Some(6) }));
}

#[test]
fn a_value_for_a_whole_entry_of_a_list_replaces_it() {
    for key in ["network.layers[2]", "network.layers.2"] {
        let layers = |value: &str| parse(COMPLETE, &[&format!("{key}={value}")]).unwrap().value.network.layers;
        assert_eq!(layers("{ conv = { channels = 16 } }")[2], Layer::Conv(Conv { channels: 16, bias: false }));
        assert_eq!(layers("{ bntt = { eps = 0.5 } }")[2], Layer::Bntt(Bntt { eps: 0.5 }));
        assert_eq!(layers("flatten")[2], Layer::Flatten(Direct {}));
        assert_eq!(layers("flatten").len(), 6);
    }
    let with_bias = COMPLETE.replace("channels = 8", "channels = 8, bias = true");
    let layer = |overrides: &[&str]| parse(&with_bias, overrides).unwrap().value.network.layers.remove(0);
    // What the entry said before is gone, what all share is not.
    assert_eq!(
        layer(&["network.layers[0]={ conv = { channels = 16 } }"]),
        Layer::Conv(Conv { channels: 16, bias: false })
    );
    let lif = Lif { threshold: 3.0, leak: 0.9, ..Lif::default() };
    assert_eq!(
        layer(&["network.layers[0].conv.bias=false", "network.layers[0]={ lif = { threshold = 3 } }"]),
        Layer::Lif(lif)
    );
    // A key inside of the entry changes that alone.
    assert_eq!(layer(&["network.layers[0].conv.channels=16"]), Layer::Conv(Conv { channels: 16, bias: true }));
    assert_eq!(layer(&["network.layers[0].conv={ channels = 16 }"]), Layer::Conv(Conv { channels: 16, bias: true }));
    let mean = parse(COMPLETE, &["data.mean=[1, 2, 3]", "data.mean[1]=0.5"]).unwrap().value.data.mean;
    assert_eq!(mean, Some([1.0, 0.5, 3.0]));
    assert_eq!(
        mistakes_of(&["data.mean=[1, 2, 3]", "data.mean[3]=0.5", "data.mean[-1]=0.5", "data.mean[0]={}"]),
        [
            "command line: data.mean.3: `data.mean` has 3 entries, counted from 0; there is none with number 3.",
            "command line: data.mean.-1: `data.mean` is a list; name an entry by its number, as in `data.mean[0]`.",
            "command line: data.mean[0]: expected a number, found an empty table.",
        ]
    );
}

#[test]
fn none_takes_away_what_earlier_sources_gave_of_every_kind() {
    let base = format!(
        "name = 'base'\n[data]\nlimit = {{ train = 5, test = 6 }}\nmean = [1, 2, 3]\nnote = 'a'\nflip = true\n{NETWORK}"
    );
    let data = |main: &str, overrides: &[&str]| {
        let (_keep, path) = folder(&[("main.toml", &format!("base = 'a.toml'\n{main}")), ("a.toml", &base)]);
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        config::load::<Experiment>(&path, &overrides, &SHARED).unwrap().value.data
    };
    let whole = data("", &[]);
    assert_eq!(whole.limit, Some(Limit { train: Some(5), test: Some(6) }));
    assert_eq!((whole.mean, whole.note.as_deref()), (Some([1.0, 2.0, 3.0]), Some("a")));
    let nothing = Data { flip: true, ..Data::default() };
    let taken = "data = { limit = 'none', mean = 'none', note = 'none' }";
    assert_eq!(data(taken, &[]), nothing);
    assert_eq!(data("", &["data.limit=none", "data.mean=none", "data.note=none"]), nothing);
    assert_eq!(data("", &["data={ limit = 'none', mean = 'none', note = 'none' }"]), nothing);
    // A part of what was given.
    let limit = |main: &str, overrides: &[&str]| data(main, overrides).limit;
    assert_eq!(limit("data.limit.train = 'none'", &[]), Some(Limit { train: None, test: Some(6) }));
    // It may be given again: just that then.
    assert_eq!(limit("data.limit = 'none'", &["data.limit.test=7"]), Some(Limit { train: None, test: Some(7) }));
    assert_eq!(limit("", &["data.limit=none", "data.limit={ train = 1 }"]), Some(Limit { train: Some(1), test: None }));
    assert_eq!(data(taken, &["data.mean=[4, 5, 6]", "data.note=b"]).mean, Some([4.0, 5.0, 6.0]));
    let (_keep, path) = folder(&[
        ("main.toml", "base = ['a.toml', 'b.toml']\ndata.limit.train = 3\n"),
        ("a.toml", &base),
        ("b.toml", "data.limit = 'none'\n"),
    ]);
    assert_eq!(load(&path).unwrap().data.limit, Some(Limit { train: Some(3), test: None }));
}

#[test]
fn a_base_that_stands_twice_in_one_list_is_refused() {
    let (keep, path) = folder(&[
        ("main.toml", "base = [\"a.toml\", \"b.toml\", \"./a.toml\"]\nname = \"main\"\n"),
        ("a.toml", &format!("seed = 1\n{NETWORK}")),
        ("b.toml", "seed = 2\n"),
    ]);
    let problem = "this file stands in the list before; name it once, where it is to be merged.";
    assert_eq!(mistakes(&keep, &path), [format!("main.toml:1:29: base[2]: {problem}")]);
}

#[test]
fn the_variant_of_the_latest_file_wins_though_it_says_nothing_new() {
    let (_keep, path) = folder(&[
        (
            "main.toml",
            &format!("base = [\"a.toml\", \"b.toml\"]\nname = \"x\"\noptimizer = {{ adam = {{}} }}\n{NETWORK}"),
        ),
        ("a.toml", "optimizer = { adam = { lr = 3 } }\n"),
        ("b.toml", "optimizer = { sgd = { lr = 1 } }\n"),
    ]);
    assert_eq!(load(&path).unwrap().optimizer, Optimizer::Adam(Adam::default()));
}

#[test]
fn numbers_keep_their_value_however_they_are_written() {
    for (written, seed) in [("0x20", 32), ("0o17", 15), ("0b101", 5), ("1_000", 1000), ("+7", 7), ("-0", 0)] {
        assert_eq!(parse(COMPLETE, &[&format!("seed={written}")]).unwrap().value.seed, seed, "{written}");
        let text = format!("seed = {written}\n{COMPLETE}");
        assert_eq!(parse(&text, &[]).unwrap().value.seed, seed, "{written}");
    }
}

#[test]
fn a_date_on_the_command_line_is_the_text_that_was_written() {
    for written in ["2024-01-01", "2024-01-01 10:00:00", "07:32:00.50", "1979-05-27T00:32:00-07:00"] {
        let note = parse(COMPLETE, &[&format!("data.note={written}")]).unwrap().value.data.note;
        assert_eq!(note.as_deref(), Some(written));
    }
}

#[test]
fn arguments_that_others_after_them_overrule_are_told() {
    let told = |arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        config::overruled(&arguments)
    };
    for (first, second) in [
        ("seed=1", "seed=2"),
        ("seed=1", "seed = 2"),
        ("network.layers[2].lif.leak=1", "network.layers.2.lif.leak=0.5"),
        ("network.layers[2].lif.leak=1", "network.layers[2]=lif"),
        ("network.layers[2]={ lif = { leak = 1 } }", "network.layers[2]={ lif = {} }"),
        ("network.layers[2]=lif", "network.layers=['lif']"),
        ("data.limit={ train = 1, test = 2 }", "data.limit.test=3"),
        ("data.limit.test=3", "data={ limit = { test = 4 } }"),
        ("data.limit.test=3", "data.limit=none"),
        ("optimizer.sgd.lr=1", "optimizer=adam"),
        ("optimizer=adam", "optimizer.sgd.lr=1"),
        ("data.limit=5", "data.limit.test=3"),
    ] {
        let expected = format!("`{first}` is overruled by `{second}`, which stands after it; leave one of them out.");
        assert_eq!(told(&["name=a", first, "data.flip=true", second]), [expected]);
    }
    for both in [
        ["seed=1", "name=b"],
        ["seed=1", "seed=1"],
        ["optimizer=sgd", "optimizer.sgd.lr=1"],
        ["data.limit=none", "data.limit.test=3"],
        ["data.limit={}", "data.limit.test=3"],
        ["data.limit.test=3", "data.limit={}"],
        ["data.limit={ train = 1 }", "data.limit={ test = 3 }"],
        ["network.layers=['lif']", "network.layers[0]=flatten"],
        ["network.layers[0]={ lif = {} }", "network.layers[0].lif.leak=1"],
        ["data.mean=[1, 2, 3]", "data.mean[1]=5"],
        ["no argument", "=1"],
    ] {
        assert_eq!(told(&both), [""; 0], "{both:?}");
    }
    assert_eq!(told(&["seed=1", "seed=2", "seed=3"]).len(), 2);
}

#[test]
fn layers_inherit_the_shared_defaults_and_may_override_them() {
    let text = COMPLETE
        .replace("leak = 0.9", "leak = 0.9, surrogate = { triangle = { height = 0.5 } }, trace = { from = 3 }")
        .replace("\"flatten\"", "{ lif = { surrogate = \"atan\", trace = { to = 9 } } }, \"flatten\"");
    let layers = parse(&text, &[]).unwrap().value.network.layers;
    let shared = Lif {
        leak: 0.9,
        surrogate: Surrogate::Triangle(Triangle { height: 0.5 }),
        trace: Trace { from: 3, to: 1 },
        ..Lif::default()
    };
    assert_eq!(layers[2], Layer::Lif(shared.clone()));
    let surrogate = Surrogate::Atan(Atan { width: 2.0 });
    assert_eq!(layers[4], Layer::Lif(Lif { surrogate, trace: Trace { from: 3, to: 9 }, ..shared }));
}

#[test]
fn whole_numbers_are_taken_for_floats() {
    let value = parse(COMPLETE, &["network.lif.leak=1", "optimizer.adam.betas=[0, 1]"]).unwrap().value;
    assert_eq!(value.network.lif.leak, 1.0);
    assert_eq!(value.optimizer, Optimizer::Adam(Adam { betas: (0.0, 1.0), ..Adam::default() }));
}
