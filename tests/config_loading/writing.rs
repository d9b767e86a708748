//! Resolved TOML.

use bntt::config;

use crate::experiment::*;

fn written(text: &str, overrides: &[&str]) -> (Experiment, String) {
    let value = parse(text, overrides).unwrap().value;
    let text = config::to_toml(&value, &SHARED).unwrap();
    (value, text)
}

#[test]
fn resolved_settings_are_readable() {
    let (_, text) = written(COMPLETE, &["network.layers.2.lif.leak=0.5", "data.mean=[0.4914, 0, 1e-10]"]);
    let expected = r#"name = "small"
seed = 0

[data]
mean = [0.4914, 0.0, 0.0000000001]
flip = false

[network]
time_steps = 4
encoder = "direct"
lif = { leak = 0.9, threshold = 1.0, input = "unit", surrogate = { triangle = { height = 0.3 } }, trace = { from = 0, to = 1 } }
bntt = { eps = 0.0001 }
layers = [
    { conv = { channels = 8, bias = false } },
    "bntt",
    { lif = { leak = 0.5 } },
    { pool = { average = 2 } },
    "flatten",
    { linear = { features = "classes" } },
]

[optimizer]
adam = { lr = 0.001, betas = [0.9, 0.999] }
"#;
    assert_eq!(text, expected);
}

#[test]
fn what_is_written_is_read_again_as_the_same_value() {
    let changes: [&[&str]; 6] = [
        &[],
        &["network.lif.leak=0.123456789", "network.layers.2.lif.surrogate=atan"],
        &["network.layers.2.lif={ leak = 0.95, threshold = 0.1 }", "network.lif.surrogate.atan.width=0.7"],
        &["optimizer={ sgd = { lr = 1e-30, momentum = 1e300 } }", "network.layers.3.pool=global_average"],
        &["data.limit={}", "data.note='''a \"b\" \\ é'''", "network.encoder.poisson.scale=3e38"],
        &["network.layers=[]", "network.layers=['lif']", "seed=9223372036854775807"],
    ];
    for overrides in changes {
        let (value, text) = written(COMPLETE, overrides);
        assert_eq!(parse(&text, &[]).unwrap().value, value, "{text}");
        assert_eq!(written(&text, &[]).1, text);
    }
}

#[test]
fn what_was_taken_away_is_not_written() {
    let (value, text) = written(COMPLETE, &["data.limit=none", "data.mean=none", "data.note=none"]);
    assert!(!text.contains("none") && text.contains("[data]\nflip = false\n"), "{text}");
    assert_eq!(parse(&text, &[]).unwrap().value, value);
}

#[test]
fn a_table_with_one_empty_table_is_not_taken_for_a_choice() {
    let (_, text) = written(COMPLETE, &["data.limit={}"]);
    assert!(text.contains("limit = {}"), "{text}");
}

#[test]
fn integers_beyond_toml_are_refused() {
    let mut value = parse(COMPLETE, &[]).unwrap().value;
    value.seed = u64::MAX;
    let message = config::to_toml(&value, &SHARED).unwrap_err().to_string();
    assert!(message.starts_with("the settings cannot be written as TOML: "), "{message}");
}
