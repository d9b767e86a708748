//! Networks that PyTorch computed: up to the residual by the layers here; what stands behind it, or the loss, by
//! candle's autograd where there is no layer for it.

use super::{Result, assert_close, built, currents};
use bntt::layers::{Chain, ForwardContext};
use bntt::ops::sequence::repeat;
use candle_core::{D, DType, Device, Tensor, Var};
use std::collections::HashMap;

const PASS: ForwardContext<'_> = ForwardContext { seed: 0, epoch: 0, indices: &[0, 1, 2, 3, 4, 5, 6, 7] };

struct Fixture(HashMap<String, Tensor>);

impl Fixture {
    fn load(name: &str) -> Result<Self> {
        Ok(Self(candle_core::safetensors::load(format!("tests/fixtures/{name}.safetensors"), &Device::Cpu)?))
    }

    /// The tensor of ours that is named `name`: of a norm's table there is the only row.
    fn tensor(&self, prefix: &str, name: &str) -> Result<Tensor> {
        let theirs = name.replace(".residual.", ".branch.layers.").replace(".shortcut.", ".shortcut.layers.");
        let theirs = theirs.replace(".weight", ".module.weight");
        let found = self.0.get(&format!("{prefix}.{theirs}")).ok_or(format!("{prefix}.{theirs} is missing"))?;
        let table = !name.ends_with("beta") && found.rank() == 1;
        Ok(if table { found.unsqueeze(0)? } else { found.clone() })
    }

    fn load_into(&self, chain: &mut Chain) -> Result {
        for (name, tensor) in chain.state_mut() {
            *tensor = self.tensor("before", &name)?;
        }
        Ok(())
    }

    fn check_gradients(&self, chain: &Chain) -> Result {
        for (name, parameter) in chain.parameters() {
            let found = parameter.gradient.as_ref().ok_or(format!("{name} has no gradient"))?;
            assert_close(&self.tensor("grad", &name)?, found, 1e-3, &format!("gradient of {name}"))?;
        }
        Ok(())
    }

    fn var(&self, name: &str) -> Result<Var> {
        Ok(Var::from_tensor(&self.0[&format!("before.{name}")])?)
    }
}

/// A spike whose derivative by x is 0.3 max(0, 1 - |x|), made of candle's own ops.
fn spike(x: &Tensor) -> candle_core::Result<Tensor> {
    let fires = x.gt(0f64)?.to_dtype(DType::F32)?;
    let slope = (x.abs()?.neg()? + 1.0)?.relu()?.affine(0.3, 0.0)?.detach();
    let through = (x * slope)?;
    (fires - through.detach())? + through
}

/// TAB (Jiang et al. 2024): for step t a batch norm of its own over steps 0..t, of which step t is kept, times p[t]^2.
fn tab(currents: &Tensor, t: usize, [gamma, beta, p]: [&Tensor; 3]) -> candle_core::Result<Tensor> {
    let x = currents.narrow(0, 0, t + 1)?;
    let over = (0, 1, 3, 4);
    let mean = x.mean_keepdim(over)?;
    let centred = x.broadcast_sub(&mean)?;
    let variance = centred.sqr()?.mean_keepdim(over)?;
    let normal = centred.broadcast_div(&(variance + 1e-5)?.sqrt()?)?.get(t)?;
    let of_channel = |table: &Tensor| table.get(t)?.reshape((1, (), 1, 1));
    let scaled = normal.broadcast_mul(&of_channel(gamma)?)?.broadcast_add(&of_channel(beta)?)?;
    scaled.broadcast_mul(&p.get(t)?.sqr()?)
}

/// Spiking residuals (SEW-ResNet). The fixture's norms are TEBN, which is a batch norm as long as p is 1, as before the
/// first step; behind the residual stand conv, TAB, LIF, flatten and linear.
fn check_sew(join: &str) -> Result {
    let fixture = Fixture::load(&format!("field_sew_{join}"))?;
    for norm in ["1", "3.branch.layers.1", "3.branch.layers.4"] {
        assert_eq!(fixture.0[&format!("before.layers.{norm}.p")].to_vec1::<f32>()?, [1.0; 4]);
    }
    let part = "{ conv = { channels = 6 } }, { batch_norm = { eps = 1e-5, beta = true } }, { lif = { leak = 0.5 } }";
    let text = format!("[{part}, {{ residual = {{ join = '{join}', layers = [{part}, {part}] }} }}]");
    let mut chain = built(&text, &currents(&[3, 6, 6], true))?;
    fixture.load_into(&mut chain)?;
    // Direct coding: the image at every time-step.
    let x = repeat(&fixture.0["images"].unsqueeze(0)?, 4)?;
    let (y, saved) = chain.forward(x, &PASS, &mut ())?;
    assert_eq!(y.dtype(), if join == "add" { DType::F32 } else { DType::U8 });

    let y = Var::from_tensor(&y.to_dtype(DType::F32)?.contiguous()?)?;
    let weights = ["4.module.weight", "5.gamma", "5.beta", "5.p", "8.module.weight"];
    let [conv, gamma, beta, p, linear] = weights.map(|name| fixture.var(&format!("layers.{name}")));
    let (conv, gamma, beta, p, linear) = (conv?, gamma?, beta?, p?, linear?);
    let made = (0..4).map(|t| y.get(t)?.conv2d(&conv, 1, 1, 1, 1)).collect::<candle_core::Result<Vec<_>>>()?;
    let made = Tensor::stack(&made, 0)?;
    let mut membrane = made.get(0)?.zeros_like()?;
    let mut logits = Tensor::zeros((8, 5), DType::F32, &Device::Cpu)?;
    for t in 0..4 {
        membrane = (membrane.affine(0.5, 0.0)? + tab(&made, t, [&gamma, &beta, &p])?)?;
        let spikes = spike(&membrane.affine(1.0, -1.0)?)?;
        membrane = (membrane - spikes.detach())?;
        logits = (logits + spikes.flatten_from(1)?.matmul(&linear.t()?)?.affine(0.25, 0.0)?)?;
    }
    assert_close(&fixture.0["logits"], &logits, 1e-3, "logits")?;
    let labels = fixture.0["labels"].to_dtype(DType::U32)?;
    let loss = candle_nn::loss::cross_entropy(&logits, &labels)?;
    let expected = fixture.0["losses"].to_vec1::<f32>()?[0];
    assert!((loss.to_scalar::<f32>()? - expected).abs() <= 1e-4 * expected);
    let grad = loss.backward()?.get(&y).ok_or("a gradient")?.clone();
    chain.backward(saved, grad, false, &mut ())?;
    fixture.check_gradients(&chain)
}

#[test]
fn spiking_residuals_have_pytorchs_logits_and_gradients() -> Result {
    ["add", "and", "iand"].into_iter().try_for_each(check_sew)
}

/// The TET loss (Deng et al. 2022): the mean over time of each step's cross-entropy, and a pull to 1.
fn tet(currents: &Tensor, labels: &Tensor) -> candle_core::Result<Tensor> {
    let classes = currents.dim(D::Minus1)?;
    let labels = labels.repeat(currents.dim(0)?)?;
    let each = candle_nn::loss::cross_entropy(&currents.reshape(((), classes))?, &labels)?;
    (each * 0.95)? + ((currents - 1.0)?.sqr()?.mean_all()? * 0.05)?
}

#[test]
fn residuals_with_layers_in_the_shortcut_have_pytorchs_currents_and_gradients() -> Result {
    let fixture = Fixture::load("field_residual_tet")?;
    let (one, half) = ("{ tdbn = { eps = 1e-5 } }", "{ tdbn = { eps = 1e-5, alpha = 0.7071 } }");
    let (six, eight, lif) = ("{ conv = { channels = 6 } }", "{ conv = { channels = 8 } }", "{ lif = { leak = 0.5 } }");
    let (stride, past) =
        ("{ conv = { channels = 8, stride = 2 } }", "{ conv = { channels = 8, kernel = 1, stride = 2, padding = 0 } }");
    let text = format!(
        "[{six}, {one}, {lif}, {{ residual = {{ layers = [{six}, {one}, {lif}, {six}, {half}] }} }}, {lif}, \
         {{ residual = {{ layers = [{stride}, {one}, {lif}, {eight}, {half}], shortcut = [{past}, {half}] }} }}, {lif}, \
         {{ pool = {{ average = 2 }} }}, {{ flatten = {{}} }}, {{ linear = {{ features = 'classes' }} }}]"
    );
    let mut chain = built(&text, &currents(&[3, 8, 8], true))?;
    fixture.load_into(&mut chain)?;
    let x = repeat(&fixture.0["images"].unsqueeze(0)?, 4)?;
    let (y, saved) = chain.forward(x, &PASS, &mut ())?;
    assert_close(&fixture.0["currents"], &y, 1e-3, "currents")?;
    let y = Var::from_tensor(&y.contiguous()?)?;
    let loss = tet(&y, &fixture.0["labels"].to_dtype(DType::U32)?)?;
    let expected = fixture.0["losses"].to_vec1::<f32>()?[0];
    assert!((loss.to_scalar::<f32>()? - expected).abs() <= 1e-4 * expected);
    let grad = loss.backward()?.get(&y).ok_or("a gradient")?.clone();
    chain.backward(saved, grad, false, &mut ())?;
    fixture.check_gradients(&chain)
}
