//! Whole files of every kind, small: what the hostile ones are made from.

/// Valid inputs of a target, as its body takes them.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "experiment" => EXPERIMENTS.iter().map(|text| text.as_bytes().to_vec()).collect(),
        "weights" => vec![weights(), safetensors(&[("a", "F32", "[0]", Vec::new())])],
        "idx" => chosen(&idx_files()),
        "cifar10" => chosen(&cifar10_files()),
        "cifar100" => chosen(&cifar100_files()),
        "tensors" => chosen(&tensors_files()),
        "progress" => vec![PROGRESS.as_bytes().to_vec()],
        "metrics" => chosen(&run_files()),
        "provenance" => vec![PROVENANCE.as_bytes().to_vec()],
        _ => Vec::new(),
    }
}

/// Every file after the number that chooses it.
fn chosen(files: &[(&str, Vec<u8>)]) -> Vec<Vec<u8>> {
    (0..).zip(files).map(|(place, (_, bytes))| [&[place], bytes.as_slice()].concat()).collect()
}

const EXPERIMENTS: &[&str] = &[
    "name = \"a\"\nseed = 1\n[data]\ndataset = \"digits\"\nbatch_size = 64\naugment = { crop_padding = 2, flip = true }\n\
     normalize = { mean = [0.5], std = [0.25] }\nlimit = { train = 640, test = 100 }\n[network]\ntime_steps = 4\n\
     encoder = { poisson = { scale = 1.0, signed = false } }\nlif = { leak = 0.95, threshold = 1.0 }\nlayers = [\n\
     { conv = { channels = 4, kernel = 3, stride = 1, padding = 1 } }, \"bntt\", { lif = { leak = 0.5 } },\n\
     { pool = { average = 2 } }, { dropout = { probability = 0.2 } }, \"flatten\",\n\
     { linear = { features = 8, bias = true } }, \"tdbn\", \"lif\", { linear = { features = \"classes\" } },\n]\n\
     [optimizer]\nsgd = { lr = 0.1, momentum = 0.9 }\n[schedule]\n\
     warmup = { epochs = 1, then = { milestones = { at = [0.5], factor = 0.1 } } }\n[training]\nepochs = 3\n\
     clip = 1.0\0network.time_steps=2\0network.layers[0].conv.channels=6\0optimizer={ adam = { lr = 1e-3 } }",
    "name = 'b'\ndata = { dataset = { tensors = { train = 'a.safetensors', test = 'b' } }, batch_size = 2 }\n\
     optimizer = { adam = { lr = 0.1 } }\nschedule = 'cosine'\ntraining = { epochs = 1 }\n[network]\ntime_steps = 2\n\
     encoder = 'none'\nlayers = ['flatten', { linear = { features = 4 } }, 'batch_norm', 'lif', \
     { linear = { features = 'classes' } }]\n",
    "base = [\"none.toml\"]\nname = 'c'\n",
    "name = 'd'\ndata = { dataset = 'digits', batch_size = 2 }\noptimizer = { adamw = { lr = 0.1 } }\n\
     training = { epochs = 1 }\nnetwork.time_steps = 2\nnetwork.encoder = 'direct'\n\
     network.layers = [{ conv = { channels = 2 } }, 'lif', { pool = { max = 2 } }, { pool = 'global_average' }, \
     'flatten', { linear = { features = 10 } }]\n",
];

/// A safetensors file of tensors as (name, type, shape, data).
fn safetensors(tensors: &[(&str, &str, &str, Vec<u8>)]) -> Vec<u8> {
    let mut start = 0;
    let entries: Vec<String> = tensors
        .iter()
        .map(|(name, dtype, shape, data)| {
            let end = start + data.len();
            let entry =
                format!("\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":[{start},{end}]}}");
            start = end;
            entry
        })
        .collect();
    let header = format!("{{{}}}", entries.join(","));
    let data = tensors.iter().flat_map(|(.., data)| data.iter().copied());
    (header.len() as u64).to_le_bytes().into_iter().chain(header.bytes()).chain(data).collect()
}

fn floats(count: usize) -> Vec<u8> {
    (0..count).flat_map(|i| (i as f32 / 4.0).to_le_bytes()).collect()
}

fn weights() -> Vec<u8> {
    safetensors(&[
        ("layers.0.weight", "F32", "[2,1,2,2]", floats(8)),
        ("layers.1.gamma", "F64", "[1,2]", vec![0; 16]),
        ("step", "I64", "[]", vec![7; 8]),
        ("half", "BF16", "[3]", vec![1; 6]),
    ])
}

/// Pairs of images of bytes, images of floats, sequences of bytes.
pub fn tensors_files() -> Vec<(&'static str, Vec<u8>)> {
    let file = |name, items, dtype, shape, data: Vec<u8>, labels: (&str, Vec<u8>)| {
        (name, safetensors(&[(items, dtype, shape, data), ("labels", labels.0, "[2]", labels.1)]))
    };
    let wide = |labels: [i64; 2]| ("I64", labels.map(i64::to_le_bytes).concat());
    vec![
        file("bytes", "images", "U8", "[2,1,2,3]", (0..12).collect(), ("U8", vec![0, 3])),
        file("bytes_test", "images", "U8", "[2,1,2,3]", vec![200; 12], wide([1, 2])),
        file("floats", "images", "F32", "[2,1,1,2]", floats(4), ("U32", vec![1, 0, 0, 0, 0, 0, 0, 0])),
        file("floats_test", "images", "F32", "[2,1,1,2]", floats(4), ("I32", vec![0; 8])),
        file("sequences", "sequences", "U8", "[2,3,1,1,2]", vec![1; 12], ("U8", vec![1, 0])),
        file("sequences_test", "sequences", "U8", "[2,3,1,1,2]", vec![0; 12], ("U8", vec![0, 1])),
    ]
}

/// MNIST's four files, of two training images and one to test on.
pub fn idx_files() -> Vec<(&'static str, Vec<u8>)> {
    let header = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>();
    let images = |count: u32| [header(&[0x803, count, 28, 28]), vec![9; count as usize * 784]].concat();
    let labels = |labels: &[u8]| [header(&[0x801, labels.len() as u32]), labels.to_vec()].concat();
    vec![
        ("train-images-idx3-ubyte", images(2)),
        ("train-labels-idx1-ubyte", labels(&[3, 9])),
        ("t10k-images-idx3-ubyte", images(1)),
        ("t10k-labels-idx1-ubyte", labels(&[0])),
    ]
}

fn record(labels: &[u8]) -> Vec<u8> {
    [labels, &[5; 3072]].concat()
}

/// CIFAR-10's six files, of one record each.
pub fn cifar10_files() -> Vec<(&'static str, Vec<u8>)> {
    let names = [
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
        "test_batch.bin",
    ];
    (4..).zip(names).map(|(label, name)| (name, record(&[label]))).collect()
}

/// CIFAR-100's two files, of two records each.
pub fn cifar100_files() -> Vec<(&'static str, Vec<u8>)> {
    ["train.bin", "test.bin"].map(|name| (name, [record(&[19, 99]), record(&[0, 7])].concat())).into()
}

const PROGRESS: &str = "version = 2\nexperiment = \"a\"\nconfig_sha256 = \"00\"\ndata_sha256 = \"03\"\nepoch = 3\nstep = 2\nglobal_step = 32\n\
                        best_top1 = 71.5\nbest_epoch = 2\nmodel_sha256 = \"01\"\noptimizer_sha256 = \"02\"\n";

/// A run's files but for its checkpoints and provenance.
pub fn run_files() -> Vec<(&'static str, Vec<u8>)> {
    let line = |epoch| {
        format!(
            "{{\"epoch\":{epoch},\"train\":{{\"loss\":2.3,\"top1\":10.0,\"top5\":50.0}},\
             \"test\":{{\"loss\":2.2,\"top1\":12.5,\"top5\":51.0}},\"lr\":0.1,\"firing_rates\":{{\"layers.1.lif\":0.25}},\
             \"images_per_second\":1000.0,\"seconds\":1.5,\"peak_memory_bytes\":1048576}}\n"
        )
    };
    let table = "epoch,train_loss,train_top1,train_top5,test_loss,test_top1,test_top5,lr,images_per_second,seconds,\
                 peak_memory_bytes,firing_rate.layers.1.lif\n\
                 1,2.3,10.0,50.0,2.2,12.5,51.0,0.1,1000.0,1.5,1048576,0.25\n\
                 2,2.3,10.0,50.0,,,,0.1,1000.0,1.5,1048576,0.25\n";
    let steps = "{\"epoch\":1,\"step\":1,\"loss\":2.5}\n{\"epoch\":2,\"step\":1,\"loss\":2.5}\n";
    vec![
        ("metrics.jsonl", (line(1) + &line(2)).into_bytes()),
        ("metrics.csv", table.into()),
        ("steps.jsonl", steps.into()),
        ("config.toml", b"name = \"a\"\n[training]\nepochs = 3\n".to_vec()),
    ]
}

pub const PROVENANCE: &str = r#"{"outcome":{"failed":"no memory"},"started":"2026-11-24T04:33:55Z",
"ended":"2026-11-24T04:34:55Z","seed":18446744073709551615,"data":{"a.bin":"00ff"},"sessions":[{"command":["bntt","run"],
"bntt_version":"0.1.0","git":{"commit":"ab","dirty":true,"diff":"+\u00e9","untracked":["a b"]},
"host":{"name":"h","operating_system":"linux","cpu":"x","cores":2},"device":"cpu","threads":2,"from_epoch":0,
"started":"2026-11-24T04:33:55Z"}]}
"#;
