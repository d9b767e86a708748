//! Repositories that name programs, in every way that git knows. Each is first looked at with plain git, to prove that
//! the trap works; then it must not spring.

use std::fs;

use bntt::experiment::GitRecord;
use bntt::run::provenance::Git;

use crate::repository::{Repository, git_in};

struct Trap {
    name: &'static str,
    /// Sets it.
    set: fn(&Repository),
    /// What a user would do that springs it.
    spring: &'static [&'static str],
}

const STATUS: &[&str] = &["status"];
const DIFF: &[&str] = &["diff"];

const TRAPS: &[Trap] = &[
    Trap { name: "core.fsmonitor", set: |r| set(r, "core.fsmonitor"), spring: STATUS },
    Trap {
        name: "core.fsmonitor in an included file",
        set: |r| {
            let trap = r.trap("trap");
            r.write("more", &format!("[core]\n\tfsmonitor = {trap}\n"));
            r.git(&["config", "include.path", r.path("more").to_str().unwrap()]);
        },
        spring: STATUS,
    },
    Trap {
        name: "core.fsmonitor of the work tree's own settings",
        set: |r| {
            r.git(&["config", "extensions.worktreeConfig", "true"]);
            let trap = r.trap("trap");
            r.git(&["config", "--worktree", "core.fsmonitor", &trap]);
        },
        spring: STATUS,
    },
    Trap {
        name: "core.hooksPath",
        set: |r| {
            r.trap("hooks/post-index-change");
            r.git(&["config", "core.hooksPath", r.path("hooks").to_str().unwrap()]);
            r.touch("a.toml", 5000);
        },
        spring: STATUS,
    },
    Trap {
        name: "a hook",
        set: |r| {
            r.trap(".git/hooks/post-index-change");
            r.touch("a.toml", 5000);
        },
        spring: DIFF,
    },
    Trap { name: "filter.x.clean", set: |r| filter(r, "filter.x.clean"), spring: DIFF },
    Trap { name: "filter.x.process", set: |r| filter(r, "filter.x.process"), spring: DIFF },
    Trap {
        name: "filter.x.smudge",
        set: |r| filter(r, "filter.x.smudge"),
        spring: &["checkout", "--force", "HEAD", "--", "a.toml"],
    },
    Trap {
        name: "filter.x.clean, required, by info/attributes",
        set: |r| {
            filter(r, "filter.x.clean");
            r.git(&["config", "filter.x.required", "true"]);
            fs::remove_file(r.path(".gitattributes")).unwrap();
            r.write(".git/info/attributes", "* filter=x\n");
        },
        spring: DIFF,
    },
    Trap {
        name: "a filter whose name is hard to write",
        set: |r| {
            let trap = r.filter("filter");
            fs::write(r.path(".git/more"), format!("[filter \"x=\\\"y\"]\n\tclean = {trap}\n")).unwrap();
            r.git(&["config", "include.path", "more"]);
            r.write(".gitattributes", "* filter=x=\"y\n");
            r.touch("a.toml", 5000);
        },
        spring: DIFF,
    },
    Trap {
        name: "diff.external",
        set: |r| {
            set(r, "diff.external");
            r.write("a.toml", "changed");
        },
        spring: DIFF,
    },
    Trap { name: "diff.x.command", set: |r| driver(r, "diff.x.command"), spring: DIFF },
    Trap { name: "diff.x.textconv", set: |r| driver(r, "diff.x.textconv"), spring: DIFF },
    Trap {
        name: "a submodule",
        set: |r| {
            r.git(&["init", "--quiet", "sub"]);
            let sub = r.path("sub");
            for arguments in [
                &["commit", "--quiet", "--allow-empty", "-m", "message"][..],
                &["config", "core.fsmonitor", &r.trap("trap")],
            ] {
                assert!(git_in(&sub, arguments).status.success());
            }
            r.git(&["add", "sub"]);
            r.was_sprung();
        },
        spring: STATUS,
    },
    Trap {
        name: "core.alternateRefsCommand",
        set: |r| {
            let other = r.beside("other");
            r.git(&["clone", "--quiet", "--bare", ".", other.to_str().unwrap()]);
            r.write(".git/objects/info/alternates", &format!("{}\n", other.join("objects").display()));
            set(r, "core.alternateRefsCommand");
        },
        spring: &["rev-list", "--alternate-refs"],
    },
    Trap { name: "ext:: of a partial clone", set: |r| partial(r, |trap| format!("ext::{trap}")), spring: DIFF },
    Trap {
        name: "core.sshCommand of a partial clone",
        set: |r| {
            partial(r, |_| "ssh://nowhere.invalid/x".into());
            set(r, "core.sshCommand");
        },
        spring: DIFF,
    },
    Trap {
        name: "remote.origin.vcs of a partial clone",
        set: |r| {
            partial(r, |_| "x".into());
            r.git(&["config", "remote.origin.uploadpack", &r.trap("trap")]);
            r.git(&["config", "remote.origin.url", r.path("").to_str().unwrap()]);
        },
        spring: DIFF,
    },
];

fn set(repository: &Repository, key: &str) {
    let trap = repository.trap("trap");
    repository.git(&["config", key, &trap]);
}

fn filter(repository: &Repository, key: &str) {
    let filter = repository.filter("filter");
    repository.git(&["config", key, &filter]);
    repository.write(".gitattributes", "* filter=x\n");
    repository.touch("a.toml", 5000);
}

fn driver(repository: &Repository, key: &str) {
    set(repository, key);
    repository.write(".gitattributes", "* diff=x\n");
    repository.write("a.toml", "changed");
}

/// A repository that lacks the content of a file, and names somebody to ask for it.
fn partial(repository: &Repository, url: fn(&str) -> String) {
    let trap = repository.trap("trap");
    let blob = repository.git(&["rev-parse", "HEAD:a.toml"]);
    let (folder, file) = blob.split_at(2);
    fs::remove_file(repository.path(&format!(".git/objects/{folder}/{file}"))).unwrap();
    for (key, value) in [
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", &url(&trap)),
        ("protocol.ext.allow", "always"),
    ] {
        repository.git(&["config", key, value]);
    }
    repository.write("a.toml", "changed");
}

#[test]
fn no_program_that_a_repository_names_is_run() {
    for Trap { name, set, spring } in TRAPS {
        let prepared = || {
            let repository = Repository::new();
            set(&repository);
            assert!(!repository.was_sprung(), "{name}: setting it springs it");
            repository
        };
        let repository = prepared();
        git_in(&repository.path(""), spring);
        assert!(repository.was_sprung(), "{name}: git {spring:?} does not spring it");

        let repository = prepared();
        let (git, _) = Git::read(&repository.path(""), GitRecord::Diff);
        assert!(!repository.was_sprung(), "{name}");
        // Whoever lacks what was committed cannot tell what has changed.
        assert_eq!(git.is_none(), name.contains("partial clone"), "{name}");
        let dirty = *name != "a hook";
        assert!(git.is_none_or(|git| git.dirty == dirty && git.commit.is_some()), "{name}");
    }
}

#[test]
fn many_traps_at_once_do_not_spring_either() {
    let repository = Repository::new();
    let alone = ["submodule", "partial clone", "included", "alternate"];
    for Trap { set, .. } in TRAPS.iter().filter(|trap| !alone.iter().any(|word| trap.name.contains(word))) {
        set(&repository);
    }
    // Those that a terminal, an editor or a network would spring.
    let trap = repository.trap("trap");
    let mut config = fs::read_to_string(repository.path(".git/config")).unwrap();
    for (section, key) in [
        ("core", "pager"),
        ("pager", "diff"),
        ("core", "editor"),
        ("core", "gitProxy"),
        ("core", "askPass"),
        ("gpg", "program"),
        ("credential", "helper"),
        ("alias", "diff"),
        ("uploadpack", "packObjectsHook"),
    ] {
        config.push_str(&format!("[{section}]\n\t{key} = {trap}\n"));
    }
    repository.write(".git/config", &config);
    git_in(&repository.path(""), STATUS);
    assert!(repository.was_sprung());
    let (git, _) = Git::read(&repository.path("hooks"), GitRecord::Diff);
    assert!(!repository.was_sprung());
    assert!(git.unwrap().dirty);
}
