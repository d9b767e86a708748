//! `optimizer.sgd.decay`: which parameters shrink.

use bntt::layers::Parameter;
use bntt::optimizers::{Optimizer, OptimizerConfig};
use candle_core::{Device, Tensor};

/// What is left of parameters of 1 after a step of learning rate 0.5 with a gradient of 0 and a decay of 0.2.
fn after(optimizer: &str, decay: &str) -> Vec<(&'static str, f32)> {
    let text = format!("[{optimizer}]\nlr = 0.5\nweight_decay = 0.2\n{decay}");
    let config: OptimizerConfig = toml::from_str(&text).expect("an optimizer");
    let tensor = |value: f32| Tensor::new(&[value], &Device::Cpu).expect("a tensor");
    let names = ["weight", "bias", "gamma", "beta", "p"];
    let mut parameters = names.map(|name| Parameter::new(name, tensor(1.0)));
    parameters.iter_mut().for_each(|parameter| parameter.accumulate(tensor(0.0)).expect("a gradient"));
    let mut optimizer = Optimizer::new(&config);
    let of =
        parameters.iter_mut().enumerate().map(|(i, parameter)| (format!("layers.{i}.{}", parameter.name), parameter));
    let score = Tensor::new(&[1f64, 0.0, 0.0, 1.0], &Device::Cpu).expect("a score");
    optimizer.step(of.collect(), 0.5, None, &score).expect("a step");
    parameters.iter().map(|p| (p.name, p.value.to_vec1::<f32>().expect("a value")[0])).collect()
}

#[test]
fn all_parameters_decay_or_weights_alone() {
    // By hand: 1 - 0.5 x (0 + 0.2 x 1); the same for AdamW, whose moments stay 0.
    for optimizer in ["sgd", "adamw"] {
        for all in ["", "decay = 'all'"] {
            assert!(after(optimizer, all).iter().all(|(_, value)| *value == 0.9), "{optimizer} {all}");
        }
        let found = after(optimizer, "decay = 'weights'");
        assert_eq!(found, [("weight", 0.9), ("bias", 1.0), ("gamma", 1.0), ("beta", 1.0), ("p", 1.0)], "{optimizer}");
    }
    // Adam's first step is the learning rate in the direction of the gradient, which is the decay alone.
    let found = after("adam", "decay = 'weights'");
    assert!((found[0].1 - 0.5).abs() < 1e-5 && found[1..].iter().all(|(_, value)| *value == 1.0), "{found:?}");
}

#[test]
fn a_config_that_does_not_say_which_decay_is_written_as_before() {
    let config: OptimizerConfig = toml::from_str("[sgd]\nlr = 0.5\n").expect("an optimizer");
    assert!(!toml::to_string(&config).expect("a text").contains("\ndecay ="));
}
