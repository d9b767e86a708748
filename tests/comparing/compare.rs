//! `bntt compare`.

use crate::workspace::Workspace;

const NOTE: &str = "Top-1 accuracy on the test images; the best epoch is chosen on the test images. The firing rate is the last epoch's, in \
                    spikes per neuron and time-step, the mean over the LIF layers.\n";

fn two_runs() -> Workspace {
    let workspace = Workspace::new();
    workspace.run(&["name=a", "network.lif.leak=0.9"], &[50.0, 60.5]);
    workspace.run(&["name=b"], &[70.25, 65.0]);
    workspace
}

/// The first column of a table in text, without its head.
fn names(text: &str) -> Vec<&str> {
    let rows = text.lines().take_while(|line| !line.is_empty()).skip(1);
    rows.filter_map(|row| row.split_whitespace().next()).collect()
}

#[test]
fn the_text_shows_what_differs_and_what_came_of_it_the_best_first() {
    let workspace = two_runs();
    let expected = "\
run      state      network.lif.leak  epochs  final top-1  best top-1  at epoch  firing rate   time
b/v0001  completed              0.95     2/2      65.00 %     70.25 %         1       0.3750  3.0 s
a/v0001  completed               0.9     2/2      60.50 %     60.50 %         2       0.3750  3.0 s

";
    // Folders of a name, and of a version.
    assert_eq!(workspace.ok(&["compare", "runs/a", "runs/b/v0001"]), format!("{expected}{NOTE}"));
}

#[test]
fn the_newest_version_stands_for_a_name() {
    let workspace = two_runs();
    workspace.run(&["name=a", "network.lif.leak=0.8"], &[10.0]);
    let text = workspace.ok(&["compare", "runs/a", "runs/b"]);
    assert_eq!(names(&text), ["b/v0001", "a/v0002"]);
    assert!(text.contains("a/v0002  interrupted               0.8     1/2      10.00 %"), "{text}");
}

#[test]
fn markdown_csv_and_json_hold_the_same() {
    let workspace = two_runs();
    let markdown = "\
| run     | state     | network.lif.leak | epochs | final top-1 | best top-1 | at epoch | firing rate |  time |
| ------- | --------- | ---------------- | -----: | ----------: | ---------: | -------: | ----------: | ----: |
| b/v0001 | completed | 0.95             |    2/2 |     65.00 % |    70.25 % |        1 |      0.3750 | 3.0 s |
| a/v0001 | completed | 0.9              |    2/2 |     60.50 % |    60.50 % |        2 |      0.3750 | 3.0 s |

";
    assert_eq!(workspace.ok(&["compare", "runs/a", "runs/b", "--format", "markdown"]), format!("{markdown}- {NOTE}"));
    let csv = "run,path,state,problem,network.lif.leak,epochs_done,epochs,final_top1,final_epoch,best_top1,best_epoch,firing_rate,seconds\r\n\
               b/v0001,runs/b/v0001,completed,,0.95,2,2,65.0,2,70.25,1,0.375,3.0\r\n\
               a/v0001,runs/a/v0001,completed,,0.9,2,2,60.5,2,60.5,2,0.375,3.0\r\n";
    assert_eq!(workspace.ok(&["compare", "runs/a", "runs/b", "--format", "csv"]), csv);
    let json: serde_json::Value =
        serde_json::from_str(&workspace.ok(&["compare", "runs/a", "runs/b", "--format", "json"])).expect("JSON");
    let expected = serde_json::json!({
        "differences": ["network.lif.leak"],
        "runs": [
            { "run": "b/v0001", "path": "runs/b/v0001", "state": "completed", "problem": null, "settings": { "network.lif.leak": 0.95 },
              "epochs_done": 2, "epochs": 2, "final_top1": 65.0, "final_epoch": 2, "best_top1": 70.25, "best_epoch": 1,
              "firing_rate": 0.375, "seconds": 3.0 },
            { "run": "a/v0001", "path": "runs/a/v0001", "state": "completed", "problem": null, "settings": { "network.lif.leak": 0.9 },
              "epochs_done": 2, "epochs": 2, "final_top1": 60.5, "final_epoch": 2, "best_top1": 60.5, "best_epoch": 2,
              "firing_rate": 0.375, "seconds": 3.0 },
        ],
    });
    assert_eq!(json, expected);
}

#[test]
fn runs_are_sorted_by_accuracy_name_or_any_key() {
    let workspace = Workspace::new();
    workspace.run(&["name=a", "network.time_steps=10", "seed=3"], &[50.0, 60.0]);
    workspace.run(&["name=b", "network.time_steps=9", "seed=2"], &[70.0, 40.0]);
    workspace.run(&["name=c", "network.time_steps=100", "seed=1"], &[20.0, 65.0]);
    workspace.run(&["name=d", "network.time_steps=2", "seed=4"], &[]);
    let sorted = |by: &str| {
        let text = workspace.ok(&["compare", "runs/d", "runs/c", "runs/b", "runs/a", "--sort", by]);
        names(&text).iter().map(|name| name[..1].to_string()).collect::<String>()
    };
    for (by, expected) in
        [("best", "bcad"), ("final", "cabd"), ("name", "abcd"), ("network.time_steps", "dbac"), ("seed", "cbad")]
    {
        assert_eq!(sorted(by), expected, "{by}");
    }
}

#[test]
fn conditions_compare_values_as_toml_and_all_must_hold() {
    let workspace = Workspace::new();
    workspace.run(&["name=a", "network.lif.leak=0.5", "network.time_steps=10"], &[60.0, 60.0]);
    workspace.run(&["name=b", "network.lif.leak=0.5"], &[50.0, 50.0]);
    workspace.run(&["name=c", "network.encoder=direct", "network.time_steps=10"], &[40.0, 40.0]);
    let kept = |conditions: &[&str]| {
        let mut arguments = vec!["compare", "runs/a", "runs/b", "runs/c"];
        arguments.extend(conditions.iter().flat_map(|condition| ["--where", condition]));
        let text = workspace.ok(&arguments);
        names(&text).iter().map(|name| name[..1].to_string()).collect::<String>()
    };
    for (conditions, expected) in [
        (&["network.lif.leak=0.50"][..], "ab"),
        (&["network.time_steps=10.0"], "ac"),
        (&["network.lif.leak=0.5", "network.time_steps=10"], "a"),
        (&["network.encoder=direct"], "c"),
        (&["network.encoder=poisson"], "ab"),
        (&["network.layers[1].linear.features=10"], "abc"),
    ] {
        assert_eq!(kept(conditions), expected, "{conditions:?}");
    }
    let none = workspace.ok(&["compare", "runs/a", "runs/b", "--where", "seed=7"]);
    assert_eq!(none, "no run has these values: leave out a --where\n");
}

#[test]
fn a_broken_run_is_listed_with_a_word_beside_the_others() {
    let workspace = two_runs();
    let broken = workspace.run(&["name=c"], &[]);
    std::fs::write(broken.config(), "not a config").expect("a file");
    let lost = workspace.run(&["name=d"], &[99.0, 99.0]);
    std::fs::remove_file(lost.config()).expect("a file");
    let garbled = workspace.run(&["name=e"], &[99.0, 99.0]);
    std::fs::write(garbled.metrics_jsonl(), "{}\n{}\n").expect("a file");
    workspace.write("runs/README.md", "no run");
    let runs = ["a", "b", "c", "d/v0001", "e", "none", "README.md"].map(|name| format!("runs/{name}"));
    let arguments: Vec<&str> = std::iter::once("compare").chain(runs.iter().map(String::as_str)).collect();
    let text = workspace.ok(&arguments);
    let rows: Vec<Vec<&str>> = text.lines().skip(1).take(7).map(|row| row.split_whitespace().collect()).collect();
    assert_eq!(rows[0][..3], ["b/v0001", "completed", "0.95"]);
    assert_eq!(rows[1][..3], ["a/v0001", "completed", "0.9"]);
    let words: Vec<String> = rows[2..].iter().map(|row| row.join(" ")).collect();
    assert_eq!(
        words,
        [
            "c/v0001 damaged - 0",
            "e/v0001 damaged 0.95 0/2",
            "runs/README.md no run -",
            "runs/d/v0001 damaged -",
            "runs/none missing -"
        ]
    );
    for problem in [
        "runs/c/v0001/config.toml:1:5: this is not valid TOML: this key has no value",
        "runs/e/v0001 is damaged",
        "it is a file",
        "there is nothing there",
    ] {
        assert!(text.contains(problem), "{problem} in {text}");
    }
}

#[test]
fn lists_of_layers_differ_by_path_and_never_whole() {
    let workspace = two_runs();
    workspace.run(&["name=c", "network.layers=['flatten', 'lif', { linear = { features = 'classes' } }]"], &[1.0, 2.0]);
    workspace.run(&["name=d", "network.layers[2]=tdbn"], &[1.0, 2.0]);
    let text = workspace.ok(&["compare", "runs/b", "runs/c"]);
    let rows: Vec<String> =
        text.lines().take(3).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert!(rows[0].starts_with("run state network.layers[1] network.layers[2] epochs"), "{text}");
    assert!(rows[1].starts_with("b/v0001 completed linear { features = 10, bias = false } bntt 2/2"), "{text}");
    assert!(rows[2].starts_with("c/v0001 completed - - 2/2"), "{text}");
    let text = workspace.ok(&["compare", "runs/b", "runs/d", "--sort", "name"]);
    let rows: Vec<Vec<&str>> = text.lines().take(3).map(|line| line.split_whitespace().take(3).collect()).collect();
    assert_eq!(
        rows,
        [["run", "state", "network.layers[2]"], ["b/v0001", "completed", "bntt"], ["d/v0001", "completed", "tdbn"]]
    );
}

#[test]
fn variants_are_a_column_a_condition_and_an_order_of_a_sweep_and_of_its_runs() {
    let workspace = Workspace::new();
    let sweep = "base = 'base.toml'\nseeds = [0, 1]\n[variants]\nBNTT = {}\n\
                 'no norm' = { 'network.layers[2]' = 'batch_norm', 'optimizer.sgd.lr' = 0.03 }\n";
    workspace.write("norms.toml", sweep);
    let begun = |arguments: &[&str]| {
        let text = workspace.ok(&[&["compare"], arguments].concat());
        let rows = text.lines().take_while(|line| !line.is_empty());
        rows.map(|row| {
            row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(String::from).collect::<Vec<_>>()
        })
        .collect::<Vec<_>>()
    };
    let expected = [
        ["run", "state", "variant", "seed"],
        ["norms.BNTT.seed0", "not run", "BNTT", "0"],
        ["norms.BNTT.seed1", "not run", "BNTT", "1"],
        ["norms.no_norm.seed0", "not run", "no norm", "0"],
        ["norms.no_norm.seed1", "not run", "no norm", "1"],
    ];
    let found = begun(&["norms.toml", "--sort", "variant"]);
    assert_eq!(found.iter().map(|row| &row[..4]).collect::<Vec<_>>(), expected);
    let found = begun(&["norms.toml", "--where", "variant=no norm"]);
    assert_eq!(
        found.iter().map(|row| &row[..3]).collect::<Vec<_>>(),
        [["run", "state", "seed"], ["norms.no_norm.seed0", "not run", "0"], ["norms.no_norm.seed1", "not run", "1"]]
    );

    // Runs by themselves, whose records tell the variant.
    for number in ["0", "2"] {
        workspace.ok(&["sweep", "norms.toml", "--only", number]);
    }
    let runs = ["runs/norms.BNTT.seed0", "runs/norms.no_norm.seed0"];
    let found = begun(&[&runs[..], &["--sort", "variant"]].concat());
    assert_eq!(
        found.iter().map(|row| &row[..4]).collect::<Vec<_>>(),
        [
            ["run", "state", "variant", "epochs"],
            ["norms.BNTT.seed0/v0001", "completed", "BNTT", "2/2"],
            ["norms.no_norm.seed0/v0001", "completed", "no norm", "2/2"]
        ]
    );
    let json = workspace.ok(&["compare", runs[0], runs[1], "--where", "variant=BNTT", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        (json["differences"].clone(), json["runs"][0]["run"].clone()),
        (serde_json::json!([]), "norms.BNTT.seed0/v0001".into())
    );
    let list: serde_json::Value = serde_json::from_str(&workspace.ok(&["list", "--format", "json"])).expect("JSON");
    assert_eq!((list[0]["variant"].as_str(), list[1]["variant"].as_str()), (Some("BNTT"), Some("no norm")));

    // Beside a run of no sweep all is told.
    workspace.run(&["name=alone"], &[50.0, 60.0]);
    let found = begun(&["runs/norms.no_norm.seed0", "runs/alone", "--sort", "name"]);
    assert_eq!(found[0][..5], ["run", "state", "variant", "network.layers[2]", "optimizer.sgd.lr"]);
    assert_eq!(found[1][..5], ["alone/v0001", "completed", "-", "bntt", "0.1"]);
    let message = workspace.refused(&["compare", "runs/alone", "--where", "variant=BNTT"]);
    assert!(message.contains("--where variant: no run has one."), "{message}");
}

#[test]
fn a_sweep_is_compared_with_the_runs_that_are_still_to_come() {
    let workspace = Workspace::new();
    workspace.write("leaks.toml", "base = 'base.toml'\ngrid = { 'network.lif.leak' = [0.5, 0.9] }\nseeds = [1]\n");
    workspace.run(&["network.lif.leak=0.9", "seed=1", "name=leaks.leak0.9.seed1"], &[80.0, 81.0]);
    let text = workspace.ok(&["compare", "leaks.toml"]);
    let rows: Vec<String> =
        text.lines().skip(1).take(2).map(|row| row.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        rows,
        [
            "leaks.leak0.9.seed1/v0001 completed 0.9 2/2 81.00 % 81.00 % 2 0.3750 3.0 s",
            "leaks.leak0.5.seed1 not run 0.5"
        ]
    );
    assert_eq!(
        names(&workspace.ok(&["compare", "leaks.toml", "--where", "network.lif.leak=0.5"])),
        ["leaks.leak0.5.seed1"]
    );
    assert!(workspace.ok(&["compare", "leaks.toml", "--runs", "elsewhere"]).contains("leaks.leak0.9.seed1  not run"));
}
