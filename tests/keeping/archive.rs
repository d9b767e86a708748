//! `bntt archive`.

use crate::workspace::Workspace;

#[test]
fn an_archived_run_is_out_of_the_way_and_comes_back_as_it_was() {
    let workspace = Workspace::new();
    workspace.write("trial.toml", "base = 'tiny.toml'\nname = 'trial'\nseeds = [1]\n");
    workspace.ok(&["sweep", "trial.toml"]);
    let [run] = &workspace.folders(&[])[..] else { panic!("one run") };
    let evaluated = workspace.ok(&["eval", run]);
    let there = run.replace("runs/", "runs/.archive/");
    assert_eq!(workspace.ok(&["archive", run]), format!("{there}\n"));

    assert_eq!(workspace.folders(&[]), [""; 0]);
    assert_eq!(workspace.folders(&["--archived"]), [there.as_str()]);
    assert!(workspace.ok(&["sweep", "trial.toml", "--status"]).contains("not run"));
    assert_eq!(workspace.ok(&["eval", &there]), evaluated.replace(run.as_str(), &there));
    assert!(workspace.ok(&["doctor", &there]).contains("complete: all 2 epochs are done"));
    // Its number stays its own.
    workspace.ok(&["sweep", "trial.toml"]);
    let again = run.replace("v0001", "v0002");
    assert_eq!(workspace.folders(&[]), [again.as_str()]);
    assert_eq!(workspace.ok(&["archive", "--restore", &there]), format!("{run}\n"));
    assert_eq!(workspace.folders(&[]), [run.as_str(), &again]);
    assert_eq!(workspace.ok(&["list", "--archived"]), "no runs under runs/.archive\n");
    assert_eq!(workspace.ok(&["eval", run]), evaluated);

    assert_eq!(workspace.ok(&["archive", run, &again]).lines().count(), 2);
    assert_eq!(workspace.ok(&["archive", "--restore", run]), format!("{run}\n"), "by its path of before");
    let told = workspace.refused(&["archive", run.trim_end_matches("/v0001")]);
    assert!(told.contains("expected one version of a run, such as runs/<name>/v0001"), "{told}");
    assert!(workspace.refused(&["archive", "tiny.toml"]).contains("expected one version of a run"));
}
