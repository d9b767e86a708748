//! `training.keep = "best"`: what a complete run keeps, at every moment of letting go of the rest.

use crate::trained::{copy, files, names};
use crate::workspace::Workspace;
use std::path::Path;

/// The folder of a run's checkpoints.
fn checkpoints(workspace: &Workspace, run: &str) -> Vec<(String, Vec<u8>)> {
    files(&workspace.path(run).join("checkpoints"))
}

const KEPT: [&str; 4] = ["best/model.safetensors", "best/progress.toml", "last/progress.toml", "last/records.toml"];

#[test]
fn a_complete_run_keeps_its_best_weights_and_all_that_is_read_of_them() {
    let workspace = Workspace::new();
    workspace.ok(&["run", "tiny.toml"]);
    let told = workspace.told(&["run", "tiny.toml", "training.keep=best"]);
    assert!(told.contains("training.keep: all but the best weights was let go, "), "{told}");
    let [all, best] = ["runs/tiny/v0001", "runs/tiny/v0002"];
    let [before, after] = [all, best].map(|run| checkpoints(&workspace, run));
    assert_eq!(before.len(), 4 + 4 + 3, "{:?}", names(&before));
    assert_eq!(names(&after), KEPT);
    assert!(before[0].0 == KEPT[0] && before[0] == after[0], "the weights are those of a run that keeps all");
    // Adam has two moments, which with the weights are three times these, thrice.
    let bytes = |files: &[(String, Vec<u8>)]| files.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
    let model = after[0].1.len();
    assert!(bytes(&after) < model + 2_500 && bytes(&before) > 8 * model, "{} of {}", bytes(&after), bytes(&before));
    assert!(!workspace.read(&format!("{all}/config.toml")).contains("keep"), "a config without the key is what it was");
    assert!(workspace.read(&format!("{best}/config.toml")).contains("keep = \"best\""));

    assert_eq!(workspace.ok(&["eval", best]), workspace.ok(&["eval", all]).replace(all, best));
    assert!(workspace.ok(&["compare", all, best]).matches("2/2").count() == 2);
    workspace.ok(&["report", best, "-o", "page.html"]);
    assert!(workspace.read("page.html").contains("The best checkpoint, epoch"));
    workspace.ok(&["recalibrate", best, "--batches", "2"]);
    workspace.ok(&["eval", best, "--checkpoint", "recalibrated"]);
    workspace.ok(&["export", best, "--pytorch", "exported"]);
    workspace.ok(&["run", "tiny.toml", "name=next", &format!("training.initial_weights={best}")]);
    let doctor = workspace.ok(&["doctor", best]);
    assert!(
        doctor.contains("complete: all 2 epochs are done")
            && doctor.contains("its weights were let go (training.keep)"),
        "{doctor}"
    );
    assert!(doctor.contains("checksums agree, weights alone"), "{doctor}");
    // Found as the same run, which has nothing to do.
    assert_eq!(workspace.ok(&["run", "tiny.toml", "training.keep=best", "--resume-or-start"]), format!("{best}\n"));

    for command in
        [&["eval", best, "--checkpoint", "last"][..], &["export", best, "--pytorch", "x", "--checkpoint", "last"]]
    {
        let told = workspace.refused(command);
        assert!(
            told.contains("has no weights any more: training.keep = \"best\" let go of all but the best weights"),
            "{told}"
        );
        assert!(told.contains("Use --checkpoint best."), "{told}");
    }
    let expected = "cannot go on: training.keep = \"best\" let go of its last weights and its optimizer's state when it was complete. \
                    Begin a new run, perhaps with training.initial_weights=runs/tiny/v0002.";
    assert!(workspace.refused(&["resume", best, "training.epochs=3"]).contains(expected));
    assert!(workspace.bntt(&["doctor", best, "training.epochs=3"]).status.code() == Some(2));
    assert_eq!(names(&checkpoints(&workspace, best))[..4], KEPT, "nothing was changed");
}

/// A whole run at `to`, of which a program was killed after so many moves of letting go.
fn killed_after(workspace: &Workspace, moves: usize, [whole, reduced]: [&Path; 2], to: &Path) {
    copy(whole, to);
    let path = |name: &str| to.join("checkpoints").join(name);
    let take = |name: &str, place: &str| copy(&reduced.join("checkpoints").join(name), &path(place));
    let replace = |name: &str| std::fs::remove_dir_all(path(name)).expect(name);
    let rename = |from: &str, to: &str| std::fs::rename(path(from), path(to)).expect(from);
    let all: [&dyn Fn(); 9] = [
        &|| std::fs::create_dir(path("last.new")).expect("a folder"),
        &|| take("last", "last.new"),
        &|| replace("last.previous"),
        &|| rename("last", "last.previous"),
        &|| rename("last.new", "last"),
        &|| replace("last.previous"),
        &|| take("best", "best.new"),
        &|| rename("best", "best.previous"),
        &|| rename("best.new", "best"),
    ];
    all.iter().take(moves).for_each(|next| next());
    let _ = workspace;
}

#[test]
fn a_run_that_is_killed_while_it_lets_go_is_complete_and_does_the_rest_when_it_is_resumed() {
    let workspace = Workspace::new();
    let whole = workspace.path("runs/tiny/v0001");
    workspace.ok(&["run", "tiny.toml"]);
    let [before, reduced] = [workspace.path("whole"), workspace.path("reduced")];
    copy(&whole, &before);
    // A run of before can let go, too.
    let told = workspace.told(&["resume", "runs/tiny", "training.keep=best"]);
    assert!(told.contains("all but the best weights was let go") && told.contains("all 2 epochs are done"), "{told}");
    assert_eq!(names(&checkpoints(&workspace, "runs/tiny/v0001")), KEPT);
    copy(&whole, &reduced);
    let expected = files(&reduced);
    assert_eq!(
        workspace.told(&["resume", "runs/tiny", "training.keep=best"]),
        "runs/tiny/v0001: all 2 epochs are done\n"
    );
    for moves in 0..=9 {
        std::fs::remove_dir_all(&whole).expect("a run");
        killed_after(&workspace, moves, [&before, &reduced], &whole);
        let doctor = workspace.ok(&["doctor", "runs/tiny", "training.keep=best"]);
        assert!(doctor.contains("complete: all 2 epochs are done") && !doctor.contains("WRONG"), "{moves}: {doctor}");
        assert!(doctor.contains("are to be let go (training.keep); `bntt resume` does so"), "{moves}: {doctor}");
        assert!(workspace.ok(&["list"]).contains("completed"));
        workspace.ok(&["resume", "runs/tiny", "training.keep=best"]);
        let found = files(&whole);
        assert_eq!(names(&found), names(&expected), "{moves}");
        for (found, expected) in found.iter().zip(&expected) {
            assert!(found == expected || found.0 == "lock", "{moves}: {} differs", found.0);
        }
    }
}

#[test]
fn a_run_without_whole_best_weights_keeps_all() {
    let workspace = Workspace::new();
    workspace.ok(&["run", "tiny.toml"]);
    let model = workspace.path("runs/tiny/v0001/checkpoints/best/model.safetensors");
    std::fs::write(&model, "damaged").expect("a file");
    let before = checkpoints(&workspace, "runs/tiny/v0001");
    workspace.refused(&["resume", "runs/tiny", "training.keep=best"]);
    assert!(checkpoints(&workspace, "runs/tiny/v0001") == before);
}
