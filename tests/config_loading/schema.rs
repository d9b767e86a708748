//! The JSON schema for editors, as an independent validator reads it.

use bntt::config;
use serde_json::{Value, json};

use crate::experiment::{COMPLETE, Experiment};

fn accepts(text: &str) -> bool {
    let file: Value = toml::from_str(text).unwrap();
    let schema = config::schema::<Experiment>();
    jsonschema::draft7::new(&schema).unwrap().is_valid(&file)
}

#[test]
fn files_that_load_fit_the_schema() {
    for text in [
        COMPLETE,
        "base = \"a.toml\"",
        "base = [\"a.toml\", \"b.toml\"]\n[network]\nlif = { surrogate = \"atan\" }",
        "[optimizer.sgd]\nmomentum = 0.5",
        "optimizer = \"adam\"\nnetwork.encoder = \"poisson\"",
        "network.layers = [{ lif = { input = \"unit\" } }, { pool = \"global_average\" }, { linear = { features = 3 } }]",
        "data = { limit = { train = 3 }, mean = [1, 2.0, 3] }",
        "data = { limit = \"none\", mean = \"none\", note = \"none\" }",
        "data.limit = { train = \"none\" }",
    ] {
        assert!(accepts(text), "{text}");
    }
}

#[test]
fn files_with_mistakes_do_not_fit_the_schema() {
    for text in [
        "base = 3",
        "sede = 1",
        "optimizer = \"sgd\"",
        "optimizer = \"adma\"",
        "network.time_steps = 0",
        "network.lif.leak = 1.5",
        "network.lif.threshold = 0",
        "network.layers = [{ conv = {} }]",
        "network.layers = [\"conv\"]",
        "network.layers = [{ pool = \"average\" }]",
        "network.layers = [{ linear = { features = \"clases\" } }]",
        "data.mean = [1, 2]",
        "data.limit.train = \"all\"",
        "data.limit = \"None\"",
        "data.flip = \"none\"",
        "data = \"none\"",
        "optimizer = \"none\"",
        "network.time_steps = \"none\"",
    ] {
        assert!(!accepts(text), "{text}");
    }
}

#[test]
fn the_schema_carries_titles_descriptions_and_short_defaults() {
    let schema = config::schema::<Experiment>();
    assert_eq!(schema["title"], "Experiment");
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    assert_eq!(schema["description"], "An experiment.");
    assert_eq!(schema["properties"]["name"]["description"], "What the run is called.");
    assert_eq!(schema["definitions"]["Lif"]["properties"]["leak"]["default"], json!(0.95));
    assert!(schema["properties"]["base"]["description"].is_string());
    assert!(!schema.to_string().contains("null"));
    // Also where "none" is allowed, what is said of a key stands at the key.
    let limit = &schema["definitions"]["Data"]["properties"]["limit"];
    assert_eq!(limit["description"], "The most images.");
    assert_eq!(limit["anyOf"].as_array().map(Vec::len), Some(2), "{limit}");
    assert!(!schema.to_string().contains("x-may-be-absent"));
}
