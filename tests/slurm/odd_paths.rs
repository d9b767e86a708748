//! Folders whose names mean something to shells and to SLURM, and arrays that are too long.

use super::{Cluster, alone, bntt, jobs, wait};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

const BASE: &str = "name = 'base'\n[data]\ndataset = 'digits'\nbatch_size = 16\nlimit = { train = 64, test = 20 }\n\
    [network]\ntime_steps = 2\nencoder = 'poisson'\nlayers = [ 'flatten', 'lif', { linear = { features = 'classes' } } ]\n\
    [optimizer]\nsgd = { lr = 0.1 }\n[training]\nepochs = 1\nthreads = 1\n";

/// With quotes, what SLURM replaces, line breaks and a byte that is no UTF-8; the last two have a backslash too.
const FOLDERS: [&[u8]; 4] = [
    b"a \"b\" 'c' %A %% \n d",
    b" $HOME `x` #SBATCH\n#SBATCH --wrap=x\n%4a \xff;&|*?! ",
    b"a \"b\" 'c' %A %% \\n d",
    b"\\\n%a'\\''\xff\\",
];

#[test]
fn any_folder_will_do_and_long_arrays_are_cut() {
    let _alone = alone();
    let cluster = match Cluster::start("MaxArraySize=3\n") {
        Ok(cluster) => cluster,
        Err(why) => return println!("skipped: SLURM cannot run here: {why}"),
    };
    let workspace = tempfile::tempdir().expect("a folder");
    for name in FOLDERS {
        let folder = workspace.path().join(OsStr::from_bytes(name));
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::write(folder.join("base.toml"), BASE).expect("a file");
        std::fs::write(folder.join("trial.toml"), "base = 'base.toml'\nseeds = [0, 1, 2, 3]\n").expect("a file");
        let (ok, said) = bntt(&cluster, &folder, &["sweep", "trial.toml", "--slurm", "--cpus-per-task=1"]);
        assert!(ok && jobs(&said).len() == 2 && said.contains(": 4 runs; "), "{said}");
        wait("the end", &cluster, || cluster.says("squeue", &["-h"]).trim().is_empty());
        let (_, status) = bntt(&cluster, &folder, &["sweep", "trial.toml", "--status"]);
        let rows = status.lines().filter(|line| line.contains("completed") && line.contains("1/1"));
        assert_eq!(rows.count(), 4, "{name:?}: {status}\n{}", cluster.logs());
        // Three tasks, then one, each with its own log.
        for (task, seed) in [("0001/0", 0), ("0001/1", 1), ("0001/2", 2), ("0002/0", 3)] {
            let log = std::fs::read(folder.join(format!("runs/trial.slurm/{task}.log"))).expect("a log");
            let log = String::from_utf8_lossy(&log);
            assert!(log.contains("done: ") && log.contains(&format!("trial.seed{seed}/v0001")), "{name:?}: {log}");
        }
        assert!(!folder.join("runs/trial.slurm/0002/1.toml").exists());
    }
}
