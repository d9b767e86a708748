//! MLflow's file store: a folder of experiments, a folder a run in each, a file each for what is known of it.
//!
//! ```text
//! EXPERIMENT/meta.yaml
//! EXPERIMENT/RUN/meta.yaml
//! EXPERIMENT/RUN/params/network.time_steps        the value
//! EXPERIMENT/RUN/metrics/test/top1                a line a step: milliseconds, value, step
//! EXPERIMENT/RUN/tags/mlflow.runName              the value
//! ```
//!
//! Texts in the two `meta.yaml` are quoted as JSON quotes them, which YAML reads.

use super::{TrackedRun, milliseconds};
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::files::atomic::{self, create_folders, sha256_hex, write_atomically};
use crate::files::reading;
use crate::run::RunFolder;
use crate::run::labels::Labels;
use crate::run::provenance::{Outcome, Provenance};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Bytes of a `meta.yaml`.
const LARGEST_FILE: u64 = 1 << 16;

/// Where a run went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MlflowRun {
    /// MLflow's name of it: 32 hexadecimal digits.
    pub id: String,
    pub folder: PathBuf,
}

/// Writes a run into the file store `store`, in the experiment of the run's name, in place of what an earlier export of
/// the same run left there.
///
/// # Errors
/// [`Error::Io`] when it cannot be written, and those of reading the run.
pub fn export(run: &RunFolder, experiment: &Experiment, store: &Path) -> Result<MlflowRun> {
    let provenance = Provenance::load(&run.provenance())?;
    let tracked = TrackedRun::read(run, &provenance)?;
    let labels = Labels::load(run)?;
    create_folders(store)?;
    let store = store.canonicalize().map_err(Error::io("find", store))?;
    let name = run.name();
    let folder = experiment_folder(&store, &name)?;
    if !folder.join("meta.yaml").is_file() {
        create_folders(&folder)?;
        let meta = [
            ("artifact_location", Json::from(location(&folder))),
            ("creation_time", tracked.started.into()),
            ("experiment_id", last_name(&folder).into()),
            ("last_update_time", tracked.started.into()),
            ("lifecycle_stage", "active".into()),
            ("name", name.clone().into()),
        ];
        write_atomically(&folder.join("meta.yaml"), yaml(&meta).as_bytes())?;
    }
    let path = run.path().canonicalize().unwrap_or_else(|_| run.path().to_path_buf());
    let version = last_name(&path);
    let decides = format!("{name}/{version}/{}/{}", provenance.started, provenance.seed);
    let id: String = sha256_hex(decides.as_bytes()).chars().take(32).collect();
    let folder = folder.join(&id);
    atomic::remove_folder(&folder)?;
    let mut files: BTreeMap<PathBuf, String> = BTreeMap::new();
    let meta = meta_of_run(&folder, &id, &version, &tracked, &provenance)?;
    files.insert("meta.yaml".into(), yaml(&meta));
    let config = serde_json::to_value(experiment).map_err(|e| Error::Run(format!("config.toml: {e}.")))?;
    files.extend(params(&config).into_iter().map(|(key, value)| (Path::new("params").join(key), value)));
    files.extend(
        tags(&version, &labels, &provenance).into_iter().map(|(key, value)| (Path::new("tags").join(key), value)),
    );
    for step in &tracked.steps {
        for (key, value) in &step.scalars {
            let lines = files.entry(Path::new("metrics").join(key)).or_default();
            *lines += &format!("{} {value:?} {}\n", step.time, step.epoch);
        }
    }
    for (name, text) in &files {
        let path = folder.join(name);
        create_folders(path.parent().unwrap_or(&folder))?;
        write_atomically(&path, text.as_bytes())?;
    }
    // A run without one of these is none to MLflow.
    ["metrics", "params", "tags", "artifacts"].iter().try_for_each(|name| create_folders(&folder.join(name)))?;
    Ok(MlflowRun { id, folder })
}

/// The folder of the experiment `name`: the one that says so, or a new one whose number follows from the name.
fn experiment_folder(store: &Path, name: &str) -> Result<PathBuf> {
    for entry in fs::read_dir(store).map_err(Error::io("read", store))?.flatten() {
        let Ok(meta) = reading::text(&entry.path().join("meta.yaml"), LARGEST_FILE) else { continue };
        let named = meta.lines().find_map(|line| line.strip_prefix("name: "));
        if named.is_some_and(|found| found.trim().trim_matches(['"', '\'']) == name) {
            return Ok(entry.path());
        }
    }
    // MLflow's own numbers have 18 digits.
    let digits: String = sha256_hex(name.as_bytes()).chars().take(14).collect();
    let number = u64::from_str_radix(&digits, 16).unwrap_or_default();
    Ok(store.join(format!("{}", number.saturating_add(100_000_000_000_000_000))))
}

fn meta_of_run(
    folder: &Path,
    id: &str,
    version: &str,
    tracked: &TrackedRun,
    provenance: &Provenance,
) -> Result<[(&'static str, Json); 14]> {
    // MLflow's numbers: 1 running, 3 finished, 4 failed, 5 killed.
    let status = match provenance.outcome {
        Outcome::Running => 1,
        Outcome::Completed | Outcome::Converted | Outcome::Imported => 3,
        Outcome::Failed(_) => 4,
        Outcome::Interrupted => 5,
    };
    let ended = provenance.ended.as_deref().map(milliseconds).transpose()?;
    Ok([
        ("artifact_uri", location(&folder.join("artifacts")).into()),
        ("end_time", ended.into()),
        ("entry_point_name", "".into()),
        ("experiment_id", folder.parent().map(last_name).into()),
        ("lifecycle_stage", "active".into()),
        ("run_id", id.into()),
        ("run_name", version.into()),
        ("run_uuid", id.into()),
        ("source_name", "".into()),
        ("source_type", 4.into()),
        ("source_version", "".into()),
        ("start_time", tracked.started.into()),
        ("status", status.into()),
        ("user_id", "".into()),
    ])
}

fn tags(version: &str, labels: &Labels, provenance: &Provenance) -> Vec<(String, String)> {
    let mut tags = vec![("mlflow.runName".to_string(), version.to_string())];
    tags.extend(labels.note.clone().map(|note| ("mlflow.note.content".to_string(), note)));
    tags.extend(labels.tags.iter().map(|tag| (tag.clone(), String::new())));
    if let Some(session) = provenance.sessions.first() {
        tags.push(("bntt.version".into(), session.bntt_version.clone()));
        tags.push(("bntt.device".into(), session.device.clone()));
        let commit = session.git.as_ref().and_then(|git| git.commit.clone());
        tags.extend(commit.map(|commit| ("mlflow.source.git.commit".into(), commit)));
    }
    tags
}

/// The config's values by their dotted keys, as in `network.layers.3.pool.average`; lists of numbers are one.
fn params(config: &Json) -> Vec<(String, String)> {
    fn walk(key: &str, value: &Json, found: &mut Vec<(String, String)>) {
        let below = |name: &str| if key.is_empty() { name.to_string() } else { format!("{key}.{name}") };
        match value {
            Json::Null => {}
            Json::Object(entries) if !entries.is_empty() => {
                entries.iter().for_each(|(name, value)| walk(&below(name), value, found));
            }
            Json::Array(items) if items.iter().any(|item| !item.is_number()) => {
                items.iter().enumerate().for_each(|(index, item)| walk(&below(&index.to_string()), item, found));
            }
            Json::String(text) => found.push((key.to_string(), text.clone())),
            other => found.push((key.to_string(), other.to_string())),
        }
    }
    let mut found = Vec::new();
    walk("", config, &mut found);
    found
}

fn yaml(pairs: &[(&str, Json)]) -> String {
    pairs.iter().map(|(key, value)| format!("{key}: {value}\n")).collect()
}

fn location(path: &Path) -> String {
    format!("file://{}", path.display())
}

fn last_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_dotted_keys() {
        let config = serde_json::json!({
            "seed": 0, "network": { "layers": ["flatten", { "pool": { "average": 2 } }, { "lif": {} }] },
            "schedule": { "milestones": { "at": [0.5, 0.7] } }, "absent": null,
        });
        let expected = [
            ("seed", "0"),
            ("network.layers.0", "flatten"),
            ("network.layers.1.pool.average", "2"),
            ("network.layers.2.lif", "{}"),
            ("schedule.milestones.at", "[0.5,0.7]"),
        ];
        assert_eq!(params(&config), expected.map(|(key, value)| (key.to_string(), value.to_string())));
    }
}
