//! Every shipped experiment loads, builds, and is what its head and its name say.

use bntt::data::AffineConfig;
use bntt::experiment::{CheckedExperiment, Experiment};
use bntt::layers::InitConfig;
use bntt::layers::LayerKind;
use bntt::network::Network;
use bntt::ops::lif::InputFactor;
use bntt::optimizers::OptimizerConfig;
use bntt::sweep::Sweep;
use candle_core::Device;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("configs")
}

/// The TOML files of a folder by stem: `vgg9_cifar10_bntt_leak0.5` for `vgg9_cifar10_bntt_leak0.5.toml`.
fn files(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.insert(path.file_stem().ok_or("a file without a name")?.to_string_lossy().into_owned(), path);
        }
    }
    Ok(files)
}

fn load(stem: &str) -> Result<CheckedExperiment> {
    Ok(Experiment::load(&folder().join(format!("{stem}.toml")), &[])?)
}

/// Those of this folder and, as `field/resnet19_cifar10_tet`, those of the field.
fn experiment_files() -> Result<BTreeMap<String, PathBuf>> {
    let mut all = files(&folder())?;
    all.extend(files(&folder().join("field"))?.into_iter().map(|(stem, path)| (format!("field/{stem}"), path)));
    Ok(all)
}

fn experiments() -> Result<Vec<(String, CheckedExperiment)>> {
    experiment_files()?.into_keys().map(|stem| Ok((stem.clone(), load(&stem)?))).collect()
}

/// Everything that ships does what it says: the experiments, but for one that says so, what the sweeps start from, and
/// all their runs.
#[test]
fn no_shipped_experiment_is_warned_of() -> Result {
    for (stem, checked) in experiments()? {
        let told = checked.experiment.warnings();
        match stem.as_str() {
            // As the runs were made whose accuracy is told: frames of 34 x 34 are not halved twice.
            "nmnist_small" => {
                let expected = "network.layers[7].pool: of 17 x 17 pixels 1 row and 1 column are dropped";
                assert!(told.len() == 1 && told[0].starts_with(expected), "{told:?}");
            }
            _ => assert_eq!(told, [""; 0], "{stem}"),
        }
    }
    let sweeps = folder().join("sweeps");
    for path in files(&sweeps.join("base"))?.into_values() {
        assert_eq!(Experiment::load(&path, &[])?.experiment.warnings(), [""; 0], "{}", path.display());
    }
    for path in files(&sweeps)?.into_values() {
        for run in Sweep::load(&path)?.runs {
            assert_eq!(run.checked.experiment.warnings(), [""; 0], "{}", run.name);
        }
    }
    Ok(())
}

/// Parameters of the field's networks for 10 classes, batch norm with gamma and beta, counted by hand.
///
/// ResNet-19: 3x3 convolutions 3-64, 64-128 and five of 128-128, 128-256 and five of 256-256, 256-512 and three of
/// 512-512; 1x1 shortcuts 64-128, 128-256, 256-512; linear 512-256-10 with biases. SEW-ResNet-18: 3-64, four of 64-64,
/// 64-128 and three of 128-128, 128-256 and three of 256-256, 256-512 and three of 512-512; the same kind of shortcuts;
/// linear 512-10.
#[test]
fn the_fields_networks_have_the_parameters_counted_by_hand() -> Result {
    let norms = |channels: &[usize]| channels.iter().map(|c| 2 * c).sum::<usize>();
    let taps = |pairs: &[(usize, usize, usize)]| pairs.iter().map(|(from, to, count)| from * to * count).sum::<usize>();
    let resnet19 = 9 * taps(&[
        (3, 64, 1),
        (64, 128, 1),
        (128, 128, 5),
        (128, 256, 1),
        (256, 256, 5),
        (256, 512, 1),
        (512, 512, 3),
    ]) + taps(&[(64, 128, 1), (128, 256, 1), (256, 512, 1)])
        + (norms(&[64]) + 7 * norms(&[128]) + 7 * norms(&[256]) + 5 * norms(&[512]))
        + (512 * 256 + 256)
        + (256 * 10 + 10);
    let sew = 9 * taps(&[
        (3, 64, 1),
        (64, 64, 4),
        (64, 128, 1),
        (128, 128, 3),
        (128, 256, 1),
        (256, 256, 3),
        (256, 512, 1),
        (512, 512, 3),
    ]) + taps(&[(64, 128, 1), (128, 256, 1), (256, 512, 1)])
        + (5 * norms(&[64]) + 5 * norms(&[128]) + 5 * norms(&[256]) + 5 * norms(&[512]))
        + (512 * 10 + 10);
    assert_eq!(load("field/resnet19_cifar10_tet")?.plan.parameters(), resnet19);
    assert_eq!(load("field/resnet19_cifar10_tdbn")?.plan.parameters(), resnet19);
    assert_eq!(load("field/sew_resnet18_cifar10_batch_norm")?.plan.parameters(), sew);
    Ok(())
}

/// The value of a name's part that starts with `prefix`: 5 for `_t5` in `mlp_mnist_direct_t5`.
fn in_name(stem: &str, prefix: &str) -> Option<f64> {
    stem.split('_').filter_map(|part| part.strip_prefix(prefix)).find_map(|value| value.parse().ok())
}

/// Gains of the initial weights in the code of "Rate Coding or Direct Coding".
fn published_gain(stem: &str) -> Option<f64> {
    let gains = [
        ("mlp_mnist_poisson", 2.0),
        ("mlp_mnist_direct", 2.0),
        ("vgg5_cifar10_poisson", 4.0),
        ("vgg5_cifar10_direct", 3.0),
        ("vgg9_cifar100_poisson", 5.0),
        ("vgg9_cifar100_direct", 5.0),
    ];
    gains.into_iter().find(|(family, _)| stem.starts_with(family)).map(|(_, gain)| gain)
}

fn gain(checked: &CheckedExperiment) -> Option<f64> {
    match checked.experiment.network.init {
        InitConfig::XavierUniform(init) => Some(init.gain),
        InitConfig::KaimingUniform(_) | InitConfig::KaimingNormal(_) => None,
    }
}

#[test]
fn every_experiment_is_called_like_its_file() -> Result {
    let experiments = experiments()?;
    assert!(experiments.len() >= 40, "only {} experiments were found", experiments.len());
    for (stem, checked) in experiments {
        assert_eq!(checked.experiment.name, stem.trim_start_matches("field/"));
    }
    Ok(())
}

#[test]
fn every_network_builds() -> Result {
    for (stem, checked) in experiments()? {
        let parameters = checked.plan.parameters();
        assert!(parameters < 40_000_000, "{stem} has {parameters} parameters: leave it out here");
        let CheckedExperiment { experiment, plan, .. } = checked;
        let network = Network::build(&experiment.network, plan, experiment.seed, &Device::Cpu)
            .map_err(|error| format!("{stem}: {error}"))?;
        let built: usize = network.parameters().iter().map(|(_, parameter)| parameter.value.elem_count()).sum();
        assert!(built > 0 && built == parameters, "{stem}: {built}, planned {parameters}");
    }
    Ok(())
}

#[test]
fn every_experiment_survives_being_written_and_read_again() -> Result {
    for (stem, CheckedExperiment { experiment, .. }) in experiments()? {
        let text = experiment.to_toml()?;
        let again = Experiment::parse(&text, &stem, &[]).map_err(|error| format!("{stem}: {error}\n{text}"))?;
        assert_eq!(again.experiment, experiment, "{stem}");
    }
    Ok(())
}

#[test]
fn every_head_names_the_schema_and_its_own_command() -> Result {
    for (stem, path) in experiment_files()? {
        let text = fs::read_to_string(path)?;
        let head: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        let schema = if stem.contains('/') { "#:schema ../bntt.schema.json" } else { "#:schema ./bntt.schema.json" };
        assert_eq!(head.first(), Some(&schema), "{stem}");
        assert_eq!(head.last(), Some(&format!("# bntt run configs/{stem}.toml").as_str()), "{stem}");
    }
    for (stem, path) in files(&folder().join("base"))? {
        let text = fs::read_to_string(path)?;
        assert!(text.starts_with("#:schema ../bntt.schema.json\n# "), "base/{stem}");
    }
    Ok(())
}

#[test]
fn every_base_file_is_used_and_every_experiment_is_in_the_table() -> Result {
    let mut all = String::new();
    let table = fs::read_to_string(folder().join("README.md"))?;
    for (stem, path) in experiment_files()? {
        assert!(table.contains(&format!("`{stem}.toml`")), "configs/README.md does not list {stem}.toml");
        all.push_str(&fs::read_to_string(path)?);
    }
    for stem in files(&folder().join("base"))?.into_keys() {
        assert!(all.contains(&format!("base/{stem}.toml\"")), "no experiment builds on base/{stem}.toml");
    }
    Ok(())
}

#[test]
fn names_say_the_time_steps_the_leak_and_the_coding() -> Result {
    for (stem, checked) in experiments()? {
        let network = &checked.experiment.network;
        if let Some(time_steps) = in_name(&stem, "t") {
            assert_eq!(network.time_steps as f64, time_steps, "{stem}");
        }
        if let Some(leak) = in_name(&stem, "leak") {
            assert_eq!(network.lif.leak.start(), leak, "{stem}");
        }
        for (coding, constant) in [("poisson", false), ("direct", true)] {
            if stem.split('_').any(|part| part == coding) {
                assert_eq!(network.encoder.spec().is_constant(), constant, "{stem}");
            }
        }
        if stem.contains("bntt") && !stem.contains("no_bntt") {
            let lif = checked.plan.kinds.iter().filter(|kind| **kind == LayerKind::Lif).count();
            let bntt = checked.plan.kinds.iter().filter(|kind| **kind == LayerKind::Bntt).count();
            assert!(lif > 0 && bntt == lif, "{stem}: {bntt} bntt for {lif} lif");
        }
    }
    Ok(())
}

#[test]
fn networks_have_the_published_multiply_accumulates() -> Result {
    // Millions per image and time-step, computed from the layer widths by hand.
    let expected = [
        ("vgg9_cifar10_bntt", 194.7),
        ("vgg11_cifar100_bntt_t30", 155.3),
        ("vgg5_cifar10_direct", 66.8),
        ("vgg11_tiny_imagenet_bntt", 614.0),
    ];
    for (stem, millions) in expected {
        let found = load(stem)?.plan.macs() as f64 / 1e6;
        assert!((found - millions).abs() < 0.05, "{stem}: {found}, expected {millions}");
    }
    for norm in ["no_norm", "batch_norm", "tdbn", "no_bntt"] {
        let found = load(&format!("vgg9_cifar10_{norm}"))?.plan.macs();
        assert_eq!(found, load("vgg9_cifar10_bntt")?.plan.macs(), "{norm}");
    }
    assert_eq!(load("mlp_mnist_direct")?.plan.macs(), 784 * 800 + 800 * 10);
    assert_eq!(load("sequential_mnist")?.plan.macs(), 28 * 256 + 256 * 256 + 256 * 10);
    assert_eq!(load("sequential_mnist_pixels")?.plan.macs(), 256 + 256 * 256 + 256 * 10);
    Ok(())
}

#[test]
fn the_settings_of_rate_against_direct_are_those_of_its_code() -> Result {
    let mut steps: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (stem, checked) in experiments()? {
        let Some(published) = published_gain(&stem) else { continue };
        let Experiment { data, network, optimizer, training, .. } = &checked.experiment;
        assert_eq!([gain(&checked), Some(network.lif.leak.start())], [Some(published), Some(0.5)], "{stem}");
        assert_eq!(network.lif.input, InputFactor::OneMinusLeak, "{stem}");
        assert!(
            matches!(optimizer, OptimizerConfig::Adam(adam) if adam.lr == 1e-3 && adam.weight_decay == 0.0),
            "{stem}"
        );
        assert_eq!([data.batch_size, training.epochs], [128, 100], "{stem}");
        assert!(
            !checked
                .plan
                .kinds
                .iter()
                .any(|kind| matches!(kind, LayerKind::Bntt | LayerKind::BatchNorm | LayerKind::Tdbn)),
            "{stem}"
        );
        let turned = AffineConfig { degrees: 30.0, shift: 0.15, scale: [0.85, 1.11] };
        let affine = data.augment.as_ref().and_then(|augment| augment.affine);
        assert_eq!(affine, stem.starts_with("mlp_mnist").then_some(turned), "{stem}");
        let family: Vec<&str> = stem.split('_').take(3).collect();
        steps.entry(family.join("_")).or_default().push(network.time_steps);
    }
    assert_eq!(steps.len(), 6);
    for (family, mut steps) in steps {
        steps.sort_unstable();
        assert_eq!(steps, [5, 10, 15, 20, 30], "{family}");
    }
    assert_eq!(load("vgg5_cifar10_direct")?.experiment.network.time_steps, 10);
    assert_eq!(load("vgg9_cifar100_poisson")?.experiment.network.time_steps, 20);
    Ok(())
}

#[test]
fn tiny_imagenet_is_trained_as_the_third_party_says_with_the_authors_older_neuron() -> Result {
    let Experiment { data, network, optimizer, training, .. } = load("vgg11_tiny_imagenet_bntt")?.experiment;
    assert_eq!([network.time_steps, data.batch_size, training.epochs], [30, 64, 90]);
    assert_eq!((network.lif.leak.start(), network.lif.fire_before_integrate), (0.99, true));
    let OptimizerConfig::Sgd(sgd) = optimizer else { return Err("it should use sgd".into()) };
    assert_eq!([sgd.lr, sgd.momentum, sgd.weight_decay], [0.1, 0.9, 1e-4]);
    Ok(())
}

#[test]
fn the_settings_of_bntt_are_those_of_its_published_runs() -> Result {
    for (stem, time_steps, leak, batch_size) in
        [("vgg9_cifar10_bntt", 25, 0.95, 256), ("vgg11_cifar100_bntt_t30", 30, 0.99, 128)]
    {
        let checked = load(stem)?;
        let Experiment { data, network, optimizer, training, .. } = &checked.experiment;
        assert_eq!([network.time_steps, data.batch_size, training.epochs], [time_steps, batch_size, 100], "{stem}");
        assert_eq!([Some(network.lif.leak.start()), gain(&checked)], [Some(leak), Some(2.0)], "{stem}");
        assert_eq!(network.lif.input, InputFactor::Unit, "{stem}");
        let OptimizerConfig::Sgd(sgd) = optimizer else { return Err(format!("{stem} should use sgd").into()) };
        assert_eq!([sgd.lr, sgd.momentum, sgd.weight_decay], [0.3, 0.9, 1e-4], "{stem}");
        // CIFAR-10's mean on both data sets.
        let normalize = data.normalize.as_ref().ok_or("no normalisation")?;
        assert_eq!(normalize.mean, [0.4914, 0.4822, 0.4465], "{stem}");
    }
    assert_eq!(load("vgg9_cifar100_poisson")?.experiment.data.normalize.ok_or("none")?.mean, [0.5071, 0.4867, 0.4408]);
    Ok(())
}
