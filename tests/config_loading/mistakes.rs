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
        ["a.toml:3:1: network.base: unknown key; did you mean `base`, at the top of the file?"]
    );
    assert_eq!(
        mistakes_with("name", "bsae = 1\nname"),
        [
            "a.toml:1:1: bsae: unknown key; did you mean `base`? \
             The keys here are `base`, `name`, `seed`, `data`, `network`, `optimizer`.",
            "a.toml:1:8: base: expected a string or a list, found 1.",
        ]
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
        ["a.toml:4:7: network.lif: expected a table, found 3; write lif = { threshold = 3 }."]
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
            "command line: data.limit: expected a table or \"none\", found false; write limit = { train = 2 }.",
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
            "command line: network.lif: expected a table, found the string \"none\"; write lif = { leak = 0.95 }.",
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
        ["a.toml:7:12: network.layers[3].pool: \"average\" needs a value; write { average = 2 }."]
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
          this key is missing; expected a whole number of at least 1; write { conv = { channels = 2 } }."]
    );
    assert_eq!(
        mistakes_with("time_steps = 4\n", "encoder = \"direct\"\n"),
        ["a.toml:2:2: network.time_steps: this key is missing; expected a whole number of at least 1."]
    );
    assert_eq!(
        mistakes_with("name = \"small\"", "optimizer = \"sgd\""),
        [
            "a.toml:1:1: optimizer.sgd.lr: this key is missing; expected a number above 0; write { sgd = { lr = 0.1 } }.",
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
    assert_eq!(
        error.to_string(),
        "a.toml:1:8: name: early.\n1 | name = \"small\"\n  |        ^^^^^^^\n\
         a.toml:7:3: network.layers[3]: late.\n7 |   { pool = { average = 2 } },\n  |   ^^^^^^^^^^^^^^^^^^^^^^^^^^"
    );
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
                for line in messages::<()>(Err(error)) {
                    assert!(line.starts_with("a.toml:") && line.ends_with(['.', '?']), "{text}\n{line}");
                }
            }
        }
    }
}

/// The whole text about the mistakes of `COMPLETE` with `from` replaced by `to`.
fn drawn(from: &str, to: &str, overrides: &[&str]) -> String {
    parse(&COMPLETE.replace(from, to), overrides).expect_err("there should be mistakes").to_string()
}

#[test]
fn below_every_sentence_stands_its_line_with_carets() {
    assert_eq!(
        drawn("leak = 0.9", "leak = 7, laek = 0.9", &[]),
        "a.toml:4:16: network.lif.leak: expected a number from 0 to 1, found 7.\n\
         4 | lif = { leak = 7, laek = 0.9 }\n\
         \u{20} |                ^\n\
         a.toml:4:19: network.lif.laek: unknown key; did you mean `leak`? \
         The keys here are `leak`, `threshold`, `input`, `surrogate`, `trace`.\n\
         4 | lif = { leak = 7, laek = 0.9 }\n\
         \u{20} |                   ^^^^"
    );
    assert_eq!(
        drawn("\"small\"", "“small”", &[]),
        "a.toml:1:8: this is not valid TOML: “ (U+201C) is a typographic quote; type \" instead.\n\
         1 | name = “small”\n\
         \u{20} |        ^"
    );
}

#[test]
fn the_argument_of_a_mistake_is_shown_with_carets() {
    let told = |argument: &str| drawn("", "", &[argument]);
    let (first, shown) = (
        |text: String| text.lines().next().unwrap_or_default().to_owned(),
        |text: String| text.split_once('\n').map(|(_, shown)| shown.to_owned()).unwrap_or_default(),
    );
    assert_eq!(shown(told("network.lif.leak=7")), "  | network.lif.leak=7\n  |                  ^");
    assert_eq!(shown(told("network.lif.laek=0.9")), "  | network.lif.laek=0.9\n  |             ^^^^");
    assert_eq!(shown(told("network.lif={ laek = 0.9 }")), "  | network.lif={ laek = 0.9 }\n  |               ^^^^");
    assert_eq!(shown(told("seed")), "  | seed\n  | ^^^^");
    assert_eq!(
        first(told("network.lif.leak=0,9")),
        "command line: network.lif.leak: expected a number from 0 to 1, found the string \"0,9\"; write 0.9."
    );
    assert_eq!(
        first(told("data.flip=True")),
        "command line: data.flip: expected true or false, found the string \"True\"; write true."
    );
}

#[test]
fn a_key_of_another_place_is_answered_with_its_path() {
    let told = |argument: &str| mistakes_of(&[argument]).remove(0);
    // The default optimizer is no choice of the file's.
    assert_eq!(
        told("lr=0.1"),
        "command line: lr: unknown key; did you mean `optimizer.sgd.lr` or `optimizer.adam.lr`?"
    );
    assert_eq!(
        mistakes_of(&["optimizer={ adam = {} }", "lr=0.1"]),
        ["command line: lr: unknown key; did you mean `optimizer.adam.lr`?"]
    );
    assert_eq!(told("leak=0.9"), "command line: leak: unknown key; did you mean `network.lif.leak`?");
    assert_eq!(told("network.leak=0.9"), "command line: network.leak: unknown key; did you mean `network.lif.leak`?");
    assert_eq!(told("time-steps=3"), "command line: time-steps: unknown key; did you mean `network.time_steps`?");
    assert_eq!(told("timesteps=3"), "command line: timesteps: unknown key; did you mean `network.time_steps`?");
    // As others call it.
    assert_eq!(told("T=3"), "command line: T: unknown key; did you mean `network.time_steps`?");
    assert_eq!(told("sgd.lr=3"), "command line: sgd: unknown key; did you mean `optimizer.sgd`?");
    assert_eq!(
        told("optimizer.lr=3"),
        "command line: optimizer.lr: unknown name \"lr\"; did you mean `optimizer.sgd.lr` or `optimizer.adam.lr`? \
         Expected \"sgd\" or \"adam\"."
    );
    // Of an entry of a list the first that has it.
    assert_eq!(
        told("channels=3"),
        "command line: channels: unknown key; did you mean `network.layers[0].conv.channels`?"
    );
    assert_eq!(
        told("network.seed=3"),
        "command line: network.seed: unknown key; did you mean `seed`, at the top of the file?"
    );
}

#[test]
fn where_a_word_or_a_number_stands_for_a_table_the_whole_form_is_shown() {
    for (written, expected) in [
        (
            "\"conv\"",
            "a.toml:8:3: network.layers[4].conv.channels: this key is missing; expected a whole number of at least 1; \
             write { conv = { channels = 2 } }.",
        ),
        (
            "{ conv = 64 }",
            "a.toml:8:12: network.layers[4].conv: expected a table, found 64; write { conv = { channels = 64 } }.",
        ),
        (
            "{ linear = \"classes\" }",
            "a.toml:8:14: network.layers[4].linear: expected a table, found the string \"classes\"; \
             write { linear = { features = \"classes\" } }.",
        ),
    ] {
        assert_eq!(mistakes_with("\"flatten\"", written), [expected]);
    }
    assert_eq!(
        mistakes_with("[network]", "[optimizer]\nsgd = 0.5\n[network]"),
        ["a.toml:3:7: optimizer.sgd: expected a table, found 0.5; write sgd = { lr = 0.5 }."]
    );
}

#[test]
fn a_key_under_a_wrong_name_is_not_missing_too_and_its_value_is_looked_at() {
    assert_eq!(
        mistakes_with("time_steps = 4", "timesteps = \"four\""),
        [
            "a.toml:3:1: network.timesteps: unknown key; did you mean `time_steps`? \
             The keys here are `time_steps`, `encoder`, `lif`, `bntt`, `layers`.",
            "a.toml:3:13: network.time_steps: expected a whole number of at least 1, found the string \"four\".",
        ]
    );
    assert_eq!(
        mistakes_with("[network]", "[netwrok]"),
        ["a.toml:2:2: netwrok: unknown key; did you mean `network`? \
          The keys here are `base`, `name`, `seed`, `data`, `network`, `optimizer`."]
    );
}

#[test]
fn what_comes_after_the_keys_is_told_with_them_as_far_as_it_does_not_hang_on_them() {
    let text = |key: &str| COMPLETE.replace("[network]", &format!("{key}\n[network]"));
    let told = |text: &str| {
        let asked = |read: &Experiment, unknown: &std::collections::BTreeSet<String>| {
            let known = |key: &str| !unknown.contains(key);
            let all = [("seed", format!("it is {}.", read.seed)), ("network.time_steps", "it is late.".to_owned())];
            all.into_iter()
                .filter(|(key, _)| known(key.split('.').next().unwrap()))
                .map(|(k, p)| (k.into(), p))
                .collect()
        };
        messages(config::parse_with(text, "a.toml", &[], &SHARED, asked))
    };
    // Read as what was meant, at the place where it stands.
    assert_eq!(
        told(&text("sede = 7")),
        [
            "a.toml:2:1: sede: unknown key; did you mean `seed`? \
             The keys here are `base`, `name`, `seed`, `data`, `network`, `optimizer`.",
            "a.toml:2:8: seed: it is 7.",
            "a.toml:4:14: network.time_steps: it is late.",
        ]
    );
    // What nobody knows of, nothing hangs on but its section.
    assert_eq!(
        told(&text("").replace("time_steps = 4", "time_steps = 4\ncolour = 1")),
        [
            "a.toml: seed: it is 0.",
            "a.toml:5:1: network.colour: unknown key; the keys here are `time_steps`, `encoder`, `lif`, `bntt`, `layers`.",
        ]
    );
    assert!(config::parse_with::<Experiment>(COMPLETE, "a.toml", &[], &SHARED, |_, _| panic!("all is right")).is_ok());
}
