//! Single hostile files, and what is said about them.

use std::fs;
use std::path::{Path, PathBuf};

use bntt::data::read_unlabelled;
use bntt::experiment::Experiment;
use bntt::run::RunFolder;
use bntt::run::checkpoint::{self, TrainingProgress};
use bntt::run::metrics::{self, Metrics};
use bntt::run::provenance::Provenance;
use bntt::run::records::{VerifiedRecords, WrittenRecord};
use candle_core::Device;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn refused<T, E: ToString>(result: Result<T, E>) -> String {
    result.err().expect("a refusal").to_string()
}

/// A sentence without the line of the file below it.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().into()
}

fn safetensors(header: &str, data: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![0; data]].concat()
}

/// Makes a pipe, a link that leads nowhere and a circle of links. None of them can be read, and a pipe would keep a
/// reader waiting.
fn no_regular_files(folder: &Path) -> [(PathBuf, &'static str); 4] {
    let [pipe, dangling, circle] = ["pipe", "dangling", "circle"].map(|name| folder.join(name));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    std::os::unix::fs::symlink("gone", &dangling).expect("a link");
    std::os::unix::fs::symlink("circle", &circle).expect("a link");
    [
        (pipe, "it is a pipe, and a regular file was expected"),
        (dangling, "it is a link to gone, which does not exist"),
        (circle, "Too many levels of symbolic links (os error 40)"),
        ("/dev/zero".into(), "it is a device, and a regular file was expected"),
    ]
}

#[test]
fn pipes_devices_and_broken_links_are_refused_by_every_reader() {
    let root = folder();
    for (path, problem) in no_regular_files(root.path()) {
        let name = path.display();
        let expected = format!("{name}: cannot read this file: {problem}.");
        assert_eq!(refused(Experiment::load(&path, &[])), expected);

        let config = root.path().join("config.toml");
        fs::write(&config, format!("base = {:?}\n", path.display().to_string())).expect("a file");
        let expected = format!("{}:1:8: base: cannot read the base file {name}: {problem}.", config.display());
        assert_eq!(first_line(&refused(Experiment::load(&config, &[]))), expected);

        assert_eq!(refused(checkpoint::load_tensors(&path, &Device::Cpu)), format!("cannot open {name}: {problem}"));
        assert_eq!(refused(read_unlabelled(&path, "--input")), format!("cannot open {name}: {problem}"));
        assert_eq!(refused(metrics::read(&path)), format!("cannot read {name}: {problem}"));
        assert_eq!(refused(Provenance::load(&path)), format!("cannot read {name}: {problem}"));

        let checkpoint = root.path().join("checkpoint");
        fs::create_dir_all(&checkpoint).expect("a folder");
        let progress = checkpoint.join("progress.toml");
        let _ = fs::remove_file(&progress);
        std::os::unix::fs::symlink(&path, &progress).expect("a link");
        let text = refused(TrainingProgress::load(&checkpoint));
        let expected =
            format!("the checkpoint {} cannot be used: progress.toml cannot be read (", checkpoint.display());
        assert!(text.starts_with(&expected), "{text}");
    }
}

#[test]
fn metrics_that_are_a_pipe_are_not_waited_for() {
    let root = folder();
    let run = RunFolder::create(root.path(), "a").expect("a run");
    let [(pipe, problem), ..] = no_regular_files(run.path());
    fs::rename(pipe, run.steps()).expect("a pipe");
    let opened = Metrics::open(&run, VerifiedRecords::nothing());
    assert_eq!(refused(opened), format!("cannot open {}: {problem}", run.steps().display()));
    fs::rename(run.steps(), run.metrics_jsonl()).expect("a pipe");
    let listed = bntt::run::listing::list(root.path()).expect("a list");
    assert_eq!(listed[0].state, "damaged");
}

#[test]
fn a_line_without_an_end_is_not_read_to_its_end() {
    let root = folder();
    let run = RunFolder::create(root.path(), "a").expect("a run");
    // 1 GiB of zeros that take no room on the disk.
    fs::File::create(run.steps()).and_then(|file| file.set_len(1 << 30)).expect("a file");
    let steps = run.steps();
    let expected = "it has 1073741824 bytes, and at most 268435456 were expected";
    assert_eq!(refused(metrics::readable(&run, 1, 0)), format!("cannot read {}: {expected}", steps.display()));
    // No more than what a checkpoint knows of is read of it, and a byte of it is enough to see that it is another.
    let one = WrittenRecord { bytes: 1, sha256: "00".into() };
    let expected = "is damaged: its first 1 bytes are not those that it had when the checkpoint was saved.";
    assert_eq!(refused(one.verify(&steps)), format!("{} {expected}", steps.display()));
}

#[test]
fn a_link_to_a_data_file_is_as_good_as_the_file() {
    let root = folder();
    let [file, link] = ["file", "link"].map(|name| root.path().join(name));
    let header = r#"{"images":{"dtype":"U8","shape":[1,1,1,2],"data_offsets":[0,2]}}"#;
    fs::write(&file, safetensors(header, 2)).expect("a file");
    std::os::unix::fs::symlink(&file, &link).expect("a link");
    assert_eq!(read_unlabelled(&link, "--input").expect("a split").shape, [1, 1, 2]);
}

#[test]
fn headers_that_claim_2_to_the_60_bytes_are_refused_before_memory_is_asked_for() {
    let root = folder();
    let path = root.path().join("a.safetensors");
    let name = path.display();
    fs::write(&path, [(1u64 << 60).to_le_bytes(), *b"{\"a\":{} "].concat()).expect("a file");
    assert_eq!(
        refused(checkpoint::load_tensors(&path, &Device::Cpu)),
        format!(
            "{name} is not a whole safetensors file: its header claims 1152921504606846976 bytes, and the whole file has 16."
        )
    );
    assert_eq!(
        refused(read_unlabelled(&path, "--input")),
        format!(
            "{name} is no safetensors file: byte 0 announces a header of 1152921504606846976 bytes, but the file ends at byte 16."
        )
    );
    // A product of 2^64 wraps to 0 bytes of data.
    let wraps = r#"{"images":{"dtype":"U8","shape":[4294967296,4294967296,1,1],"data_offsets":[0,0]}}"#;
    fs::write(&path, safetensors(wraps, 0)).expect("a file");
    for text in [refused(checkpoint::load_tensors(&path, &Device::Cpu)), refused(read_unlabelled(&path, "--input"))] {
        assert!(text.starts_with(&format!("{name} is n")) && text.contains("overflow"), "{text}");
    }
    let negative = r#"{"images":{"dtype":"U8","shape":[-1,1,1,1],"data_offsets":[0,1]}}"#;
    fs::write(&path, safetensors(negative, 1)).expect("a file");
    for text in [refused(checkpoint::load_tensors(&path, &Device::Cpu)), refused(read_unlabelled(&path, "--input"))] {
        assert!(text.contains("invalid value: integer `-1`, expected usize"), "{text}");
    }
}

#[test]
fn tensors_larger_than_the_memory_are_refused_before_they_are_read() {
    let root = folder();
    let path = root.path().join("a.safetensors");
    // 4 TiB of zeros that take no room on the disk.
    let size = 1u64 << 42;
    let header = format!(r#"{{"images":{{"dtype":"U8","shape":[1,1,1,{size}],"data_offsets":[0,{size}]}}}}"#);
    fs::write(&path, safetensors(&header, 0)).expect("a file");
    let file = fs::OpenOptions::new().write(true).open(&path).expect("a file");
    file.set_len(8 + header.len() as u64 + size).expect("a long file");
    let name = path.display();
    assert_eq!(
        refused(checkpoint::load_tensors(&path, &Device::Cpu)),
        format!("{name} holds {size} bytes of tensors, more than this machine has memory.")
    );
    assert_eq!(
        refused(read_unlabelled(&path, "--input")),
        format!("{name} holds {size} values of 1 bytes, and there is no memory for so many.")
    );
}

/// Tables of 79 dotted keys, one in the other: each is as deep as the parser lets it be, and together they are the
/// square of that.
fn square() -> String {
    let dotted = ["a"; 79].join(".");
    format!("{}0{}", format!("{{{dotted}=").repeat(79), "}".repeat(79))
}

#[test]
fn what_is_nested_too_deep_is_refused_and_nothing_overflows() {
    let parse = |text: &str, overrides: &[String]| refused(Experiment::parse(text, "a.toml", overrides));
    let deep = "tables and lists stand more than 32 deep in each other";
    let text = first_line(&parse(&format!("x = {}", square()), &[]));
    assert!(text.starts_with("a.toml:1:") && text.ends_with(&format!("{deep}.")), "{text}");
    let text = parse("name = 'a'", &[format!("network={}", square())]);
    assert!(text.contains(&format!("is not a value: {deep}.")), "{text}");
    let lists = format!("x = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let text = parse(&lists, &[]);
    assert_eq!(first_line(&text), format!("a.toml:1:37: {deep}."));
    let text = parse(&format!("{} = 1", vec!["a"; 50_000].join(".")), &[]);
    assert!(text.contains("recursion limit"), "{text}");

    let root = folder();
    let run = RunFolder::create(root.path(), "a").expect("a run");
    let progress = run.path().join("progress.toml");
    fs::write(&progress, format!("x = {}", square())).expect("a file");
    let text = refused(TrainingProgress::load(run.path()));
    assert!(text.contains("progress.toml is malformed"), "{text}");
    fs::write(run.config(), format!("x = {}", square())).expect("a file");
    assert_eq!(bntt::run::listing::list(root.path()).expect("a list")[0].epochs, None);

    let json = "[".repeat(1_000_000);
    fs::write(run.provenance(), format!("{{\"outcome\":{json}")).expect("a file");
    let text = refused(Provenance::load(&run.provenance()));
    assert!(text.contains("is malformed: "), "{text}");
    let weights = run.path().join("a.safetensors");
    fs::write(&weights, safetensors(&format!("{{\"__metadata__\":{json}"), 0)).expect("a file");
    let text = refused(checkpoint::load_tensors(&weights, &Device::Cpu));
    assert!(text.contains("is not a whole safetensors file: header: "), "{text}");
}

#[test]
fn an_experiment_of_megabytes_or_of_thousands_of_mistakes_is_told_in_short() {
    let root = folder();
    let path = root.path().join("a.toml");
    fs::write(&path, " ".repeat(300_000)).expect("a file");
    let expected =
        format!("{}: cannot read this file: it has 300000 bytes, and at most 262144 were expected.", path.display());
    assert_eq!(refused(Experiment::load(&path, &[])), expected);
    let keys: String = (0..5000).map(|i| format!("k{i} = 1\n")).collect();
    let text = refused(Experiment::parse(&keys, "a.toml", &[]));
    assert_eq!(sentences(&text).count(), 101);
    // And the five sections that are missing, and the name.
    let last = text.lines().last().unwrap_or_default();
    assert_eq!(last, "there are 4905 more mistakes; mend these first.");

    fs::write(&path, format!("base = [{}]", "'x',".repeat(5000))).expect("a file");
    let text = refused(Experiment::load(&path, &[]));
    assert_eq!(sentences(&text).count(), 101);
    assert!(text.ends_with("there are 4900 more mistakes; mend these first."), "{text}");
    // A quarter of a megabyte of nothing but mistakes, told in no time.
    let started = std::time::Instant::now();
    for mistake in ["x = =\n", "'''\n", "="] {
        let text = refused(Experiment::parse(&mistake.repeat(250_000 / mistake.len()), "a.toml", &[]));
        assert!((1..=8).contains(&sentences(&text).count()), "{text}");
    }
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}

#[test]
fn base_files_without_an_end_are_refused() {
    let root = folder();
    let file = |name: &str| root.path().join(name);
    for i in 0..40 {
        fs::write(file(&format!("{i}.toml")), format!("base = '{}.toml'\n", i + 1)).expect("a file");
    }
    fs::write(file("40.toml"), "seed = 1\n").expect("a file");
    let text = refused(Experiment::load(&file("0.toml"), &[]));
    let expected =
        format!("{}:1:8: base: more than 32 files build on each other here. Name fewer.", file("31.toml").display());
    assert_eq!(sentences(&text).collect::<Vec<_>>(), [expected]);
    fs::write(file("0.toml"), "base = ['1.toml']\n").expect("a file");
    fs::write(file("1.toml"), "base = ['./0.toml']\n").expect("a file");
    let text = refused(Experiment::load(&file("0.toml"), &[]));
    assert!(text.contains("the base files form a circle: "), "{text}");
    fs::write(file("0.toml"), "base = '.'\n").expect("a file");
    let text = refused(Experiment::load(&file("0.toml"), &[]));
    let sentence = sentences(&text).last().unwrap_or_default();
    assert!(sentence.ends_with(": it is a folder, and a regular file was expected."), "{text}");
}

/// The lines of a message without those that show where its mistakes stand.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let is_shown = |line: &str| line.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit()).starts_with('|');
    text.lines().filter(move |line| !is_shown(line))
}

/// A network on `digits` after overrides of its numbers.
fn sized(overrides: &[&str]) -> String {
    let text = "name = 'a'\ndata = { dataset = 'digits', batch_size = 64 }\noptimizer = { sgd = { lr = 0.1 } }\n\
                training = { epochs = 1 }\n[network]\ntime_steps = 4\nencoder = 'poisson'\n\
                layers = [{ conv = { channels = 4 } }, 'bntt', 'lif', 'flatten', { linear = { features = 8 } }, 'lif', \
                { linear = { features = 'classes' } }]";
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    match Experiment::parse(text, "a.toml", &overrides) {
        Ok(checked) => checked.plan.peak_bytes(64, 2).to_string(),
        Err(error) => first_line(&error.to_string()),
    }
}

#[test]
fn absurd_sizes_are_refused_with_their_product() {
    let most = "numbers, and 2^40 are the most that are tried: make it smaller";
    assert_eq!(
        sized(&["network.time_steps=4611686018427387904"]),
        format!(
            "command line: network.time_steps: the input of all time-steps would have 4611686018427387904 x 1 x 8 x 8 {most}"
        )
    );
    assert_eq!(
        sized(&["network.layers[0].conv.channels=4611686018427387904"]),
        format!(
            "a.toml:8:11: network.layers[0]: layer 0 conv: the weight would have 4611686018427387904 x 1 x 3 x 3 {most}"
        )
    );
    // The weight is small enough, what it gives is not.
    assert_eq!(
        sized(&["network.layers[0].conv={ channels = 8589934592, kernel = 1, padding = 0 }"]),
        format!(
            "a.toml:8:11: network.layers[0]: layer 0 conv: its output of all time-steps would have 4 x 8589934592 x 8 x 8 {most}"
        )
    );
    assert_eq!(
        sized(&["network.layers[4].linear.features=9223372036854775807"]),
        format!(
            "a.toml:8:66: network.layers[4]: layer 4 linear: the weight would have 9223372036854775807 x 256 {most}"
        )
    );
    // A batch larger than the data set is refused; what it would take is told all the same.
    let text = sized(&["data.batch_size=9223372036854775807"]);
    assert!(text.contains("a batch of 9223372036854775807 is larger than the 1438 training images"), "{text}");
    assert!(sized(&[]).parse::<usize>().is_ok_and(|peak| peak > 0));
}
