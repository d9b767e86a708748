//! What a training step takes from the operating system. One test alone in its process: it counts what its children
//! did.

use std::process::Command;

/// A network whose tensors are larger than any that the C library keeps of its own accord.
const NETWORK: &str = "name = 'pages'\n[data]\ndataset = { cifar10 = { path = 'none' } }\nbatch_size = 16\n\
    [network]\ntime_steps = 5\nencoder = 'poisson'\nlayers = [ { conv = { channels = 64 } }, 'bntt', 'lif', { pool = { average = 2 } },\n\
    { conv = { channels = 16 } }, 'bntt', 'lif', { pool = 'global_average' }, 'flatten', { linear = { features = 'classes' } } ]\n\
    [optimizer]\nsgd = { lr = 0.1, momentum = 0.9 }\n[training]\nepochs = 1\nthreads = 2\n";

/// Page faults of all children so far that needed no disk.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn faults_of_children() -> i64 {
    // SAFETY: all zeros is a valid `rusage`, and `getrusage` writes to the one it is given.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage), 0);
        usage.ru_minflt
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn a_training_step_takes_no_fresh_pages_from_the_operating_system() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("pages.toml");
    std::fs::write(&config, NETWORK).expect("a file");
    let faults = |repeats: &str| {
        let before = faults_of_children();
        let mut bench = Command::new(env!("CARGO_BIN_EXE_bntt"));
        let output = bench.arg("bench").arg(&config).args(["--repeats", repeats]).output().expect("bntt bench");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        faults_of_children() - before
    };
    let (few, many) = (faults("2"), faults("22"));
    // Twenty steps whose currents alone are 5,120 pages each would take more than 100,000.
    assert!(many - few < 20_000, "{few} page faults in 4 steps, {many} in 24");
}
