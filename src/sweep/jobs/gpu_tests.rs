//! Which GPU runs are given, on a machine without any: CUDA's variable says that there are some, and a shell's script
//! that stands in this program's place writes down what it was shown.

use super::gpu_slots::GpuGrant;
use super::tests::Workspace;
use super::*;
use crate::system::gpus::GpuSources;

/// The variants' `training.device` in the order of the runs.
fn sweep(workspace: &Workspace, devices: &[(&str, &str)]) -> Sweep {
    let variants = devices.iter().map(|(name, device)| format!("{name} = {{ 'training.device' = '{device}' }}\n"));
    let text = format!("base = 'base.toml'\n[variants]\n{}", variants.collect::<String>());
    std::fs::write(workspace.path("trial.toml"), text).unwrap();
    Sweep::load(&workspace.path("trial.toml")).unwrap()
}

fn all(sweep: &Sweep) -> IncompleteRuns<'_> {
    IncompleteRuns { to_train: sweep.runs.iter().collect(), at_work: Vec::new() }
}

/// Slots where CUDA shows what `variable` lists, and the user lists `gpus`.
fn slots(variable: &str, auto_is_gpu: bool, due: &IncompleteRuns<'_>, gpus: &[&str]) -> Result<GpuSlots, String> {
    let absent = || "/absent/nvidia".into();
    let sources = GpuSources { variable: Some(variable.into()), driver: absent(), nvidia_smi: absent() };
    let listed: Vec<String> = gpus.iter().map(|gpu| gpu.to_string()).collect();
    GpuSlots::from_sources(sources, auto_is_gpu, due, &listed).map_err(|error| error.to_string())
}

/// The names of runs and their GPUs as they begin, where `begun` happens as each does.
fn begin(
    workspace: &Workspace,
    sweep: &Sweep,
    gpus: &GpuSlots,
    at_a_time: usize,
    script: &str,
    begun: impl Fn(&str),
) -> Vec<String> {
    let (runs, stop, mut starts) = (workspace.path("runs"), Stop::never(), Vec::new());
    let jobs = Jobs { sweep, runs: &runs, at_a_time, gpus, stop: &stop };
    let ended = jobs.train_with(&workspace.program(script), &all(sweep), &mut |event| {
        if let JobEvent::Started { run, gpu } = event {
            let name = run.name.trim_start_matches("trial.variant").trim_start_matches("trial.");
            starts.push(format!("{name} {}", gpu.unwrap_or_else(|| "without".into())));
            begun(name);
        }
    });
    // The scripts leave no run folder.
    assert_eq!(ended.unwrap().failed, sweep.runs.len());
    starts
}

#[test]
fn a_run_has_a_gpu_of_its_own_others_wait_and_the_first_that_is_freed_is_given_again() {
    let workspace = Workspace::new();
    let devices = [("a", "cuda:0"), ("b", "cuda:0"), ("c", "cuda:0"), ("d", "cpu"), ("e", "auto"), ("f", "cuda:1")];
    let sweep = sweep(&workspace, &devices);
    let gpus = slots("4,5", true, &all(&sweep), &[]).unwrap();
    // Every run waits until it is told to end.
    let script = "name=$(basename \"$2\" .toml); folder=$(dirname \"$0\")\n\
                  echo \"${name#trial.} ${CUDA_VISIBLE_DEVICES-unset}\" >> \"$folder/shown\"\n\
                  while [ ! -e \"$folder/end.${name#trial.}\" ]; do sleep 0.01; done; exit 1";
    let end = |names: &[&str]| {
        names.iter().for_each(|name| std::fs::write(workspace.path(&format!("end.{name}")), "").unwrap());
    };
    let starts = begin(&workspace, &sweep, &gpus, 4, script, |name| match name {
        "d" => end(&["b"]),
        "c" => end(&["a"]),
        "e" => end(&["c"]),
        "f" => end(&["d", "e", "f"]),
        _ => {}
    });
    // The CPU's run waits for nobody, and the last for the GPU that it names.
    assert_eq!(starts, ["a GPU 4", "b GPU 5", "d without", "c GPU 5", "e GPU 4", "f GPU 5"]);
    let inherited = std::env::var("CUDA_VISIBLE_DEVICES").unwrap_or_else(|_| "unset".into());
    let mut shown: Vec<String> =
        std::fs::read_to_string(workspace.path("shown")).unwrap().lines().map(String::from).collect();
    shown.sort();
    let own = |name: &str| format!("{name} {inherited}");
    assert_eq!(shown, ["a 4".to_string(), "b 5".into(), "c 5".into(), own("d"), "e 4".into(), own("f")]);
}

#[test]
fn no_gpu_has_two_runs_at_once_and_every_run_has_its_turn() {
    let workspace = Workspace::new();
    let names: Vec<String> = (0..12).map(|number| format!("v{number:02}")).collect();
    let devices: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "cuda:0")).collect();
    let sweep = sweep(&workspace, &devices);
    let gpus = slots("0,1,2", false, &all(&sweep), &["2", "0"]).unwrap();
    // A folder can be made once.
    let script = "gpu=$(dirname \"$0\")/gpu$CUDA_VISIBLE_DEVICES\n\
                  mkdir \"$gpu\" || { echo \"$gpu\" >> \"$(dirname \"$0\")/clash\"; exit 1; }\n\
                  sleep 0.02; rmdir \"$gpu\"; exit 1";
    let starts = begin(&workspace, &sweep, &gpus, 5, script, |_| {});
    assert!(!workspace.path("clash").exists());
    assert_eq!(starts[..2], ["v00 GPU 2", "v01 GPU 0"]);
    let begun: Vec<&str> = starts.iter().map(|start| start.split(' ').next().unwrap()).collect();
    assert_eq!(begun, names, "in their order");
    assert!(starts.iter().all(|start| start.ends_with("GPU 0") || start.ends_with("GPU 2")), "{starts:?}");
}

#[test]
fn the_device_of_a_run_says_what_it_waits_for() {
    use GpuGrant::{Alone, ByNumber, Nothing};
    let workspace = Workspace::new();
    let devices = [("a", "cuda:0"), ("b", "auto"), ("c", "cpu"), ("d", "cuda:1"), ("e", "cuda:7")];
    let sweep = sweep(&workspace, &devices);
    let grants = |gpus: &GpuSlots, taken: &[usize]| -> Vec<Option<GpuGrant>> {
        sweep.runs.iter().map(|run| gpus.grant(run, taken)).collect()
    };
    let two = slots("4,GPU-8932f937", true, &all(&sweep), &[]).unwrap();
    // Of `cuda:7`, which is not there, the run itself will speak.
    let [nothing, first, second] = [Some(Nothing), Some(Alone(0)), Some(Alone(1))];
    assert_eq!(grants(&two, &[]), [first, first, nothing, Some(ByNumber(1)), nothing]);
    assert_eq!(grants(&two, &[0]), [second, second, nothing, Some(ByNumber(1)), nothing]);
    assert_eq!(grants(&two, &[1]), [first, first, nothing, None, nothing]);
    assert_eq!(grants(&two, &[1, 0]), [None, None, nothing, None, nothing]);
    assert_eq!((two.label(Alone(0)).unwrap(), two.shown_alone(Alone(0))), ("GPU 4".into(), Some("4")));
    assert_eq!((two.label(ByNumber(1)).unwrap(), two.shown_alone(ByNumber(1))), ("GPU-8932f937".into(), None));
    // One that is listed twice takes two.
    let twice = slots("4,5", true, &all(&sweep), &["1", "1"]).unwrap();
    assert_eq!(grants(&twice, &[0]), [second, second, nothing, Some(ByNumber(1)), nothing]);
    assert_eq!(twice.shown_alone(Alone(1)), Some("5"));
    // In a build for the CPU `auto` is the CPU, and where there is no GPU nobody waits.
    let cpu_build = slots("4", false, &all(&sweep), &[]).unwrap();
    assert_eq!(grants(&cpu_build, &[]), [first, nothing, nothing, nothing, nothing]);
    assert_eq!(grants(&slots("", true, &all(&sweep), &[]).unwrap(), &[]), [nothing; 5]);
}

#[test]
fn what_is_said_of_gpus_before_the_first_run() {
    let workspace = Workspace::new();
    let sweep = sweep(&workspace, &[("a", "cuda:0"), ("b", "cuda:1"), ("c", "cpu")]);
    let due = all(&sweep);
    let gpus = slots("4,GPU-1", false, &due, &[]).unwrap();
    let said = |at_a_time| gpus.describe(at_a_time, due.to_train.len()).unwrap();
    assert_eq!(said(1), "GPU 4, GPU-1: one run each at a time; --jobs 2 uses 2 of them");
    assert_eq!(said(2), "GPU 4, GPU-1: one run each at a time");
    assert_eq!(said(3), "GPU 4, GPU-1: one run each at a time, and what finds none free waits");
    assert_eq!(slots("", false, &due, &[]).unwrap().describe(1, 3), None);

    let refused = |gpus: &[&str]| slots("4,5", false, &due, gpus).err().unwrap();
    assert_eq!(
        refused(&["1", "2"]),
        "--gpus 2: there is no GPU 2. CUDA_VISIBLE_DEVICES=4,5 shows 2: they are numbers 0 to 1."
    );
    assert_eq!(
        refused(&["0"]),
        "trial.b: training.device is \"cuda:1\", which --gpus 0 leaves out. Add 1 to --gpus, or let the sweep choose with \
         training.device = \"auto\"."
    );
    // What computes on the CPU is given none, but a list is read all the same.
    let cpu = super::gpu_tests::sweep(&workspace, &[("a", "cpu"), ("b", "auto")]);
    assert_eq!(slots("4,5", false, &all(&cpu), &["0"]).unwrap().describe(1, 2), None);
    assert!(slots("4,5", false, &all(&cpu), &["2"]).is_err());
}
