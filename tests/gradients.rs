//! The layers' own reverse pass against two second opinions: candle's autograd, and the same sequence computed the long
//! way.

#[path = "analyses/spike.rs"]
mod spike;

use bntt::layers::{BuildContext, ForwardContext, Layer, LayerConfig, LayerPlan, SequenceSpec};
use bntt::rng::{Purpose, Stream};
use candle_core::{DType, Device, Tensor, Var};
use spike::spike;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn random(shape: &[usize], epoch: usize) -> Result<Tensor> {
    let stream = Stream::new(0, Purpose::Synthetic, 0, epoch, 0);
    let values: Vec<f32> = (0..shape.iter().product::<usize>() as u64).map(|i| 2.0 * stream.uniform(i) - 1.0).collect();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}

fn parse(text: &str) -> Result<LayerConfig> {
    #[derive(serde::Deserialize)]
    struct File {
        layer: LayerConfig,
    }
    let File { layer } = toml::from_str(&format!("layer = {text}"))?;
    Ok(layer)
}

fn build(text: &str, signal: &SequenceSpec, time_steps: usize) -> Result<Box<dyn Layer>> {
    build_before(text, &[], signal, time_steps, |layer, plan, context| layer.build(None, plan, context))
}

fn build_before(
    text: &str,
    following: &[LayerConfig],
    signal: &SequenceSpec,
    time_steps: usize,
    build: impl Fn(&LayerConfig, &LayerPlan, &BuildContext) -> candle_core::Result<Box<dyn Layer>>,
) -> Result<Box<dyn Layer>> {
    let layer = parse(text)?;
    let shared = BuildContext {
        time_steps,
        classes: 3,
        seed: 0,
        init: Default::default(),
        device: &Device::Cpu,
        precision: Default::default(),
        index: 0,
        list: "layers",
        following,
        neurons_behind: None,
    };
    Ok(build(&layer, &layer.spec().plan(signal, &shared)?, &shared)?)
}

fn assert_close(expected: &Tensor, found: &Tensor, what: &str) -> Result {
    assert_eq!(expected.dims(), found.dims(), "{what}");
    let largest = (expected - found)?.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?;
    assert!(largest < 1e-4, "{what}: differs by {largest:e}");
    Ok(())
}

const PASS: ForwardContext<'_> = ForwardContext { seed: 0, epoch: 0, indices: &[0, 1] };

#[test]
fn a_sequence_that_is_constant_in_time_is_computed_once_with_the_same_outputs_and_gradients() -> Result {
    let (t, b) = (3, 2);
    let image = SequenceSpec { shape: vec![2, 6, 5], spikes: false, multiplied: false, constant: false };
    for text in [
        "{ conv = { channels = 4, bias = true } }",
        "{ conv = { channels = 4, groups = 2 } }",
        "{ pool = { average = 2 } }",
        "{ pool = { max = 2 } }",
        "{ pool = 'global_average' }",
        "{ flatten = {} }",
        "{ relu = {} }",
    ] {
        let step = random(&[1, b, 2, 6, 5], 1)?;
        let constant = bntt::ops::sequence::repeat(&step, t)?;
        let (mut once, mut every) = (build(text, &image, t)?, build(text, &image, t)?);
        let (y_once, saved_once) = once.forward(constant.clone(), &PASS)?;
        let y_once = y_once.sequence;
        let (y_every, saved_every) = every.forward(constant.contiguous()?, &PASS)?;
        let y_every = y_every.sequence;
        assert_eq!(y_once.stride()[0], 0, "{text} did not compute a constant input once");
        assert!(saved_once.bytes() <= saved_every.bytes() / if saved_every.bytes() == 0 { 1 } else { t }, "{text}");
        assert_close(&y_every, &y_once.contiguous()?, text)?;
        let grad = random(y_every.dims(), 2)?;
        let dx_once = once.backward(saved_once, grad.clone(), true)?.expect("an input gradient");
        let dx_every = every.backward(saved_every, grad, true)?.expect("an input gradient");
        // Either one step, the sum, or a gradient for every step, whose sum counts.
        let sum = |dx: Tensor| dx.sum_keepdim(0);
        assert_close(&sum(dx_every)?, &sum(dx_once)?, text)?;
        for (a, b) in every.parameters().into_iter().zip(once.parameters()) {
            let gradient = |p: &bntt::layers::Parameter| p.gradient.clone().expect("a gradient");
            assert_close(&gradient(a), &gradient(b), &format!("{text}: {}", a.name))?;
        }
    }
    Ok(())
}

/// In groups: candle's own grouped convolution and its autograd, on currents and on spikes.
#[test]
fn a_convolution_in_groups_is_candles() -> Result {
    for (groups, stride, spikes) in [(2, 1, false), (3, 2, false), (6, 1, true), (3, 1, true)] {
        let image = SequenceSpec { shape: vec![6, 7, 5], spikes, multiplied: false, constant: false };
        let text = format!("{{ conv = {{ channels = 12, stride = {stride}, groups = {groups} }} }}");
        let mut layer = build(&text, &image, 2)?;
        let x = random(&[2, 2, 6, 7, 5], 1)?;
        let x = if spikes { x.gt(0f64)?.to_dtype(DType::F32)? } else { x };
        let weight = Var::from_tensor(&layer.parameters()[0].value)?;
        assert_eq!(weight.dims(), [12, 6 / groups, 3, 3]);
        let input = Var::from_tensor(&x)?;
        let expected = input.flatten(0, 1)?.conv2d(&weight, 1, stride, 1, groups)?;
        let given = if spikes { x.to_dtype(DType::U8)? } else { x.clone() };
        let (y, saved) = layer.forward(given, &PASS)?;
        let y = y.sequence;
        assert_close(&expected.reshape(y.dims())?, &y.contiguous()?, &text)?;
        let grad = random(y.dims(), 2)?;
        let gradients = (expected * grad.flatten(0, 1)?)?.sum_all()?.backward()?;
        let dx = layer.backward(saved, grad, true)?.expect("an input gradient");
        let of = |var: &Var| gradients.get(var).expect("candle's gradient").clone();
        assert_close(&of(&input), &dx.contiguous()?, &text)?;
        assert_close(&of(&weight), layer.parameters()[0].gradient.as_ref().expect("a gradient"), &text)?;
    }
    Ok(())
}

#[test]
fn candles_autograd_gives_the_same_gradients_through_conv_bntt_and_lif() -> Result {
    let (t, b) = (4, 3);
    let x = Var::from_tensor(&random(&[t, b, 2, 5, 4], 1)?)?;
    let weight = Var::from_tensor(&random(&[3, 2, 3, 3], 2)?)?;
    let gamma = Var::from_tensor(&(random(&[t, 3], 3)? + 2.0)?)?;
    let upstream = random(&[t, b, 3, 5, 4], 4)?;

    let mut membrane = Tensor::zeros((b, 3, 5, 4), DType::F32, &Device::Cpu)?;
    let mut loss = Tensor::zeros((), DType::F32, &Device::Cpu)?;
    for step in 0..t {
        let current = x.get(step)?.conv2d(&weight, 1, 1, 1, 1)?;
        let mean = current.mean_keepdim((0, 2, 3))?;
        let centred = current.broadcast_sub(&mean)?;
        let variance = centred.sqr()?.mean_keepdim((0, 2, 3))?;
        let normal = centred.broadcast_div(&(variance + 1e-4)?.sqrt()?)?;
        let scaled = normal.broadcast_mul(&gamma.get(step)?.reshape((1, 3, 1, 1))?)?;
        membrane = (membrane.affine(0.9, 0.0)? + scaled)?;
        let spikes = spike(&membrane.affine(1.0, -1.0)?)?;
        loss = (loss + (&spikes * upstream.get(step)?)?.sum_all()?)?;
        membrane = (membrane - spikes.detach())?;
    }
    let autograd = loss.backward()?;
    let expected = |var: &Var| autograd.get(var).expect("candle's gradient").clone();

    let image = SequenceSpec { shape: vec![2, 5, 4], spikes: false, multiplied: false, constant: false };
    let currents = SequenceSpec { shape: vec![3, 5, 4], spikes: false, multiplied: false, constant: false };
    let mut conv = build("{ conv = { channels = 3 } }", &image, t)?;
    let mut bntt = build("{ bntt = {} }", &currents, t)?;
    let mut lif = build("{ lif = { leak = 0.9 } }", &currents, t)?;
    conv.parameters_mut()[0].value = weight.as_tensor().copy()?;
    bntt.parameters_mut()[0].value = gamma.as_tensor().copy()?;
    let (y, conv_saved) = conv.forward(x.as_tensor().copy()?, &PASS)?;
    let (y, bntt_saved) = bntt.forward(y.sequence, &PASS)?;
    let (_, lif_saved) = lif.forward(y.sequence, &PASS)?;
    let grad = lif.backward(lif_saved, upstream, true)?.expect("an input gradient");
    let grad = bntt.backward(bntt_saved, grad, true)?.expect("an input gradient");
    let grad = conv.backward(conv_saved, grad, true)?.expect("an input gradient");
    assert_close(&expected(&x), &grad, "input")?;
    let own = |layer: &dyn Layer| layer.parameters()[0].gradient.clone().expect("a gradient");
    assert_close(&expected(&weight), &own(&*conv), "conv weight")?;
    assert_close(&expected(&gamma), &own(&*bntt), "gamma")
}

#[test]
fn a_trained_layer_is_a_candle_module_that_gives_floats() -> Result {
    use candle_nn::{Module, seq};
    let currents = SequenceSpec { shape: vec![3], spikes: false, multiplied: false, constant: false };
    let network = seq().add(build("{ lif = { leak = 0.5 } }", &currents, 2)?).add(candle_nn::Activation::Relu);
    let y = network.forward(&Tensor::new(&[[[0.5f32, 1.5, 3.0]], [[0.9, 0.0, 0.0]]], &Device::Cpu)?)?;
    // Second step: .25 + .9 = 1.15 fires; (1.5 - 1) / 2 does not; (3 - 1) / 2 = 1 equals the threshold and does not.
    assert_eq!(y.to_vec3::<f32>()?, [[[0., 1., 1.]], [[1., 0., 0.]]]);
    Ok(())
}

#[test]
fn a_norm_fused_with_its_neurons_gives_the_spikes_and_gradients_of_both_apart() -> Result {
    let b = 3;
    let cases: [(&str, usize, &[usize], bool); 10] = [
        ("{ bntt = {} }", 4, &[5, 7, 3], false),
        ("{ bntt = {} }", 1, &[16, 4, 4], false),
        ("{ bntt = {} }", 5, &[70], false),
        ("{ batch_norm = { beta = true } }", 4, &[9, 2, 2], false),
        ("{ tdbn = {} }", 3, &[520], false),
        ("{ bntt = {} }", 4, &[6, 3, 2], true),
        ("{ tebn = {} }", 4, &[5, 7, 3], false),
        ("{ tebn = {} }", 3, &[6, 3, 2], true),
        ("{ tab = {} }", 5, &[6, 2, 2], false),
        ("{ tab = {} }", 4, &[6, 3, 2], true),
    ];
    for (norm, t, shape, constant) in cases {
        for lif in ["{ lif = { leak = 0.9 } }", "{ lif = { leak = 0.8, threshold = 0.7, reset = 'hard' } }"] {
            let what = format!("{norm} {lif} T {t}, {shape:?}, constant {constant}");
            let signal = SequenceSpec { shape: shape.to_vec(), spikes: false, multiplied: false, constant };
            let dims = [&[t, b], shape].concat();
            let x = if constant {
                bntt::ops::sequence::repeat(&random(&[&[1, b], shape].concat(), 1)?, t)?
            } else {
                (random(&dims, 1)? * 2.0)?
            };
            let grad = random(&dims, 2)?;

            let following = [parse(lif)?];
            assert!(parse(norm)?.fuses(following.first()));
            let mut apart =
                build_before(norm, &following, &signal, t, |norm, plan, context| norm.build(None, plan, context))?;
            let mut fused = build_before(norm, &following, &signal, t, |norm, plan, shared| {
                norm.build(following.first(), plan, shared)
            })?;
            let mut neurons = build(lif, &signal, t)?;
            let (y, norm_saved) = apart.forward(x.clone(), &PASS)?;
            let (spikes, neurons_saved) = neurons.forward(y.sequence, &PASS)?;
            let by_currents = neurons.backward(neurons_saved, grad.clone(), true)?.expect("a gradient");
            let expected = apart.backward(norm_saved, by_currents, true)?.expect("a gradient");

            let (found_spikes, saved) = fused.forward(x.clone(), &PASS)?;
            let bytes = saved.bytes();
            let found = fused.backward(saved, grad, true)?.expect("a gradient");
            let flat = |spikes: &Tensor| spikes.flatten_all()?.to_vec1::<u8>();
            assert!(flat(&spikes.sequence)? == flat(&found_spikes.sequence)?, "{what}: other spikes");
            assert!(
                flat(&neurons.evaluate(&apart.evaluate(&x)?.sequence)?.sequence)?
                    == flat(&fused.evaluate(&x)?.sequence)?,
                "{what}: other spikes"
            );
            if constant {
                assert_eq!(found.dim(0)?, 1, "{what}: the sum over time is one step");
                assert_close(&expected.sum_keepdim(0)?, &found, &what)?;
            } else {
                assert_close(&expected, &found, &what)?;
                // The input, 4 bytes a neuron and time-step, mean and variance.
                let most = 4 * dims.iter().product::<usize>() + 8 * t * shape[0];
                assert!(bytes <= most, "{what}: {bytes} bytes kept");
            }
            for (a, b) in apart.state().into_iter().zip(fused.state()) {
                assert_eq!(a.0, b.0);
                assert_close(a.1, b.1, &format!("{what}: {}", a.0))?;
            }
            for (a, b) in apart.parameters().into_iter().zip(fused.parameters()) {
                let (a, b) = (a.gradient.clone().expect("a gradient"), b.gradient.clone().expect("a gradient"));
                assert_close(&a, &b, &what)?;
            }
        }
    }
    Ok(())
}
