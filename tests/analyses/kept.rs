//! What `eval`, `energy`, `attack` and `early-exit` leave in the run's folder, and tables that show it.

use super::Result;
use super::commands::{RUN, json, said, trained};
use serde_json::Value;
use std::path::Path;

/// The files of a command, the newest last.
fn kept(folder: &Path, command: &str) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder.join(RUN).join("analyses"))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&format!("{command}-")) {
            found.push(serde_json::from_str::<Value>(&std::fs::read_to_string(entry.path())?)?);
        }
    }
    found.sort_by_key(|analysis| analysis["ended"].as_str().map(String::from));
    Ok(found)
}

#[test]
fn commands_leave_their_numbers_with_the_checksum_of_the_weights_and_tables_show_them() -> Result {
    let folder = trained(&[])?;
    let folder = folder.path();
    let energy = json(folder, &["energy", RUN, "--format", "json"])?;
    let eval = json(folder, &["eval", RUN, "--format", "json"])?;
    let attack = json(folder, &["attack", RUN, "--fgsm", "--format", "json", "data.limit.test=20"])?;
    let exit = json(folder, &["early-exit", RUN, "--threshold", "2", "--format", "json"])?;

    let of_energy = kept(folder, "energy")?;
    let [analysis] = &of_energy[..] else { panic!("{of_energy:?}") };
    let progress = std::fs::read_to_string(folder.join(RUN).join("checkpoints/best/progress.toml"))?;
    let checksum = analysis["checkpoint"]["model_sha256"].as_str().unwrap_or_default();
    assert!(checksum.len() == 64 && progress.contains(checksum), "{analysis}");
    assert_eq!((&analysis["checkpoint"]["which"], &analysis["overrides"]), (&"best".into(), &Value::Array(vec![])));
    assert_eq!(analysis["results"], energy);
    let sum =
        |key: &str| energy["layers"].as_array().map(|all| all.iter().filter_map(|l| l[key].as_f64()).sum::<f64>());
    let ratio = sum("ann").zip(sum("formula")).map(|(ann, formula)| ann / formula);
    assert_eq!(analysis["measures"]["energy.ratio"].as_f64(), ratio);
    assert_eq!(analysis["measures"]["energy.counted"].as_f64(), sum("counted").map(|counted| counted / 1e6));

    // The same again takes the first one's place, other settings stand beside it.
    said(folder, &["energy", RUN])?;
    assert_eq!(kept(folder, "energy")?.len(), 1);
    said(folder, &["eval", RUN, "--draws", "2"])?;
    let of_eval = kept(folder, "eval")?;
    assert_eq!(of_eval.iter().map(|one| one["conditions"].to_string()).collect::<Vec<_>>(), ["[]", "[\"2 draws\"]"]);

    // A table has them all, and says with what they were measured.
    let column = |measure: &str| format!("[[columns]]\nlabel = '{measure}'\nmeasure = '{measure}'\n");
    let measures = ["energy.ratio", "attack.fgsm@8/255", "early_exit.accuracy", "early_exit.time_steps"];
    let columns: String = measures.map(column).concat();
    std::fs::write(
        folder.join("table.toml"),
        format!("head = 'run'\n[[rows]]\nlabel = 'small'\nconfig = 'small.toml'\n{columns}"),
    )?;
    let table = said(folder, &["table", "table.toml"])?;
    let attacked = attack["runs"][0]["rows"][1]["top1"]["mean"].as_f64().unwrap_or(f64::NAN);
    let at_exit = exit["steps"][0]["top1"].as_f64().unwrap_or(f64::NAN);
    for number in [ratio.unwrap_or(f64::NAN), attacked, at_exit, 1.0] {
        assert!(table.contains(&format!(" {number:.2} (n 1) |")), "{number:.2} in {table}");
    }
    assert!(table.contains("attack.fgsm@8/255 with data.limit.test=20."), "{table}");
    assert!(table.contains("early\\_exit.accuracy with every layer's gamma below 2."), "{table}");
    assert!(eval["top1"].is_number());
    Ok(())
}

#[test]
fn a_run_folder_that_cannot_be_written_to_is_measured_all_the_same() -> Result {
    let folder = trained(&[])?;
    let folder = folder.path();
    // Whoever is root may write anywhere, but not make a folder where a file lies.
    std::fs::write(folder.join(RUN).join("analyses"), "in the way")?;
    let output =
        std::process::Command::new(env!("CARGO_BIN_EXE_bntt")).current_dir(folder).args(["energy", RUN]).output()?;
    let errors = String::from_utf8(output.stderr)?;
    assert!(output.status.success() && errors.contains("no table will have them: "), "{errors}");
    assert!(String::from_utf8(output.stdout)?.contains("The ANN takes"));
    assert_eq!(std::fs::read_to_string(folder.join(RUN).join("analyses"))?, "in the way");
    Ok(())
}
