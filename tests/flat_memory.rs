//! Training for long takes no more memory than training for a while. One test alone in its process: it looks at all of
//! its memory.

use bntt::data::Batches;
use bntt::experiment::{CheckedExperiment, Experiment};
use bntt::network::Network;
use bntt::optimizers::{Optimizer, TrainingPosition};
use bntt::system::memory;
use bntt::train::step;
use candle_core::Device;

const TEXT: &str = "name = 'flat'\n[data]\ndataset = 'digits'\nbatch_size = 16\naugment = { crop_padding = 1 }\n\
    [network]\ntime_steps = 4\nencoder = 'poisson'\nlayers = [ { conv = { channels = 16 } }, 'bntt', 'lif', { pool = { average = 2 } },\n\
    'flatten', { linear = { features = 64 } }, 'bntt', 'lif', { linear = { features = 'classes' } } ]\n\
    [optimizer]\nadam = { lr = 1e-3 }\n[training]\nepochs = 1\n";

const WARM_UP: usize = 100;
const STEPS: usize = 1000;

#[cfg(target_os = "linux")]
#[test]
fn a_thousand_steps_take_no_memory() -> Result<(), Box<dyn std::error::Error>> {
    let CheckedExperiment { experiment, plan, .. } = Experiment::parse(TEXT, "flat.toml", &[])?;
    let dataset = experiment.load_data()?;
    let mut network = Network::build(&experiment.network, plan, 0, &Device::Cpu)?;
    let mut optimizer = Optimizer::new(&experiment.optimizer);
    let (mut before, mut taken, mut epoch) = (0, 0, 0);
    while taken < WARM_UP + STEPS {
        let batches = Batches::train(&dataset.train, &experiment.data, 0, epoch, &Device::Cpu)?;
        std::thread::scope(|scope| -> Result<(), Box<dyn std::error::Error>> {
            for batch in batches.prefetch(scope, 0).take(WARM_UP + STEPS - taken) {
                let now = TrainingPosition { epoch: 0, epochs: 1, step: 0, steps: 1 };
                let seen = step(&mut network, &mut optimizer, &batch?, now, 1e-3, &experiment.training, &mut ())?;
                seen.read_score()?;
                taken += 1;
                if taken == WARM_UP {
                    before = memory::current().ok_or("no /proc")?;
                }
            }
            Ok(())
        })?;
        epoch += 1;
    }
    let grown = memory::current().ok_or("no /proc")?.saturating_sub(before);
    // A step's currents alone are 1 MiB; a leak of a hundredth of them would show.
    assert!(grown < 8 << 20, "{grown} bytes more after {STEPS} steps, {before} before");
    println!("{grown} bytes more after {STEPS} steps, {before} before");
    Ok(())
}
