//! Completion and manual pages.

use crate::workspace::Workspace;
use std::process::Command;

/// The commands that `bntt --help` lists.
fn commands(workspace: &Workspace) -> Vec<String> {
    let help = workspace.ok(&["--help"]);
    let list = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a list");
    let name =
        |line: &str| line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty()).map(String::from);
    let found: Vec<String> = list.lines().filter_map(name).filter(|name| name != "help").collect();
    assert!(found.len() > 25, "{found:?}");
    found
}

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

#[test]
fn every_shell_has_a_script_and_bash_completes_with_its() {
    let workspace = Workspace::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = workspace.ok(&["completions", shell]);
        assert!(script.contains("early-exit") && script.contains("resume-or-start"), "{shell}");
        workspace.write(&format!("complete.{shell}"), &script);
    }
    assert!(workspace.refused(&["completions", "csh"]).contains("possible values: bash"));
    for shell in ["bash", "zsh"].into_iter().filter(|shell| has(shell)) {
        let checked =
            Command::new(shell).args(["-n", &format!("complete.{shell}")]).current_dir(workspace.path("")).output();
        let checked = checked.expect("a shell");
        assert!(
            checked.status.success() && checked.stderr.is_empty(),
            "{shell}: {}",
            String::from_utf8_lossy(&checked.stderr)
        );
    }
    let complete = |words: &str, place: usize, word: &str, before: &str| {
        let script = format!(
            "source complete.bash; COMP_WORDS=({words}); COMP_CWORD={place}; _bntt bntt '{word}' '{before}'; echo \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash").args(["-c", &script]).current_dir(workspace.path("")).output().expect("bash");
        String::from_utf8(output.stdout).expect("UTF-8").trim().to_string()
    };
    assert_eq!(complete("bntt arch", 1, "arch", "bntt"), "archive");
    assert_eq!(complete("bntt list --s", 2, "--s", "list"), "--state --sort --size");
}

#[test]
fn every_command_has_a_manual_page_that_is_well_formed() {
    let workspace = Workspace::new();
    let commands = commands(&workspace);
    let said = workspace.ok(&["man", "share/man1"]);
    assert_eq!(said, format!("{} pages: share/man1\n", commands.len() + 1));
    assert_eq!(std::fs::read_dir(workspace.path("share/man1")).expect("a folder").count(), commands.len() + 1);
    for name in commands.iter().map(|command| format!("bntt-{command}")).chain(["bntt".into()]) {
        let page = workspace.read(&format!("share/man1/{name}.1"));
        assert!(page.contains(&format!(".TH {name} 1")) && page.contains(".SH SYNOPSIS"), "{name}: {page}");
        // As `bntt COMMAND --help` shows it.
        assert!(page.contains("Example"), "{name}");
        if has("groff") {
            let path = format!("share/man1/{name}.1");
            let groff = Command::new("groff")
                .args(["-man", "-Tascii", "-P-bcou", "-ww", &path])
                .current_dir(workspace.path(""))
                .output();
            let groff = groff.expect("groff");
            let (shown, wrong) = (String::from_utf8_lossy(&groff.stdout), String::from_utf8_lossy(&groff.stderr));
            assert!(groff.status.success() && wrong.is_empty(), "{name}: {wrong}");
            assert!(shown.contains("NAME") && shown.contains("OPTIONS"), "{name}: {shown}");
        }
    }
    assert!(workspace.refused(&["man", "tiny.toml"]).contains("tiny.toml"));
}
