//! The `[data]` table: reading, writing, mistakes, schema.

use bntt::data::{AugmentConfig, DataConfig, LimitConfig, SplitValues};

/// A config as its part of an experiment file.
fn config(text: &str) -> DataConfig {
    toml::from_str(text).unwrap()
}

#[test]
fn every_data_set_is_read_from_toml_and_written_back() {
    for dataset in [
        "digits = {}",
        "mnist = { path = 'a' }",
        "fashion_mnist = { path = 'a' }",
        "cifar10 = { path = 'a' }",
        "cifar100 = { path = 'a' }",
        "nmnist = { path = 'a', frames = { equal = 'count', values = 'binary', size = 17 } }",
        "dvs_cifar10 = { path = 'a', test = 'first' }",
        "dvs_recordings = { path = 'a', train = 'b', test = 'c', classes = ['d', 'e'], window_ms = 100, stride_ms = 50 }",
        "tensors = { train = 'a', test = 'b' }",
    ] {
        let config = config(&format!(
            "dataset = {{ {dataset} }}\nbatch_size = 8\naugment = {{ flip = true }}\nlimit = {{ test = 5 }}"
        ));
        assert_eq!(config.augment, Some(AugmentConfig { crop_padding: 0, flip: true, ..AugmentConfig::default() }));
        assert_eq!(config.limit, Some(LimitConfig { train: None, test: Some(5) }));
        assert_eq!(toml::from_str::<DataConfig>(&toml::to_string(&config).unwrap()).unwrap(), config);
    }
}

#[test]
fn unknown_keys_are_refused_everywhere() {
    for text in [
        "dataset = { digits = { path = 'a' } }\nbatch_size = 8",
        "dataset = { mnist = { path = 'a', pat = 'b' } }\nbatch_size = 8",
        "dataset = { digits = {} }\nbatch_size = 8\nshuffle = true",
        "dataset = { digits = {} }\nbatch_size = 8\naugment = { flop = true }",
        "dataset = { digits = {} }\nbatch_size = 8\naugment = { affine = { angle = 30 } }",
        "dataset = { digits = {} }\nbatch_size = 8\nlimit = { validation = 1 }",
    ] {
        assert!(toml::from_str::<DataConfig>(text).unwrap_err().to_string().contains("unknown field"), "{text}");
    }
}

#[test]
fn the_shapes_are_known_without_the_files() {
    let shape = |dataset: &str| {
        let shape = config(&format!("dataset = {{ {dataset} = {{ path = 'nowhere' }} }}\nbatch_size = 1"))
            .dataset
            .spec()
            .shape(1)
            .unwrap();
        [shape.channels, shape.height, shape.width, shape.classes, shape.train, shape.test]
    };
    assert_eq!(shape("mnist"), [1, 28, 28, 10, 60_000, 10_000]);
    assert_eq!(shape("fashion_mnist"), [1, 28, 28, 10, 60_000, 10_000]);
    assert_eq!(shape("cifar10"), [3, 32, 32, 10, 50_000, 10_000]);
    assert_eq!(shape("cifar100"), [3, 32, 32, 100, 50_000, 10_000]);
}

#[test]
fn all_mistakes_of_the_table_are_found_at_once() {
    let config = config(
        "dataset = { cifar10 = { path = 'nowhere' } }\nbatch_size = 256\naugment = { crop_padding = 32 }\n\
         normalize = { mean = [0.5, 0.5, 0.5], std = [1.0, 1.0, 0.0] }\nlimit = { train = 100 }",
    );
    let shape = config.dataset.spec().shape(1).unwrap();
    let mistakes = config.mistakes(Some(&shape));
    let keys: Vec<String> = mistakes.iter().cloned().map(|(key, _)| key).collect();
    assert_eq!(keys, ["data.normalize.std[2]", "data.augment.crop_padding", "data.batch_size"]);
    let (_, problem) = &mistakes[2];
    let expected = "a batch of 256 is larger than the 100 training images that data.limit.train leaves, so that no \
                    batch would be full; use a batch_size of at most 100";
    assert_eq!(problem, expected);
}

#[test]
fn limit_keeps_the_first_images_and_more_than_there_are_means_all() {
    let text = "dataset = { digits = {} }\nbatch_size = 8";
    let whole = config(text).load(1).unwrap();
    let limited = config(&format!("{text}\nlimit = {{ train = 10, test = 1000 }}")).load(1).unwrap();
    assert_eq!(limited.train.labels, whole.train.labels[..10]);
    let (SplitValues::Bytes(some), SplitValues::Bytes(all)) = (&limited.train.items, &whole.train.items) else {
        panic!()
    };
    assert_eq!(some[..], all[..640]);
    assert_eq!(limited.test, whole.test);
    assert_eq!(limited.shape.train, 1438);
}

#[test]
fn settings_that_do_not_fit_the_tensors_are_named_by_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let tensors = [("images", vec![1, 1, 2, 2], vec![0; 4]), ("labels", vec![1], vec![0])];
    let views = tensors.iter().map(|(name, shape, bytes)| {
        (*name, safetensors::tensor::TensorView::new(safetensors::Dtype::U8, shape.clone(), bytes).unwrap())
    });
    std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    let path = path.display();
    let config = config(&format!(
        "dataset = {{ tensors = {{ train = '{path}', test = '{path}' }} }}\nbatch_size = 2\n\
         normalize = {{ mean = [0.5, 0.5], std = [1.0, 1.0] }}"
    ));
    assert!(config.mistakes(None).is_empty());
    let expected = "data.normalize.mean: expected one value for each of the data set's 1 channels, found 2\n\
                    data.normalize.std: expected one value for each of the data set's 1 channels, found 2\n\
                    data.batch_size: a batch of 2 is larger than the 1 training images, so that no batch would be \
                    full; use a batch_size of at most 1";
    assert_eq!(config.load(1).unwrap_err().to_string(), expected);
    // The same without their images, as an experiment is checked.
    let mistakes = config.mistakes(Some(&config.dataset.spec().shape(1).unwrap()));
    let mistakes: Vec<String> = mistakes.into_iter().map(|(key, problem)| format!("{key}: {problem}")).collect();
    assert_eq!(mistakes.join("\n"), expected);
}

#[test]
fn the_schema_carries_ranges_and_refuses_unknown_keys() {
    let schema = schemars::schema_for!(DataConfig).to_value();
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["properties"]["batch_size"]["minimum"], 1);
    let std = &schema["$defs"]["NormalizeConfig"]["properties"]["std"];
    assert_eq!(std["items"]["exclusiveMinimum"], 0);
    assert_eq!(std["type"], "array");
    assert_eq!(schema["$defs"]["LimitConfig"]["properties"]["train"]["minimum"], 1);
    assert!(schema["$defs"]["DatasetConfig"]["oneOf"][0]["description"].is_string());
}
