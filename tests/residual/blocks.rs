//! What a residual makes of sequences, names and seeds; its plan by hand.

use super::{CONTEXT, Result, assert_close, built, currents, planned};
use bntt::experiment::{CheckedExperiment, Experiment};
use bntt::layers::{ForwardContext, Observer};
use bntt::network::{LayerIo, Network, step_parts};
use bntt::ops::Precision;
use bntt::ops::sequence::repeat;
use bntt::rng::{Purpose, Stream};
use candle_core::{Device, Tensor};

fn random(shape: &[usize], number: usize) -> Result<Tensor> {
    let stream = Stream::new(0, Purpose::Synthetic, 0, number, 0);
    let values: Vec<f32> = (0..shape.iter().product::<usize>() as u64).map(|i| 2.0 * stream.uniform(i) - 1.0).collect();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}

const PASS: ForwardContext<'_> = ForwardContext { seed: 0, epoch: 0, indices: &[0, 1] };

/// Both sides constant in time, one of them, neither after a lif.
const BLOCKS: [&str; 4] = [
    "[{ residual = { layers = [{ conv = { channels = 2 } }] } }]",
    "[{ residual = { layers = [{ conv = { channels = 2 } }, { lif = {} }] } }]",
    "[{ residual = { layers = [{ conv = { channels = 2 } }, { lif = {} }], shortcut = [{ lif = {} }], join = 'and' } }]",
    "[{ residual = { layers = [{ lif = {} }], shortcut = [{ conv = { channels = 2 } }, { lif = {} }], join = 'iand' } }]",
];

#[test]
fn a_sequence_that_is_constant_in_time_gives_the_same_as_one_written_out() -> Result {
    let step = (random(&[1, 2, 2, 6, 5], 1)? * 3.0)?;
    let constant = repeat(&step, 4)?;
    for text in BLOCKS {
        let (mut once, mut every) =
            (built(text, &currents(&[2, 6, 5], true))?, built(text, &currents(&[2, 6, 5], false))?);
        let (y, saved) = once.forward(constant.clone(), &PASS, &mut ())?;
        let (all, saved_every) = every.forward(constant.contiguous()?, &PASS, &mut ())?;
        let floats = |x: &Tensor| x.contiguous()?.to_dtype(candle_core::DType::F32);
        assert_close(&floats(&all)?, &floats(&y)?, 1e-6, text)?;
        let grad = random(&[4, 2, 2, 6, 5], 2)?;
        let dx = once.backward(saved, grad.clone(), true, &mut ())?.ok_or("a gradient")?;
        let dx_every = every.backward(saved_every, grad.clone(), true, &mut ())?.ok_or("a gradient")?;
        assert_close(&dx_every.sum_keepdim(0)?, &dx.sum_keepdim(0)?, 1e-5, text)?;
        for ((name, a), (_, b)) in every.parameters().into_iter().zip(once.parameters()) {
            let gradient = |p: &bntt::layers::Parameter| p.gradient.clone().ok_or("a gradient");
            assert_close(&gradient(a)?, &gradient(b)?, 1e-5, &name)?;
        }
        // Without norms and dropout an evaluation is what training is, and so is the way back.
        let (again, saved) = once.evaluate_saving(constant.clone())?;
        assert_close(&floats(&y)?, &floats(&again)?, 0.0, text)?;
        assert_close(&dx.sum_keepdim(0)?, &once.input_gradient(saved, grad)?.sum_keepdim(0)?, 1e-6, text)?;
    }
    Ok(())
}

const NESTED: &str = "[{ conv = { channels = 2 } }, { residual = { layers = [{ conv = { channels = 2 } }, \
     { residual = { layers = [{ conv = { channels = 2 } }], shortcut = [{ conv = { channels = 2 } }] } }], \
     shortcut = [{ conv = { channels = 2 } }] } }]";

#[test]
fn tensors_are_named_by_their_place_and_start_differently_at_each() -> Result {
    let chain = built(NESTED, &currents(&[2, 4, 4], false))?;
    let names: Vec<String> = chain.parameters().into_iter().map(|(name, _)| name).collect();
    let inner = "layers.1.residual.1";
    let expected = [
        "layers.0.weight".to_string(),
        "layers.1.residual.0.weight".into(),
        format!("{inner}.residual.0.weight"),
        format!("{inner}.shortcut.0.weight"),
        "layers.1.shortcut.0.weight".into(),
    ];
    assert_eq!(names, expected);
    assert_eq!(chain.state().into_iter().map(|(name, _)| name).collect::<Vec<_>>(), expected);
    let first = |(_, p): (String, &bntt::layers::Parameter)| Ok(p.value.flatten_all()?.to_vec1::<f32>()?);
    let weights = chain.parameters().into_iter().map(first).collect::<Result<Vec<_>>>()?;
    for (i, weight) in weights.iter().enumerate() {
        assert!(weights.iter().skip(i + 1).all(|other| other != weight), "{} starts as another", names[i]);
    }
    let again = built(NESTED, &currents(&[2, 4, 4], false))?;
    let again = again.parameters().into_iter().map(first).collect::<Result<Vec<_>>>()?;
    assert_eq!(weights, again);
    Ok(())
}

#[test]
fn dropout_inside_draws_masks_of_its_own_that_hang_on_seed_epoch_and_image() -> Result {
    let drop = "{ dropout = { probability = 0.5 } }";
    let text = format!("[{{ residual = {{ layers = [{drop}], shortcut = [{drop}] }} }}]");
    let mut chain = built(&text, &currents(&[64], false))?;
    let mut run = |epoch| -> Result<Vec<f32>> {
        let context = ForwardContext { epoch, ..PASS };
        let (y, _) =
            chain.forward(Tensor::ones((1, 2, 64), candle_core::DType::F32, &Device::Cpu)?, &context, &mut ())?;
        Ok(y.flatten_all()?.to_vec1()?)
    };
    let (first, again, later) = (run(0)?, run(0)?, run(1)?);
    assert_eq!(first, again);
    assert_ne!(first, later);
    // Two masks of one draw would give 0 and 4 alone.
    assert!([0.0, 2.0, 4.0].iter().all(|value| first.contains(value)), "{first:?}");
    Ok(())
}

#[test]
fn plans_count_what_is_inside() -> Result {
    // Branch: conv 2 -> 3 of 4 x 4 and lif; shortcut: conv 1 x 1 and lif; spikes are multiplied.
    let text = "[{ residual = { join = 'and', layers = [{ conv = { channels = 3 } }, { lif = {} }], \
                shortcut = [{ conv = { channels = 3, kernel = 1, padding = 0 } }, { lif = {} }] } }]";
    let (_, plans) = planned(text, &currents(&[2, 4, 4], false))?;
    let plan = &plans[0];
    assert_eq!(plan.parameters, 3 * 2 * 9 + 3 * 2);
    assert_eq!(plan.macs, 16 * (3 * 2 * 9 + 3 * 2));
    assert_eq!((plan.output.shape.as_slice(), plan.output.spikes), (&[3, 4, 4][..], true));
    // Of 4 steps and 5 images: the input, which both convs keep, once; currents of both lif; spikes of both.
    let (input, output) = (2 * 16, 3 * 16);
    assert_eq!(plan.kept_bytes(4, 5, Precision::F32), 20 * (4 * input + 2 * 4 * output + 2 * output));
    // The same numbers from tensors at work.
    let mut chain = built(text, &currents(&[2, 4, 4], false))?;
    let (_, saved) = chain.forward(random(&[4, 5, 2, 4, 4], 1)?, &PASS, &mut ())?;
    assert_eq!(saved[0].bytes(), plan.kept_bytes(4, 5, Precision::F32));
    Ok(())
}

fn experiment() -> Result<CheckedExperiment> {
    let text = "name = 'a'\ndata = { dataset = 'digits', batch_size = 4 }\noptimizer = { sgd = { lr = 0.1 } }\n\
         training = { epochs = 1 }\n[network]\ntime_steps = 2\nencoder = 'direct'\nlif = { leak = 0.5 }\n\
         layers = [{ conv = { channels = 3 } }, 'bntt', 'lif', { residual = { layers = [{ conv = { channels = 3 } }, \
         'bntt', 'lif', { conv = { channels = 3 } }, 'bntt', 'lif'] } }, 'flatten', { linear = { features = 'classes' } }]";
    Ok(Experiment::parse(text, "a.toml", &[])?)
}

struct Names(Vec<(String, bool)>);

impl Observer for Names {
    fn layer(&mut self, io: &LayerIo<'_>) -> candle_core::Result<()> {
        self.0.push((io.name.to_string(), io.nested));
        Ok(())
    }
}

#[test]
fn neurons_inside_are_observed_and_take_the_networks_settings() -> Result {
    let CheckedExperiment { experiment, plan, .. } = experiment()?;
    let written = experiment.to_toml()?;
    assert_eq!(Experiment::parse(&written, "written.toml", &[])?.experiment, experiment);
    let text = format!("{:?}", experiment.network.layers);
    assert_eq!(text.matches("leak: Fixed(0.5)").count(), 3, "{text}");
    let mut network = Network::build(&experiment.network, plan, 0, &Device::Cpu)?;
    let (images, mut names) = (random(&[2, 1, 8, 8], 1)?, Names(Vec::new()));
    let (_, tape, activity) = network.forward(&images, 0, &[0, 1], &mut names)?;
    let fired: Vec<String> = activity.firing_rates()?.into_iter().map(|(name, _)| name).collect();
    assert_eq!(fired, ["layers.2.lif", "layers.3.residual.2.lif", "layers.3.residual.5.lif"]);
    let expected = ["layers.0", "layers.1", "layers.3.residual.0", "layers.3.residual.1", "layers.3.residual.3"];
    let nested = [false, false, true, true, true];
    assert_eq!(names.0[..5], expected.map(String::from).into_iter().zip(nested).collect::<Vec<_>>());
    assert_eq!(names.0[6], ("layers.3".to_string(), false));
    let (_, evaluated) = network.evaluate(&images, 0, &[0, 1], 2)?;
    assert_eq!(evaluated.firing_rates()?.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), fired);
    // Norms keep means and variances besides, which the plan leaves out.
    let (planned, tables) = (network.plan().kept_bytes(2), 3 * 2 * (2 * 3) * 4);
    assert_eq!(tape.bytes(), planned + tables);
    Ok(())
}

#[test]
fn a_training_step_has_parts_for_what_is_inside() -> Result {
    let CheckedExperiment { experiment, plan, .. } = experiment()?;
    let parts = step_parts(&experiment.network, &plan, 4, 1);
    let names: Vec<String> = parts.iter().map(|part| format!("{} {}", part.name, part.kind)).collect();
    let inside = ["0 conv", "1 bntt lif", "3 conv", "4 bntt lif"].map(|part| format!("layers.3.residual.{part}"));
    assert_eq!(names[3..7], inside);
    assert_eq!(names[7], "layers.3 residual");
    // 2 steps of 4 images of 3 x 8 x 8: two sides of spikes in bytes, a sum in floats; two gradients into a third.
    let elements = 2 * 4 * 3 * 64;
    assert_eq!((parts[7].forward_bytes, parts[7].backward_bytes), (elements * (1 + 1 + 4), elements * 3 * 4));
    let operations: u64 = parts.iter().map(|part| part.forward_operations).sum();
    // The first conv computes once for both steps.
    assert_eq!(operations, 2 * 4 * (2 * plan.macs() - 3 * 9 * 64));
    assert!(plan.peak_bytes(4, 1) > plan.kept_bytes(4) + CONTEXT.time_steps);
    Ok(())
}
