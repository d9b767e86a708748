//! The pages of `bntt report` in a browser, and the files of `bntt plot`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const TINY: &str = "name = 'tiny'\n[data]\ndataset = 'digits'\nbatch_size = 16\nlimit = { train = 64, test = 40 }\n\
    [network]\ntime_steps = 4\nencoder = 'poisson'\n\
    layers = [ 'flatten', { linear = { features = 16 } }, 'bntt', 'lif', { linear = { features = 16 } }, 'bntt', 'lif', \
    { linear = { features = 'classes' } } ]\n\
    [optimizer]\nadam = { lr = 1e-3 }\n[training]\nepochs = 3\n";

const FIGURES: [&str; 7] =
    ["loss", "accuracy", "learning-rate", "firing-rates", "gamma", "gamma-histogram", "confusion"];

/// A folder in which the program runs.
struct Workspace(tempfile::TempDir);

impl Workspace {
    fn new() -> Self {
        let workspace = Self(tempfile::tempdir().expect("a folder"));
        workspace.write("tiny.toml", TINY);
        workspace
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect(name)
    }

    fn bntt(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bntt"));
        command.args(arguments).current_dir(self.0.path()).output().expect("the program")
    }

    /// Standard output of a command that must succeed.
    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.bntt(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

/// The page as the browser understood it, and its height over all: every console message fails the test. `None` without
/// a browser.
fn browsed(page: &Path) -> Option<String> {
    let found = Command::new("chromium").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        println!("SKIPPED: chromium is not installed, so that no browser looked at {}", page.display());
        return None;
    }
    let browse = |what: &[String]| {
        let profile = tempfile::tempdir().expect("a folder");
        let output = Command::new("chromium")
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"])
            .args(["--disable-background-networking", "--disable-component-update", "--enable-logging=stderr"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(what)
            .arg(format!("file://{}", page.display()))
            .output()
            .expect("chromium");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        let console: Vec<&str> = said.lines().filter(|line| line.contains("CONSOLE")).collect();
        assert_eq!(console, [""; 0], "the browser's console is not silent");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let picture = page.with_extension("png");
    for width in [400, 1300] {
        browse(&[format!("--screenshot={}", picture.display()), format!("--window-size={width},1000")]);
        assert!(fs::metadata(&picture).expect("a screenshot").len() > 10_000, "the page is empty at {width} pixels");
    }
    Some(browse(&["--dump-dom".into()]))
}

/// The part of a page from a figure's start to its end.
fn figure<'a>(page: &'a str, name: &str) -> &'a str {
    let start = page.find(&format!("<figure id=\"{name}\"")).unwrap_or_else(|| panic!("there is no figure {name}"));
    let length = page[start..].find("</figure>").expect("its end");
    &page[start..start + length]
}

/// Texts in a figure, without tags.
fn texts(figure: &str) -> Vec<&str> {
    let inside = |part: &'_ str| -> Option<(usize, usize)> { Some((part.find('>')? + 1, part.find("</text>")?)) };
    figure.split("<text").skip(1).filter_map(|part| inside(part).map(|(from, to)| part[from..to].trim())).collect()
}

fn stands_by_itself(page: &str) {
    for outside in ["http:", "https:", "<script", "<link", "<img", "@import", "url("] {
        assert!(!page.contains(outside), "the page holds {outside:?}");
    }
}

#[test]
fn the_page_of_a_run_has_every_figure_with_its_numbers_and_no_complaint_of_a_browser() {
    let workspace = Workspace::new();
    workspace.ok(&["run", "tiny.toml"]);
    workspace.ok(&["report", "runs/tiny", "-o", "report.html"]);
    let written = workspace.read("report.html");
    stands_by_itself(&written);
    let page = browsed(&workspace.path("report.html")).unwrap_or_else(|| written.clone());
    assert_eq!(page.matches("<svg").count(), FIGURES.len());
    for (name, title) in FIGURES.into_iter().zip([
        "Loss",
        "Top-1 accuracy",
        "Learning rate",
        "Firing rate by layer",
        "Mean gamma by layer and time-step",
        "Gamma of the channels by layer and time-step",
        "Confusion matrix",
    ]) {
        assert!(texts(figure(&page, name)).contains(&title), "{title:?} is not in {name}");
    }
    // A line of three epochs each: train and test, one a layer; of the learning rate a step of two ends an epoch.
    let lines = |name: &str, count: usize| {
        let points = figure(&page, name).split("<polyline").filter_map(|part| part.split("points=\"").nth(1));
        points
            .filter(|points| points.split('"').next().is_some_and(|points| points.split_whitespace().count() == count))
            .count()
    };
    assert_eq!(["loss", "accuracy", "firing-rates"].map(|name| lines(name, 3)), [2, 2, 2]);
    assert_eq!(lines("learning-rate", 6), 1);
    for layer in ["layers.3.lif", "layers.6.lif"] {
        assert!(texts(figure(&page, "firing-rates")).contains(&layer), "{layer}");
    }
    // Two layers at four time-steps.
    let gamma = figure(&page, "gamma");
    assert!(["layers.2.bntt", "layers.5.bntt", "4"].iter().all(|text| texts(gamma).contains(text)));
    let numbers =
        |figure: &str| texts(figure).iter().filter(|text| text.starts_with("0.9") || text.starts_with("1.0")).count();
    assert!(numbers(gamma) >= 8, "gammas that have hardly moved from 1: {:?}", texts(gamma));
    // The matrix is what `bntt eval` says of the same checkpoint.
    let evaluated = workspace.ok(&["eval", "runs/tiny"]);
    let top1 = evaluated.split("top-1 ").nth(1).and_then(|rest| rest.split(" %").next()).expect("top-1");
    assert!(
        figure(&page, "confusion").contains(&format!("40 images, one Poisson draw: {top1} % are right.")),
        "{evaluated}"
    );
    for words in [
        "chosen on the test images",
        "completed",
        "name = \"tiny\"",
        "SHA-256",
        "1,568",
        "3 of 3",
        "bntt run tiny.toml",
    ] {
        assert!(page.contains(words), "{words:?} is not on the page");
    }
}

#[test]
fn what_cannot_be_read_is_a_sentence_in_its_place() {
    let workspace = Workspace::new();
    workspace.ok(&["run", "tiny.toml", "training.epochs=1"]);
    let without_data = "data.dataset={ tensors = { train = 'gone', test = 'gone' } }";
    workspace.ok(&["report", "runs/tiny", without_data, "-o", "a.html"]);
    let page = workspace.read("a.html");
    assert!(
        page.contains("<figure class=\"absent\"><strong>Confusion matrix</strong>") && page.contains("gone"),
        "{page}"
    );
    assert_eq!(page.matches("<svg").count(), 6);
    workspace.ok(&["report", "runs/tiny", "--no-evaluation", "-o", "b.html"]);
    assert!(!workspace.read("b.html").contains("Confusion"));

    // A config that is no config, metrics that are none, provenance with markup, no checkpoint.
    let folder = workspace.path("runs/tiny/v0001");
    fs::remove_dir_all(folder.join("checkpoints")).expect("a folder");
    workspace.write("runs/tiny/v0001/config.toml", "name = <script>alert(1)</script>");
    workspace.write("runs/tiny/v0001/metrics.jsonl", "{}\n{}\n");
    let provenance =
        workspace.read("runs/tiny/v0001/provenance.json").replace("tiny.toml", "<script>alert(2)</script>");
    // As older versions wrote it, without a checksum of its own.
    let (_, old) =
        provenance.split_once("\"sha256\": ").and_then(|(_, rest)| rest.split_once(',')).expect("a checksum");
    workspace.write("runs/tiny/v0001/provenance.json", &format!("{{{old}"));
    workspace.ok(&["report", "runs/tiny", "-o", "c.html"]);
    let page = workspace.read("c.html");
    stands_by_itself(&page);
    assert_eq!((page.matches("<svg").count(), page.matches("class=\"absent\"").count()), (0, 6));
    assert!(page.contains("metrics.jsonl line 1") && page.contains("alert(1)") && page.contains("alert(2)"), "{page}");
    if let Some(page) = browsed(&workspace.path("c.html")) {
        assert!(!page.contains("<script"), "{page}");
    }
}

#[test]
fn the_page_of_a_sweep_averages_seeds_and_names_what_was_not_run() {
    let workspace = Workspace::new();
    workspace.write(
        "trial.toml",
        "base = 'tiny.toml'\nset = { 'training.epochs' = 2 }\nseeds = [1, 2]\ngrid = { 'network.time_steps' = [2, 3] }\n",
    );
    workspace.ok(&["report", "trial.toml", "-o", "none.html"]);
    assert!(workspace.read("none.html").contains("No run of the sweep has completed an epoch yet."));
    let run = |steps: &str, seed: &str| {
        let name = format!("name=trial.time_steps{steps}.seed{seed}");
        let [steps, seed] = [format!("network.time_steps={steps}"), format!("seed={seed}")];
        workspace.ok(&["run", "tiny.toml", "training.epochs=2", &steps, &seed, &name]);
    };
    run("2", "1");
    run("2", "2");
    run("3", "1");
    workspace.ok(&["report", "trial.toml", "-o", "sweep.html"]);
    let written = workspace.read("sweep.html");
    stands_by_itself(&written);
    let page = browsed(&workspace.path("sweep.html")).unwrap_or(written);
    for words in ["3 of 4 completed", "not run", "network.time_steps", "1 of 2", "sample standard deviation"] {
        assert!(page.contains(words), "{words:?} is not on the page");
    }
    let top1 = |run: &str| -> f64 {
        let metrics = workspace.read(&format!("runs/{run}/v0001/metrics.jsonl"));
        let last: serde_json::Value = serde_json::from_str(metrics.lines().last().expect("a line")).expect("JSON");
        last["test"]["top1"].as_f64().expect("a number")
    };
    let [a, b] = ["trial.time_steps2.seed1", "trial.time_steps2.seed2"].map(top1);
    let expected = format!("{:.2} ± {:.2}", (a + b) / 2.0, (a - b).abs() / 2f64.sqrt());
    assert!(page.contains(&expected), "{expected} is not on the page");
    let accuracy = figure(&page, "test-accuracy");
    assert!(texts(accuracy).contains(&"time_steps 2") && texts(accuracy).contains(&"time_steps 3"), "{accuracy}");
    // The setting with two seeds has a band.
    assert!(accuracy.matches("<polygon").count() >= 1, "{accuracy}");
    assert_eq!(page.matches("<svg").count(), 3);

    for (arguments, expected) in [
        (&["report", "tiny.toml", "-o", "x.html"][..], "tiny.toml is an experiment's file. Name the folder of its run"),
        (&["report", "trial.toml", "seed=3", "-o", "x.html"], "seed=3: values belong to a run"),
        (&["report", "trial.toml", "-o", "gone/x.html"], "gone/x.html cannot be written: there is no folder gone."),
        (&["plot", "trial.toml", "-o", "tiny.toml"], "tiny.toml: expected a folder for the figures, found a file."),
    ] {
        let refused = workspace.bntt(arguments);
        let message = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{message}");
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn plot_writes_the_same_figures_as_svg_with_real_text_and_as_png_with_ink() {
    let workspace = Workspace::new();
    workspace.ok(&["run", "tiny.toml", "training.epochs=2"]);
    let said = workspace.ok(&["plot", "runs/tiny", "-o", "figures/of/tiny", "--scale", "1"]);
    for name in FIGURES {
        assert!(said.contains(&format!("{name}.svg")) && said.contains(&format!("{name}.png")), "{said}");
        let svg = workspace.read(&format!("figures/of/tiny/{name}.svg"));
        assert!(
            svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"") && svg.contains("<text"),
            "{svg}"
        );
        let picture = workspace.path(&format!("figures/of/tiny/{name}.png"));
        let picture = resvg::tiny_skia::Pixmap::load_png(picture).expect("a PNG");
        assert!(picture.width() >= 600);
        // The title's letters are dark; without a font its line would be white.
        let title = picture.pixels().iter().take(34 * picture.width() as usize);
        let dark = title.filter(|pixel| pixel.red() < 100).count();
        assert!(dark > 100, "{name}: {dark} dark pixels in the title");
    }
    let again = workspace.bntt(&[
        "plot",
        "runs/tiny",
        "-o",
        "figures",
        "data.dataset={ tensors = { train = 'gone', test = 'gone' } }",
    ]);
    let message = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(again.status.success() && message.contains("not drawn: Confusion matrix: "), "{message}");
}
