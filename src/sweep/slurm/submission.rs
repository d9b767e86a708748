//! One job array and its folder: `0001`, `0002`, ... below `<runs>/<sweep>.slurm`.

use super::{Job, commands, script::Paths};
use crate::config::read_table;
use crate::error::{Error, Result};
use crate::files::atomic::{create_folders, sync_folder, write_and_sync, write_atomically};
use crate::files::reading;
use crate::sweep::{Sweep, SweepRun};
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder that is removed unless its job was submitted.
pub struct Submission {
    folder: PathBuf,
    job: Option<String>,
    runs: usize,
    output: OsString,
}

impl Submission {
    /// Writes down the experiments of `due` and the script, in a new folder below `container`.
    pub fn prepare(container: &Path, sweep: &Sweep, due: &[&SweepRun], runs: &Path) -> Result<Self> {
        create_folders(container)?;
        let mut made = Self { folder: new_folder(container)?, job: None, runs: due.len(), output: OsString::new() };
        let absolute = |path: &Path| std::path::absolute(path).map_err(Error::io("find", path));
        let paths = Paths {
            here: &std::env::current_dir().map_err(Error::io("find", "the current folder"))?,
            program: &std::env::current_exe().map_err(Error::io("find", "this program"))?,
            folder: &made.folder,
            runs: &absolute(runs)?,
            sweep: &absolute(&sweep.path)?,
        };
        let output = paths.output();
        write_and_sync(&made.script(), &paths.script()?)?;
        for (index, run) in due.iter().enumerate() {
            write_and_sync(&made.config(index), run.checked.experiment.to_toml()?.as_bytes())?;
            run.membership.write_beside(&made.config(index))?;
        }
        sync_folder(&made.folder)?;
        sync_folder(container)?;
        made.output = output;
        Ok(made)
    }

    /// Hands it to sbatch.
    pub fn submit(mut self, name: &str, options: &[String]) -> Result<Job> {
        let mut command = Command::new("sbatch");
        let mut output = OsString::from("--output=");
        output.push(&self.output);
        let array = format!("--array=0-{}", self.runs.saturating_sub(1));
        // What stands later counts: the user's options.
        command.args(["--parsable", &array]).arg(format!("--job-name={name}")).arg(output);
        let number = commands::sbatch(command.args(options).arg(self.script()))?;
        self.job = Some(number.clone());
        let recorded = write_atomically(&self.folder.join("job"), format!("{number}\n").as_bytes());
        recorded.map_err(|error| {
            Error::Run(format!(
                "{error}\n{} runs were submitted all the same: `scancel {number}` cancels them.",
                self.runs
            ))
        })?;
        Ok(Job { number, runs: self.runs })
    }

    /// Those that were submitted, in order.
    pub fn all(container: &Path) -> Result<Vec<Self>> {
        let submitted = |(_, folder): (u32, PathBuf)| {
            let job = reading::text(&folder.join("job"), 1 << 10).ok()?.trim().to_string();
            Some(Self { folder, job: Some(job), runs: 0, output: OsString::new() })
        };
        Ok(numbered(container)?.into_iter().filter_map(submitted).collect())
    }

    pub fn job(&self) -> Option<&str> {
        self.job.as_deref()
    }

    /// The name of a task's run.
    pub fn name(&self, index: usize) -> Option<String> {
        let config = read_table(&self.config(index)).ok()?;
        Some(config.get("name")?.as_str()?.to_string())
    }

    /// The experiment of a task.
    pub fn config(&self, index: usize) -> PathBuf {
        self.folder.join(format!("{index}.toml"))
    }

    fn script(&self) -> PathBuf {
        self.folder.join("array.sh")
    }
}

impl Drop for Submission {
    fn drop(&mut self) {
        if self.job.is_none() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Makes the folder of the next number; two processes at once get two.
fn new_folder(container: &Path) -> Result<PathBuf> {
    let mut number = numbered(container)?.last().map_or(0, |&(number, _)| number);
    loop {
        number = number.checked_add(1).ok_or_else(|| Error::Run(format!("{} is full.", container.display())))?;
        let folder = container.join(format!("{number:04}"));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Error::io("create", &folder)(e)),
        }
    }
}

fn numbered(container: &Path) -> Result<Vec<(u32, PathBuf)>> {
    let entries = match fs::read_dir(container) {
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Vec::new()),
        entries => entries.map_err(Error::io("read", container))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::io("read", container))?;
        if let Some(Ok(number)) = entry.file_name().to_str().map(str::parse) {
            found.push((number, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}
