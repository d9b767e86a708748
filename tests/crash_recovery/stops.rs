//! A run that is asked to stop wherever it listens: in training, in choosing and in the test at its end.

use crate::workspace::{CHOSEN, Workspace, comparable};
use bntt::error::Error;
use bntt::system::signals::Stop;
use bntt::terminal::logging::Log;
use bntt::train::session::{self, SessionOptions};

#[test]
fn a_run_that_is_stopped_at_any_moment_chooses_and_is_tested_as_one_that_is_not() {
    // Fast enough to be stopped often, and at its end before its last epoch.
    let text = CHOSEN.replace("features = 300", "features = 12").replace("lr = 3e-5", "lr = 3e-2");
    let (log, mut expected, mut moments) = (Log::silent(), None, Vec::new());
    for n in [u64::MAX].into_iter().chain((1..).step_by(3)) {
        let workspace = Workspace::with("long.toml", &text);
        let runs = workspace.path("runs");
        let options = |stop| SessionOptions { stop, ..SessionOptions::new(&runs, &log) };
        let ended = session::start(&workspace.path("long.toml"), &[], options(Stop::after(n)));
        let run = workspace.path("runs/long/v0001");
        if let Err(Error::Interrupted(_)) = ended {
            let (_, said) = workspace.run(&["doctor", "runs/long/v0001"]);
            moments.push(said.lines().last().unwrap_or_default().to_string());
            session::resume(&run, &[], options(Stop::never())).expect("it goes on");
        } else {
            ended.expect("it completes");
            if expected.is_some() {
                break;
            }
        }
        let found = comparable(&run);
        let expected = expected.get_or_insert_with(|| found.clone());
        assert!(*expected == found, "stopped the {n}th time that it asked: {:?}", moments.last());
    }
    let tested =
        moments.iter().filter(|said| said.contains("stopped early after epoch") && said.contains("test images"));
    assert!(tested.count() > 0 && moments.len() > 10, "{moments:?}");
}
