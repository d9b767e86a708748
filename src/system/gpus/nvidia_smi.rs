//! What `nvidia-smi -L` says: a line a GPU, and one more for every part of a GPU that was divided (MIG).
//!
//! ```text
//! GPU 0: NVIDIA H200 (UUID: GPU-8932f937-d72c-4106-c12f-20bd9faed9f6)
//!   MIG 1g.18gb     Device  0: (UUID: MIG-2c3f1a70-5f0a-5d7e-9d2e-0f2f3b7a3c55)
//! ```

use std::io::{ErrorKind, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tracing::warn;

/// A driver in trouble answers late, or never.
const PATIENCE: Duration = Duration::from_secs(10);
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// GPUs; none where the program is absent or fails.
pub fn count(program: &Path) -> usize {
    list(program).lines().filter(|line| line.starts_with("GPU ") && uuid(line).is_some()).count()
}

/// The UUIDs of GPUs and of their parts, in order; none where the program is absent or fails.
pub fn uuids(program: &Path) -> Vec<String> {
    list(program).lines().filter_map(uuid).map(String::from).collect()
}

fn uuid(line: &str) -> Option<&str> {
    line.split_once("(UUID: ")?.1.split(')').next()
}

fn list(program: &Path) -> String {
    within(PATIENCE, program).unwrap_or_else(|problem| {
        warn!("`{} -L` does not list the GPUs: {problem}", program.display());
        String::new()
    })
}

/// What it says on standard output. Nothing where there is no such program.
fn within(limit: Duration, program: &Path) -> Result<String, String> {
    let mut command = Command::new(program);
    command.arg("-L").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = match command.spawn() {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(String::new()),
        spawned => spawned.map_err(|e| e.to_string())?,
    };
    let started = Instant::now();
    // Its list is shorter than what a pipe holds: it can end before anybody reads.
    let status = loop {
        match child.try_wait().map_err(|e| e.to_string())? {
            Some(status) => break status,
            None if started.elapsed() < limit => sleep(BETWEEN_LOOKS),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("it gave no answer within {} s", limit.as_secs_f64()));
            }
        }
    };
    let mut said = Vec::new();
    if let Some(mut output) = child.stdout.take() {
        output.read_to_end(&mut said).map_err(|e| e.to_string())?;
    }
    match status.success() {
        true => Ok(String::from_utf8_lossy(&said).into_owned()),
        false => Err(format!("it ended with {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::written_program::write_program;
    use std::path::PathBuf;

    fn program(folder: &Path, script: &str) -> PathBuf {
        let path = folder.join("nvidia-smi");
        write_program(&path, script);
        path
    }

    #[test]
    fn parts_of_a_gpu_have_uuids_and_do_not_count_and_what_fails_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let smi = program(
            folder.path(),
            "echo 'GPU 0: NVIDIA H200 (UUID: GPU-aa)'; echo '  MIG 1g.18gb     Device  0: (UUID: MIG-bb)'\n\
             echo 'GPU 1: NVIDIA H200 (UUID: GPU-cc)'",
        );
        assert_eq!((count(&smi), uuids(&smi)), (2, ["GPU-aa", "MIG-bb", "GPU-cc"].map(String::from).to_vec()));
        let smi = program(folder.path(), "echo 'GPU 0: NVIDIA H200 (UUID: GPU-aa)'; exit 9");
        assert_eq!(within(PATIENCE, &smi).unwrap_err(), "it ended with exit status: 9");
        assert_eq!((count(&smi), uuids(&smi)), (0, vec![]));
        assert_eq!(within(PATIENCE, &folder.path().join("absent")).unwrap(), "");
    }

    #[test]
    fn one_that_gives_no_answer_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let smi = program(folder.path(), "exec sleep 600");
        assert_eq!(within(Duration::from_millis(100), &smi).unwrap_err(), "it gave no answer within 0.1 s");
    }
}
