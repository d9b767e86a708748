//! Every message, with its place.

use crate::experiment::{COMPLETE, Experiment, SHARED, messages, mistakes_of, mistakes_with, parse};
use bntt::config;
use std::path::Path;

#[test]
fn an_unknown_key_is_placed_and_the_nearest_key_is_named() {
    assert_eq!(
        mistakes_with("leak = 0.9", "laek = 0.9"),
        ["a.toml:4:9: network.lif.laek: unknown key; did you mean `leak`? \
          The keys here are `leak`, `threshold`, `input`, `surrogate`, `trace`."]
    );
    assert_eq!(
        mistakes_with("channels = 8", "channels = 8, colour = 1"),
        ["a.toml:6:28: network.layers[0].conv.colour: unknown key; the keys here are `channels`, `bias`."]
    );
    assert_eq!(
        mistakes_with("\"flatten\"", "{ flatten = { x = 1 } }"),
        ["a.toml:8:17: network.layers[4].flatten.x: unknown key; no keys are possible here."]
    );
}

#[test]
fn base_belongs_to_the_top_of_the_file() {
    assert_eq!(
        mistakes_with("time_steps", "base = 'b.toml'\ntime_steps"),
        ["a.toml:3:1: network.base: unknown key; \
          the keys here are `time_steps`, `encoder`, `lif`, `bntt`, `layers`."]
    );
    assert_eq!(
        mistakes_with("name", "bsae = 1\nname"),
        ["a.toml:1:1: bsae: unknown key; did you mean `base`? \
          The keys here are `base`, `name`, `seed`, `data`, `network`, `optimizer`."]
    );
}

#[test]
fn a_wrong_type_is_placed_at_the_value() {
    let steps = |value: &str| mistakes_with("time_steps = 4", &format!("time_steps = {value}")).remove(0);
    let place = "a.toml:3:14: network.time_steps: expected a whole number of at least 1, found";
    assert_eq!(steps("\"four\""), format!("{place} the string \"four\"."));
    assert_eq!(steps("2.5"), format!("{place} 2.5."));
    assert_eq!(steps("4.0"), format!("{place} 4.0."));
    assert_eq!(steps("true"), format!("{place} true."));
    assert_eq!(steps("[1, 2]"), format!("{place} a list of 2 values."));
    assert_eq!(steps("{ a = 1 }"), format!("{place} a table."));
    assert_eq!(steps("0"), format!("{place} 0."));
    assert_eq!(steps("-3"), format!("{place} -3."));
    assert_eq!(
        steps("1979-05-27"),
        "a.toml:3:14: 1979-05-27 is a date, and no setting is one; strings stand in quotes."
    );
    assert_eq!(
        mistakes_with("\"small\"", "[1, 07:32:00]"),
        ["a.toml:1:12: 07:32:00 is a date, and no setting is one; strings stand in quotes."]
    );
    assert_eq!(
        mistakes_of(&["data.mean=[2024-01-01, 1, 2]"]),
        ["command line: data.mean: `[2024-01-01, 1, 2]` is not a value: \
          2024-01-01 is a date, and no setting is one; strings stand in quotes."]
    );
    assert_eq!(
        mistakes_with("name = \"small\"", "name = 3\nseed = -1\ndata = { flip = 1 }"),
        [
            "a.toml:1:8: name: expected a string, found 3.",
            "a.toml:2:8: seed: expected a whole number of at least 0, found -1.",
            "a.toml:3:17: data.flip: expected true or false, found 1.",
        ]
    );
    assert_eq!(
        mistakes_with("lif = { leak = 0.9 }", "lif = 3"),
        ["a.toml:4:7: network.lif: expected a table, found 3."]
    );
}

#[test]
fn a_number_out_of_range_is_refused_with_the_range() {
    let leak = |value: &str| mistakes_with("leak = 0.9", &format!("leak = {value}")).remove(0);
    let place = "a.toml:4:16: network.lif.leak: expected a number from 0 to 1, found";
    for (value, found) in
        [("1.5", "1.5"), ("-0.1", "-0.1"), ("2", "2"), ("nan", "nan"), ("inf", "inf"), ("-inf", "-inf")]
    {
        assert_eq!(leak(value), format!("{place} {found}."));
    }
    assert_eq!(
        mistakes_with("leak = 0.9", "threshold = 0"),
        ["a.toml:4:21: network.lif.threshold: expected a number above 0, found 0."]
    );
    assert_eq!(
        mistakes_with("leak = 0.9", "threshold = 1e40"),
        ["a.toml:4:21: network.lif.threshold: 1e40 is beyond the range of 32-bit numbers."]
    );
    assert_eq!(
        mistakes_with("[network]", "data = { limit = { train = 4294967296 }, mean = [1, 2] }\n[network]"),
        [
            "a.toml:2:28: data.limit.train: expected a whole number from 0 to 4294967295, found 4294967296.",
            "a.toml:2:49: data.mean: expected a list of 3 values, found a list of 2 values.",
        ]
    );
}

#[test]
fn what_may_be_absent_is_told_to_be_where_something_else_stands() {
    assert_eq!(
        mistakes_of(&["data.limit=false", "data.mean=off", "data.limit2=none"]),
        [
            "command line: data.limit: expected a table or \"none\", found false.",
            "command line: data.limit2: unknown key; did you mean `limit`? The keys here are `limit`, `mean`, `flip`, `note`.",
            "command line: data.mean: expected a list of 3 values or \"none\", found the string \"off\".",
        ]
    );
    assert_eq!(
        mistakes_of(&["data.limit.train=None", "data.note=3"]),
        [
            "command line: data.limit.train: expected a whole number from 0 to 4294967295 or \"none\", \
             found the string \"None\".",
            "command line: data.note: expected a string or \"none\", found 3.",
        ]
    );
    // What must be there, or has a default, cannot be taken away.
    assert_eq!(
        mistakes_of(&["network.time_steps=none", "network.lif=none", "data.flip=none", "optimizer=none"]),
        [
            "command line: data.flip: expected true or false, found the string \"none\".",
            "command line: network.lif: expected a table, found the string \"none\".",
            "command line: network.time_steps: expected a whole number of at least 1, found the string \"none\".",
            "command line: optimizer: unknown name \"none\"; expected \"sgd\" or \"adam\".",
        ]
    );
}

#[test]
fn an_unknown_word_or_variant_is_refused_with_the_valid_ones() {
    assert_eq!(
        mistakes_with("leak = 0.9", "input = \"unti\""),
        ["a.toml:4:17: network.lif.input: unknown name \"unti\"; did you mean \"unit\"? \
          Expected \"unit\" or \"one_minus_leak\"."]
    );
    assert_eq!(
        mistakes_with("\"flatten\"", "\"flaten\", 7, { lfi = { leak = 1 } }, { relu = {} }, {}"),
        [
            "a.toml:8:3: network.layers[4]: unknown name \"flaten\"; did you mean \"flatten\"? \
             Expected one of \"conv\", \"bntt\", \"lif\", \"pool\", \"flatten\", \"linear\".",
            "a.toml:8:13: network.layers[5]: expected one of \"conv\", \"bntt\", \"lif\", \"pool\", \"flatten\", \
             \"linear\", found 7.",
            "a.toml:8:18: network.layers[6].lfi: unknown name \"lfi\"; did you mean \"lif\"? \
             Expected one of \"conv\", \"bntt\", \"lif\", \"pool\", \"flatten\", \"linear\".",
            "a.toml:8:42: network.layers[7].relu: unknown name \"relu\"; \
             expected one of \"conv\", \"bntt\", \"lif\", \"pool\", \"flatten\", \"linear\".",
            "a.toml:8:55: network.layers[8]: expected one of \"conv\", \"bntt\", \"lif\", \"pool\", \"flatten\", \
             \"linear\", found an empty table.",
        ]
    );
    assert_eq!(
        mistakes_with("{ average = 2 }", "\"average\""),
        ["a.toml:7:12: network.layers[3].pool: \"average\" needs a value; write { average = ... }."]
    );
    assert_eq!(
        mistakes_with("\"classes\"", "\"clases\""),
        ["a.toml:8:38: network.layers[5].linear.features: expected \"classes\" or a whole number of at least 1, \
          found the string \"clases\"."]
    );
}

#[test]
fn a_missing_key_is_placed_at_its_table() {
    assert_eq!(
        mistakes_with("{ channels = 8 }", "{}"),
        ["a.toml:6:5: network.layers[0].conv.channels: \
          this key is missing; expected a whole number of at least 1."]
    );
    assert_eq!(
        mistakes_with("time_steps = 4\n", "encoder = \"direct\"\n"),
        ["a.toml:2:2: network.time_steps: this key is missing; expected a whole number of at least 1."]
    );
    assert_eq!(
        mistakes_with("name = \"small\"", "optimizer = \"sgd\""),
        [
            "a.toml:1:1: optimizer.sgd.lr: this key is missing; expected a number above 0.",
            "a.toml: name: this key is missing; expected a string.",
        ]
    );
}

#[test]
fn two_variants_at_once_are_refused() {
    assert_eq!(
        mistakes_with("[network]", "optimizer = { sgd = { lr = 1 }, adam = {} }\n[network]"),
        ["a.toml:2:15: optimizer.sgd: both \"adam\" and \"sgd\" are given; keep one of them."]
    );
}

#[test]
fn a_mistake_in_a_shared_default_is_reported_once() {
    let text = COMPLETE.replace("\"flatten\"", "\"lif\", \"lif\", \"flatten\"").replace("leak = 0.9", "leak = 9");
    assert_eq!(messages(parse(&text, &[])), ["a.toml:4:16: network.lif.leak: expected a number from 0 to 1, found 9."]);
}

#[test]
fn mistakes_of_the_command_line_are_placed_there() {
    assert_eq!(
        mistakes_of(&["network.lif.leak=2", "seed", "network.layers.9.lif.leak=1", "network.layers.lif=1", "sede=1"]),
        [
            "command line: `seed` sets nothing; write key=value, as in `seed=1`.",
            "command line: network.layers.9.lif.leak: \
             `network.layers` has 6 entries, counted from 0; there is none with number 9.",
            "command line: network.layers.lif: \
             `network.layers` is a list; name an entry by its number, as in `network.layers[0]`.",
            "command line: network.lif.leak: expected a number from 0 to 1, found 2.",
            "command line: sede: unknown key; did you mean `seed`? \
             The keys here are `base`, `name`, `seed`, `data`, `network`, `optimizer`.",
        ]
    );
    assert_eq!(
        mistakes_of(&["network.layers[0].lif.leak=0.5"]),
        ["command line: network.layers[0].lif: both \"conv\" and \"lif\" are given; keep one of them."]
    );
    assert_eq!(
        mistakes_of(&["network.time_steps.x=1"]),
        ["command line: network.time_steps: expected a whole number of at least 1, found a table."]
    );
}

#[test]
fn syntax_errors_are_all_reported_with_their_places() {
    assert_eq!(
        messages(parse("a = 1\na = 2\n[b]\nc = nope\nd = [1,,2]\n", &[])),
        [
            "a.toml:2:1: this is not valid TOML: duplicate key.",
            "a.toml:4:5: this is not valid TOML: strings stand in quotes, as in \"nope\".",
            "a.toml:5:8: this is not valid TOML: extra comma in array, expected value.",
        ]
    );
    assert_eq!(
        messages(parse("a = 1\n\"é\" = \"ü\" x\n", &[])),
        ["a.toml:2:11: this is not valid TOML: unexpected key or value, expected newline, `#`."]
    );
    assert_eq!(
        messages(parse("seed = 99999999999999999999", &[])),
        ["a.toml:1:8: the number 99999999999999999999 is too large."]
    );
}

#[test]
fn empty_missing_and_binary_files_are_refused() {
    for text in ["", "\n\n", "# nothing\n"] {
        assert_eq!(messages(parse(text, &[])), ["a.toml: this file is empty: it sets no key."]);
    }
    let folder = tempfile::tempdir().unwrap();
    let load = |path: &Path| messages(config::load::<Experiment>(path, &[], &SHARED));
    let path = folder.path().join("x.toml");
    assert_eq!(
        load(&path),
        [format!("{}: cannot read this file: No such file or directory (os error 2).", path.display())]
    );
    std::fs::write(&path, b"name = \"\xff\"").unwrap();
    assert_eq!(
        load(&path),
        [format!("{}: cannot read this file: it is not UTF-8 text (first wrong byte at offset 8).", path.display())]
    );
    assert_eq!(
        load(folder.path()),
        [format!(
            "{}: cannot read this file: it is a folder, and a regular file was expected.",
            folder.path().display()
        )]
    );
}

#[test]
fn later_checks_can_place_their_mistakes() {
    let loaded = parse(COMPLETE, &["network.lif.threshold=2"]).unwrap();
    let place = |key: &str| loaded.sources.mistake(key, "wrong.".to_owned()).place;
    assert_eq!(place("network.layers[0].conv.channels"), "a.toml:6:25");
    assert_eq!(place("network.layers.0.conv.channels"), "a.toml:6:25");
    assert_eq!(place("network.layers[0].conv.bias"), "a.toml:6:5");
    assert_eq!(place("network.layers[2].lif.leak"), "a.toml:6:40");
    assert_eq!(place("network.layers[2]"), "a.toml:6:40");
    assert_eq!(place("network.lif.leak"), "a.toml:4:16");
    assert_eq!(place("network.lif.threshold"), "command line");
    assert_eq!(place("optimizer.adam.lr"), "a.toml");
    assert_eq!(place(""), "a.toml");
    let error = loaded
        .sources
        .error([("network.layers[3]".to_owned(), "late.".to_owned()), ("name".to_owned(), "early.".to_owned())]);
    assert_eq!(error.to_string(), "a.toml:1:8: name: early.\na.toml:7:3: network.layers[3]: late.");
}

#[test]
fn byte_order_marks_and_carriage_returns_move_no_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.toml");
    let load = |content: &[u8]| {
        std::fs::write(&path, content).unwrap();
        config::load::<Experiment>(&path, &[], &SHARED)
    };
    let told =
        |text: &str| messages(load(text.as_bytes())).remove(0).replace(&format!("{}/", folder.path().display()), "");
    for (mark, end) in [("", "\n"), ("\u{feff}", "\n"), ("", "\r\n"), ("\u{feff}", "\r\n")] {
        let written = |text: &str| format!("{mark}{}", text.replace('\n', end));
        assert_eq!(load(written(COMPLETE).as_bytes()).unwrap().value.name, "small");
        let first_line = told(&written(&COMPLETE.replace("name = \"small\"", "name = 3")));
        assert_eq!(first_line, "a.toml:1:8: name: expected a string, found 3.");
        let last_line = told(&written(&format!("{COMPLETE}seed = 1")));
        assert!(last_line.starts_with("a.toml:10:1: network.seed: unknown key"), "{last_line}");
        let syntax = told(&written("a = = 1\n"));
        assert_eq!(syntax, "a.toml:1:5: this is not valid TOML: extra `=`, expected nothing.");
        let syntax = told(&written("seed = 1\na = = 1\n"));
        assert_eq!(syntax, "a.toml:2:5: this is not valid TOML: extra `=`, expected nothing.");
    }
    let utf16 = "a.toml: cannot read this file: it is UTF-16 text, as some editors on Windows write it, \
                 and UTF-8 was expected: save it as UTF-8.";
    let units: Vec<u16> = "\u{feff}".encode_utf16().chain(COMPLETE.encode_utf16()).collect();
    for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
        for from in [0, 1] {
            let content: Vec<u8> = units[from..].iter().flat_map(|unit| bytes(*unit)).collect();
            let message = messages(load(&content)).remove(0);
            assert!(message.ends_with(utf16), "{message}");
        }
    }
    assert_eq!(told("\u{feff}"), "a.toml: this file is empty: it sets no key.");
}

#[test]
fn a_base_below_the_home_folder_is_refused_with_what_to_write() {
    let message = messages(parse("base = [\"~/x.toml\"]\nname = \"a\"", &[])).remove(0);
    assert!(
        message.starts_with("a.toml:1:9: base[0]: nothing expands the \"~\" of ~/x.toml here: write /"),
        "{message}"
    );
    assert!(message.ends_with("; ./~/x.toml is what is really called so."), "{message}");
}

#[test]
fn columns_count_characters_and_lines_may_end_in_carriage_returns() {
    assert_eq!(
        messages(parse(
            &COMPLETE.replace("name = ", "\u{feff}seed = \"é\" # ü\nname = ").replace('\n', "\r\n"),
            &["x=1"]
        ))[0],
        "a.toml:1:8: seed: expected a whole number of at least 0, found the string \"é\"."
    );
    assert_eq!(
        mistakes_with("{ leak = 0.9 }", "{ surrogate = { \"träge\" = 1 }, leak = true }")[1],
        "a.toml:4:45: network.lif.leak: expected a number from 0 to 1, found true."
    );
}

/// Whatever a slip of the hand makes of a file, it loads or its mistakes are told with their places.
#[test]
fn mutilated_files_never_panic() {
    for at in 0..COMPLETE.len() {
        for slip in ["", "{", "]", "\"", "=", ",", ".", "\n", "0", "-"] {
            let text = format!("{}{slip}{}", &COMPLETE[..at], &COMPLETE[at + 1..]);
            if let Err(error) = parse(&text, &[]) {
                for line in error.to_string().lines() {
                    assert!(line.starts_with("a.toml:") && line.ends_with(['.', '?']), "{text}\n{line}");
                }
            }
        }
    }
}
