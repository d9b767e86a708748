//! The networks of docs/coming_from.md in other libraries give the logits of `bntt predict`. `BNTT_PYTHON` names a
//! Python that has them; otherwise `python3` is tried.

use candle_core::{Device, Tensor, safetensors};
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The text of the first fence with `info` that holds `part`.
fn example(info: &str, part: &str) -> Result<String> {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/coming_from.md"))?;
    let begin = format!("```{info}\n");
    let fences = page.split(&begin).skip(1).filter_map(|rest| rest.split("```").next());
    Ok(fences.into_iter().find(|text| text.contains(part)).ok_or("no such example")?.to_string())
}

fn bntt(folder: &Path, words: &[&str]) -> Result {
    let output = Command::new(env!("CARGO_BIN_EXE_bntt")).args(words).current_dir(folder).output()?;
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[test]
fn the_same_network_in_spikingjelly_and_snntorch_gives_the_same_logits() -> Result {
    let python = std::env::var("BNTT_PYTHON").unwrap_or("python3".into());
    let folder = tempfile::tempdir()?;
    let path = folder.path();
    std::fs::write(path.join("same.toml"), example("toml experiment", "name = \"same\"")?)?;
    bntt(path, &["run", "same.toml", "training.epochs=1", "data.limit.train=320", "training.device=cpu"])?;
    bntt(path, &["export", "runs/same/v0001", "--pytorch", "exported"])?;
    // What Python makes below: 20 images of 8 x 8 numbers from 0 to 1.
    let pixels: Vec<f32> = (0..20 * 64u32).map(|i| (i * 37 % 101) as f32 / 101.0).collect();
    let images = Tensor::from_vec(pixels, (20, 1, 8, 8), &Device::Cpu)?;
    safetensors::save(&HashMap::from([("images", images)]), path.join("in.safetensors"))?;
    bntt(path, &["predict", "runs/same/v0001", "--input", "in.safetensors", "--output", "out.safetensors"])?;
    let expected = safetensors::load(path.join("out.safetensors"), &Device::Cpu)?["logits"].to_vec2::<f32>()?;
    let largest = expected.iter().flatten().fold(0f32, |largest, logit| largest.max(logit.abs()));
    assert!(largest > 0.1, "logits of at most {largest}");

    for library in ["spikingjelly", "snntorch"] {
        if !Command::new(&python).args(["-c", &format!("import {library}")]).output().is_ok_and(|o| o.status.success())
        {
            println!("skipped: {python} has no {library}: install it, and name the Python in BNTT_PYTHON");
            continue;
        }
        let program = example("text", &format!("{library}."))?
            + "\nimport json\n\
            images = (torch.arange(20 * 64) * 37 % 101).float().div(101).view(20, 1, 8, 8)\n\
            print(json.dumps(logits(images).tolist()))";
        let output = Command::new(&python).args(["-c", &program]).current_dir(path).output()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout)?;
        let found: Vec<Vec<f32>> = serde_json::from_str(text.lines().last().unwrap_or_default())?;
        let pairs = found.iter().flatten().zip(expected.iter().flatten());
        let difference = pairs.fold(0f32, |largest, (found, expected)| largest.max((found - expected).abs()));
        assert!(found.len() == 20 && difference < 1e-5 * largest.max(1.0), "{library}: logits differ by {difference}");
        println!("{library}: logits differ by at most {difference}, of up to {largest}");
    }
    Ok(())
}
