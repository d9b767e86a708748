//! Names that would clear a terminal: of folders, files, classes, variants, settings, in TOML and on the command line.
//! None reaches one.

use super::workspace::Workspace;
use std::path::Path;

/// Clears the screen; the second is one character that terminals take for the first's beginning.
const CLEAR: &str = "\u{1b}[2J";
const SHORT: &str = "\u{9b}2J";

/// A recording of 50 ms in which a pixel of a column, or of the next, gets brighter every millisecond.
fn recording(column: u32) -> Vec<u8> {
    let mut bytes = b"#!AER-DAT2.0\r\n".to_vec();
    for ms in 0..50u32 {
        let address = (ms % 128) << 8 | (column + ms % 2) << 1;
        bytes.extend([address.to_be_bytes(), (ms * 1000).to_be_bytes()].concat());
    }
    bytes
}

fn harmless(text: &str, what: &str) {
    let found = text.chars().find(|&c| c == '\u{1b}' || c == '\u{9b}');
    assert!(found.is_none(), "{what}: {text:?}");
}

#[test]
fn no_name_steers_a_terminal_whatever_it_is_the_name_of() {
    let workspace = Workspace::new();
    let (data, runs) = (format!("da{CLEAR}ta"), format!("ru{CLEAR}ns"));
    let classes = [format!("up{CLEAR}"), format!("down{SHORT}")];
    for (label, class) in (0..).zip(&classes) {
        for session in ["one", "two"] {
            workspace.write(&format!("{data}/{session}/{class}.aedat"), recording(20 + 60 * label));
        }
    }
    workspace.write(
        "events.toml",
        "name = 'events'\n[data]\nbatch_size = 2\n[data.dataset.dvs_recordings]\npath = \"da\\u001b[2Jta\"\ntrain = 'one'\ntest = 'two'\n\
         classes = [\"up\\u001b[2J\", \"down\\u009b2J\"]\nwindow_ms = 10\nframes = { size = 16 }\n[network]\ntime_steps = 2\nencoder = 'none'\n\
         layers = [ 'flatten', { linear = { features = 8 } }, 'bntt', 'lif', { linear = { features = 'classes' } } ]\n\
         [optimizer]\nadam = { lr = 1e-3 }\n[training]\nepochs = 1\n",
    );
    let sweep = format!("sw{CLEAR}.toml");
    workspace.write(
        &sweep,
        "base = 'events.toml'\nname = 'sweep'\n[variants]\n\"a\\u001b[2J\" = {}\n\"b\\u009b2J\" = { 'network.lif.leak' = 0.5 }\n",
    );
    workspace.write("raw.toml", format!("name = 'raw'\ndata = \"{CLEAR}\n"));
    workspace.write("key.toml", "name = 'key'\n[data]\n\"ba\\u001b[2Jtch\" = 3\n\"\\u009b2J\" = 4\n");
    workspace.write("name.toml", "name = \"na\\u001b[2Jme\"\n");
    let run = format!("{runs}/events/v0001");
    let say = |line: &[&str], expected: i32| {
        let output = workspace.command(line).output().expect("the program");
        let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(expected), "{line:?}: {said}{errors}");
        harmless(&said, &format!("output of {line:?}"));
        harmless(&errors, &format!("errors of {line:?}"));
        format!("{said}{errors}")
    };
    let config = format!("data.dataset.dvs_recordings.path={data}");
    say(&["run", "events.toml", "--runs", &runs, &config], 0);
    say(&["list", "--runs", &runs], 0);
    say(&["doctor", &run], 0);
    say(&["check", "events.toml"], 0);
    say(&["eval", &run], 0);
    say(&["early-exit", &run, "--figures", &format!("fi{CLEAR}")], 0);
    say(&["energy", &run, "--figures", &format!("fi{CLEAR}")], 0);
    let page = say(&["report", &run, "-o", "/dev/stdout"], 0);
    assert!(page.contains("up\u{fffd}[2J") || page.contains("up[2J"), "the classes are in the page");
    say(&["report", &run, "-o", &format!("page{CLEAR}.html")], 0);
    say(&["plot", &run, "-o", &format!("fi{CLEAR}")], 0);
    say(&["resume", &run], 0);
    say(&["sweep", &sweep, "--dry-run", "--runs", &runs], 0);
    say(&["sweep", &sweep, "--runs", &runs], 0);
    say(&["sweep", &sweep, "--status", "--runs", &runs], 0);
    say(&["report", &sweep, "--runs", &runs, "-o", "/dev/stdout"], 0);
    for format in ["text", "markdown", "csv", "json"] {
        say(&["compare", &sweep, &run, "--runs", &runs, "--format", format], 0);
    }
    for format in ["markdown", "latex", "csv"] {
        say(&["table", &sweep, "--runs", &runs, "--format", format], 0);
    }
    // Mistakes, which are told with what was found.
    for file in ["raw.toml", "key.toml", "name.toml", &format!("absent{CLEAR}.toml")] {
        for command in ["check", "run", "bench", "sweep", "table"] {
            say(&[command, file], 2);
        }
    }
    say(&["check", "events.toml", &format!("network.{CLEAR}=1")], 2);
    say(&["check", "events.toml", &format!("name={CLEAR}")], 2);
    say(&["run", "events.toml", &format!("data.dataset.dvs_recordings.path=no{CLEAR}")], 2);
    say(&["predict", &run, "--input", &format!("in{CLEAR}"), "--output", &format!("out{CLEAR}")], 2);
    say(&["eval", &format!("{run}{CLEAR}")], 2);
    say(&["compare", "tiny.toml", "--where", &format!("{CLEAR}=1")], 2);
    say(&["compare", CLEAR], 0);
    say(&["data", "mnist", "--verify", "--path", &format!("no{CLEAR}")], 2);
    say(&["data", CLEAR], 2);
    say(&[CLEAR], 2);
    say(&["eval", &run, "--draws", CLEAR], 2);
    say(&["eval", &run, &format!("--{CLEAR}")], 2);
    for file in ["log.txt", "metrics.csv", "provenance.json"] {
        let text = std::fs::read_to_string(workspace.path(&run).join(file)).expect(file);
        assert!(!text.contains('\u{1b}'), "{file}: {text:?}");
    }
    all_harmless(workspace.path(&format!("fi{CLEAR}")).as_path());
}

/// Every SVG in a folder.
fn all_harmless(folder: &Path) {
    let mut figures = 0;
    for entry in std::fs::read_dir(folder).expect("figures").flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|kind| kind == "svg") {
            harmless(&std::fs::read_to_string(&path).expect("a figure"), "a figure");
            figures += 1;
        }
    }
    assert!(figures > 4, "{figures} figures");
}
