//! What a task does, as a shell's script.

use crate::error::{Error, Result};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// The paths that stand in a script; absolute, since a task may start elsewhere.
pub struct Paths<'a> {
    /// Where `bntt sweep` was started.
    pub here: &'a Path,
    pub program: &'a Path,
    /// Of the submission.
    pub folder: &'a Path,
    pub runs: &'a Path,
    pub sweep: &'a Path,
}

/// SLURM's settings, which the user's options go over.
const HEAD: &str = "#!/bin/sh
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@60
# A run of a sweep; signals reach it, and one that stops for the end of its time is queued again.
";

const BEFORE: &str = r#"again=
trap 'again=yes; kill -USR1 "$run"' USR1
trap 'kill -TERM "$run"' TERM
"#;

const AFTER: &str = r#" &
run=$!
wait "$run"
code=$?
while kill -0 "$run" 2>/dev/null; do
    wait "$run"
    code=$?
done
if [ -n "$again" ] && [ "$code" = 0 ]; then
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
fi
exit "$code"
"#;

/// The task's own part of a file's name.
const TASK: &[u8] = br#"/"$SLURM_ARRAY_TASK_ID""#;

impl Paths<'_> {
    /// What sbatch gets. POSIX shell.
    ///
    /// # Errors
    /// [`Error::Run`] for a path with a line break of DOS, which sbatch takes for a script of DOS.
    pub fn script(&self) -> Result<Vec<u8>> {
        let [here, program, folder, runs, sweep] =
            [self.here, self.program, self.folder, self.runs, self.sweep].map(quoted);
        let mut script = [HEAD.as_bytes(), b"cd ", &here, b" || exit 1\n"].concat();
        if is_escaped(self.folder) {
            script.extend([b"exec >>", &folder[..], TASK, b".log 2>&1\n"].concat());
        }
        script.extend(BEFORE.as_bytes());
        script.extend([&program[..], b" run ", &folder, TASK, b".toml --runs ", &runs].concat());
        script.extend([b" --resume-or-start --of-sweep ", &sweep[..]].concat());
        script.extend(AFTER.as_bytes());
        match script.windows(2).any(|pair| pair == b"\r\n") {
            true => Err(Error::Run(format!(
                "{}: SLURM cannot be given a path with a line break of DOS (carriage return, line feed). Rename its folder.",
                self.folder.display()
            ))),
            false => Ok(script),
        }
    }

    /// The file that SLURM writes a task's output to, as its option has it.
    pub fn output(&self) -> OsString {
        if is_escaped(self.folder) {
            return "/dev/null".into();
        }
        let mut pattern = Vec::new();
        for &byte in self.folder.as_os_str().as_bytes() {
            pattern.extend(if byte == b'%' { &b"%%"[..] } else { std::slice::from_ref(&byte) });
        }
        OsString::from_vec([&pattern[..], b"/%a.log"].concat())
    }
}

/// Whether SLURM would take a backslash out of the path, and leave its `%a` as it is: then the script itself sends its
/// output to the file.
fn is_escaped(path: &Path) -> bool {
    path.as_os_str().as_bytes().contains(&b'\\')
}

fn quoted(path: &Path) -> Vec<u8> {
    let mut quoted = vec![b'\''];
    for &byte in path.as_os_str().as_bytes() {
        quoted.extend(if byte == b'\'' { &br"'\''"[..] } else { std::slice::from_ref(&byte) });
    }
    quoted.push(b'\'');
    quoted
}
