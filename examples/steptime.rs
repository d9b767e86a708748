use bntt::{data::Batch, experiment::*, network::Network, optimizers::*, train::step};
use candle_core::*;
fn main() {
    let a: Vec<usize> = std::env::args().skip(1).map(|a| a.parse().unwrap()).collect();
    let (b, t) = (a[0], a[1]);
    let c = |n: usize| format!("{{ conv = {{ channels = {n} }} }}, 'bntt', 'lif', ");
    let text = format!(
        "name='x'\n[data]\ndataset={{cifar10={{path='x'}}}}\nbatch_size={b}\n[network]\ntime_steps={t}\nencoder='poisson'\nlayers=[{}{}{{pool={{average=2}}}},{}{}{{pool={{average=2}}}},{}{}{}{{pool={{average=2}}}},'flatten',{{linear={{features=1024}}}},'bntt','lif',{{linear={{features='classes'}}}}]\n[optimizer]\nsgd={{lr=0.1,momentum=0.9,weight_decay=1e-4}}\n[training]\nepochs=1\n",
        c(64),
        c(64),
        c(128),
        c(128),
        c(256),
        c(256),
        c(256)
    );
    let Checked { experiment: e, plan, .. } = Experiment::parse(&text, "x", &[]).unwrap();
    println!("predicted peak {} MiB kept {}", plan.peak_bytes(b, 1) >> 20, plan.kept_bytes(b) >> 20);
    let mut n = Network::build(&e.network, plan, 0, &Device::Cpu).unwrap();
    let mut o = Optimizer::new(&e.optimizer);
    let batch = Batch {
        inputs: Tensor::randn(0f32, 1., (b, 3, 32, 32), &Device::Cpu).unwrap(),
        labels: Tensor::zeros(b, DType::U32, &Device::Cpu).unwrap(),
        indices: (0..b as u32).collect(),
    };
    for i in 0..6 {
        let s = std::time::Instant::now();
        let r =
            step(&mut n, &mut o, &batch, Moment { epoch: 0, epochs: 1, step: i, steps: 6 }, 0.1, &e.training).unwrap();
        let el = s.elapsed().as_secs_f64();
        println!("{:.3} s, {:.2} ms/image-step kept {} MiB", el, 1e3 * el / (b * t) as f64, r.kept_bytes >> 20);
    }
    println!(
        "{}",
        std::fs::read_to_string("/proc/self/status").unwrap().lines().find(|l| l.starts_with("VmHWM")).unwrap()
    );
}
