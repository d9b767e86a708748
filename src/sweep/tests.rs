//! From a sweep's text to its runs, or to a sentence.

use super::*;
use crate::error::{Error, Mistake};
use crate::experiment::{CheckedExperiment, Experiment};
use crate::layers::LayerKind;
use crate::run::identity;

const BASE: &str = "name = 'a'\ndata = { dataset = 'digits', batch_size = 64 }\noptimizer = { sgd = { lr = 0.1 } }\n\
                    training = { epochs = 1 }\n[network]\ntime_steps = 16\nencoder = 'poisson'\n\
                    layers = ['flatten', { linear = { features = 10 } }, 'bntt', 'lif', { linear = { features = 'classes' } }]";

fn sweep(text: &str) -> Result<Sweep> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("trial.toml");
    std::fs::write(folder.path().join("base.toml"), BASE).expect("a file");
    std::fs::write(&path, text).expect("a file");
    Sweep::load(&path)
}

/// The sentences that refuse a sweep, each with its line and column in the file.
fn all_refused(text: &str) -> Vec<String> {
    let error = sweep(text).err().expect("a mistake");
    let Error::Config(mistakes) = error else { panic!("no mistake of the file: {error}") };
    let told = |mistake: &Mistake| {
        let message = mistake.to_string();
        let (_, told) = message.split_once("/trial.toml:").unwrap_or_else(|| panic!("of another file: {message}"));
        told.trim_start().to_owned()
    };
    mistakes.iter().map(told).collect()
}

/// The one sentence that refuses a sweep which begins with `base = 'base.toml'`, without the place that it begins with.
fn refused(text: &str) -> String {
    let mut told = all_refused(&format!("base = 'base.toml'\n{text}"));
    assert_eq!(told.len(), 1, "{told:?}");
    let told = told.remove(0);
    let place = |c: char| c.is_ascii_digit() || ": ".contains(c);
    told.trim_start_matches(place).to_owned()
}

fn names(text: &str) -> Vec<String> {
    let sweep = sweep(&format!("base = 'base.toml'\n{text}"));
    sweep.unwrap_or_else(|e| panic!("{text}: {e}")).runs.into_iter().map(|run| run.name).collect()
}

#[test]
fn a_grid_a_zip_variants_and_seeds_make_every_run_in_order() -> Result<()> {
    let text = "base = 'base.toml'\nset = { 'training.epochs' = 3 }\nseeds = [4, 5]\n\
                grid = { 'network.time_steps' = [2, 3], 'network.encoder' = ['poisson', 'direct'] }\n\
                zip = { 'network.lif.leak' = [0.9, 0.8], 'network.lif.threshold' = [1.0, 0.5] }\n\
                [variants]\nBNTT = {}\n'no norm' = { 'network.layers' = ['flatten', 'lif', { linear = { features = 'classes' } }] }\n";
    let Sweep { name, axes, runs, .. } = sweep(text)?;
    assert_eq!(name, "trial");
    assert_eq!(axes, ["variant", "network.time_steps", "network.encoder", "network.lif.leak", "network.lif.threshold"]);
    assert_eq!(runs.len(), 2 * 2 * 2 * 2 * 2);
    assert_eq!(runs[0].name, "trial.BNTT-time_steps2-encoderpoisson-leak0.9-threshold1.0.seed4");
    assert_eq!(runs[31].name, "trial.no_norm-time_steps3-encoderdirect-leak0.8-threshold0.5.seed5");
    let values = |run: &SweepRun| run.settings.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>();
    assert_eq!(values(&runs[3]), ["BNTT", "2", "poisson", "0.8", "0.5"]);
    assert_eq!(values(&runs[4]), ["BNTT", "2", "direct", "0.9", "1.0"]);
    let CheckedExperiment { experiment, plan, .. } = &runs[31].checked;
    assert_eq!((experiment.training.epochs, experiment.seed, experiment.network.time_steps), (3, 5, 3));
    assert_eq!((experiment.network.lif.leak, experiment.network.lif.threshold), (0.8.into(), 0.5.into()));
    assert_eq!(plan.kinds, [LayerKind::Flatten, LayerKind::Lif, LayerKind::Linear]);
    assert_eq!(experiment.name, runs[31].name);
    Ok(())
}

#[test]
fn norms_are_a_grid_whose_runs_have_the_layers_themselves() -> Result<()> {
    let layers = "['flatten', { linear = { features = 10 } }, 'norm', 'lif', { linear = { features = 'classes' } }]";
    let text = format!(
        "base = 'base.toml'\nset = {{ 'network.layers' = {layers} }}\ngrid = {{ 'network.norm' = ['bntt', 'tebn', 'none'] }}"
    );
    let Sweep { axes, runs, .. } = sweep(&text)?;
    assert_eq!(axes, ["network.norm"]);
    let found: Vec<_> = runs.iter().map(|run| (run.name.as_str(), run.settings[0].1.as_str())).collect();
    assert_eq!(found, [("trial.normbntt", "bntt"), ("trial.normtebn", "tebn"), ("trial.normnone", "none")]);
    let kinds = |run: &SweepRun| run.checked.plan.kinds.get(2).copied();
    assert_eq!(
        runs.iter().map(kinds).collect::<Vec<_>>(),
        [LayerKind::Bntt, LayerKind::Tebn, LayerKind::Lif].map(Some)
    );
    // A run is the same whether its file names the norm or writes it, and another norm is another run.
    let written = sweep("base = 'base.toml'")?.runs.remove(0).checked.experiment;
    let differences = |run: &SweepRun| identity::differences(&written, &run.checked.experiment);
    assert_eq!(differences(&runs[0])?, [""; 0]);
    assert_eq!(differences(&runs[1])?.len(), 1);
    Ok(())
}

#[test]
fn a_variant_may_start_from_another_file_and_long_names_end_in_a_checksum() -> Result<()> {
    let long = "x".repeat(80);
    let text = format!("base = 'absent.toml'\n[variants]\n{long} = {{ base = 'base.toml' }}\n");
    let run = &sweep(&text)?.runs[0];
    // Of `[("variant", "xxx...")]`, by sha256sum.
    assert_eq!(run.name, format!("trial.{}-a8a76b92", "x".repeat(51)));
    assert_eq!(run.seed, 0);
    Ok(())
}

#[test]
fn mistakes_name_the_file_and_the_run() {
    assert_eq!(all_refused("seeds = [1]"), ["base: this key is missing; expected a string."]);
    for (text, expected) in [
        ("seed = [1]", "seed: unknown key; did you mean `seeds`?"),
        ("grid = { a = 3 }", "grid.\"a\": expected a list of values such as [5, 10], found 3."),
        ("grid = { a = [] }", "grid.\"a\": expected a list"),
        (
            "[grid]\nnetwork.time_steps = [2]",
            "grid.\"network\": expected a list of values such as [5, 10], found { time_steps = [2] }. Write a key with dots in quotes, \
             as in \"network.time_steps\" = [5, 10].",
        ),
        ("zip = { a = [1, 2], b = [1] }", "zip.\"b\": expected 2 values, as \"a\" has, found 1"),
        ("variants = { a = 1 }", "variants.\"a\": expected a table"),
        (
            "seeds = [1]\ngrid = { 'network.tme_steps' = [1] }",
            "network.tme_steps: unknown key; did you mean `time_steps`?",
        ),
        ("seeds = []", "seeds: expected seeds such as [0, 1, 2], found none. Leave `seeds` out for the base's own."),
        ("grid = { 'a..b' = [1] }", "grid.\"a..b\": `a..b` is not a key like `a.b` or `a[2].b`."),
        ("grid = { 'a=b' = [1] }", "grid.\"a=b\": `a=b` is not a key"),
        ("[variants.A]\nbase = 1", "variants.\"A\".\"base\": expected the name of a file, found 1."),
    ] {
        let message = refused(text);
        assert!(message.contains(expected), "expected {expected:?} in {message}");
    }
}

#[test]
fn mistakes_have_their_line_and_column_in_the_sweeps_file_and_are_told_once() {
    let text = "base = 'base.toml'
seeds = [0, 1]
set = { 'training.epochs' = 0 }
[grid]
'lr' = [0.1, 0.2]
'network.lif.leak' = [0.5, 1.5, 'high']
[variants]
A = { 'network.lif' = { leek = 0.9 } }
B = { 'network.lif.threshold' = -1 }
";
    let mut told = all_refused(text);
    told.sort();
    assert_eq!(
        told,
        [
            "3:29: training.epochs: expected a whole number of at least 1, found 0.",
            "5:1: lr: unknown key; did you mean `optimizer.sgd.lr`?",
            "6:28: network.lif.leak: expected a number from 0 to 1 or a table, found 1.5.",
            "6:33: network.lif.leak: expected a number from 0 to 1 or a table, found the string \"high\".",
            "8:25: network.lif.leek: unknown key; did you mean `leak`? The keys here are `leak`, `threshold`, `input`, \
             `reset`, `detach_reset`, `surrogate`, `fire_before_integrate`.",
            "9:33: network.lif.threshold: expected a number above 0 or a table, found -1.",
        ]
    );
    assert_eq!(
        all_refused("base = 'base.toml'\ngrid = { 'network.lif.leak' = [0.5, 0.9\nseeds = [1]\n"),
        ["2:31: this is not valid TOML: the [ that opens here is never closed; write ] before line 3."]
    );
    assert_eq!(
        all_refused("base = 'base.toml'\nzip = { a = 1, b = [] }\nvariants = { c = 2 }\n"),
        [
            "2:13: zip.\"a\": expected a list of values such as [5, 10], found 1.",
            "2:20: zip.\"b\": expected a list of values such as [5, 10], found [].",
            "3:18: variants.\"c\": expected a table such as { \"network.lif.leak\" = 0.9 }, found 2.",
        ]
    );
    let message = sweep("base = 'base.toml'\ngrid = { lr = [0.1] }\n").err().expect("a mistake").to_string();
    assert!(message.ends_with("?\n2 | grid = { lr = [0.1] }\n  |          ^^"), "{message}");
}

#[test]
fn a_key_that_all_runs_have_wrong_is_told_once_whatever_else_they_set() {
    let text = "base = 'base.toml'\nseeds = [0, 1]\ngrid = { 'network.lif.leek' = [0.5, 0.9, 0.99] }\n[variants]\nA = {}\n\
                B = { 'training.epochs' = 2 }\nC = { 'training.epochs' = 2, 'network.time_steps' = 4 }\n";
    let told = all_refused(text);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("3:10: network.lif.leek: unknown key; did you mean `leak`?"), "{told:?}");
}

#[test]
fn a_base_that_is_not_there_is_one_mistake_where_the_sweep_names_it() {
    let end = "No such file or directory (os error 2); did you mean base.toml?";
    for (text, place) in [
        ("base = 'bse.toml'\nseeds = [0, 1]", "1:8"),
        ("base = 'base.toml'\nseeds = [0, 1]\n[variants]\nA = {}\nB = { base = 'bse.toml' }", "5:14"),
    ] {
        let told = all_refused(text);
        assert!(
            told.len() == 1 && told[0].starts_with(&format!("{place}: base: cannot read the base file ")),
            "{told:?}"
        );
        assert!(told[0].ends_with(&format!("/bse.toml: {end}")), "{told:?}");
    }
}

#[test]
fn a_mistake_of_the_base_is_told_with_the_run_that_has_it() {
    let text = "base = 'base.toml'\nset = { 'network.time_steps' = 2 }\ngrid = { 'network.layers[3]' = ['flatten'] }";
    let message = sweep(text).err().expect("a mistake").to_string();
    assert!(message.contains("So it is in the run trial."), "{message}");
}

#[test]
fn one_key_in_two_places_is_refused_by_both_their_names() {
    let same = |first: &str, second: &str| format!("{first} and {second} set the same key. Remove one of them.");
    let (steps, first) = ("network.time_steps", "network.layers[0].conv.channels");
    for (text, expected) in [
        (
            format!("grid = {{ '{steps}' = [1] }}\nzip = {{ '{steps}' = [1] }}"),
            same("grid.\"network.time_steps\"", "zip.\"network.time_steps\""),
        ),
        (
            format!("set = {{ '{steps}' = 1 }}\ngrid = {{ '{steps}' = [1] }}"),
            same("set.\"network.time_steps\"", "grid.\"network.time_steps\""),
        ),
        (
            format!("set = {{ '{steps}' = 1 }}\nzip = {{ '{steps}' = [1] }}"),
            same("set.\"network.time_steps\"", "zip.\"network.time_steps\""),
        ),
        (
            format!("grid = {{ '{steps}' = [1] }}\n[variants]\nA = {{}}\nB = {{ '{steps}' = 1 }}"),
            same("variants.\"B\".\"network.time_steps\"", "grid.\"network.time_steps\""),
        ),
        (
            format!("zip = {{ '{steps}' = [1] }}\n[variants]\nB = {{ '{steps}' = 1 }}"),
            same("variants.\"B\".\"network.time_steps\"", "zip.\"network.time_steps\""),
        ),
        (
            format!("set = {{ '{first}' = 1, 'network.layers.0.conv.channels' = 2 }}"),
            same("set.\"network.layers[0].conv.channels\"", "set.\"network.layers.0.conv.channels\""),
        ),
        (
            "grid = { 'network.layers[0]' = ['lif'] }\nzip = { 'network.layers.00' = ['bntt'] }".into(),
            same("grid.\"network.layers[0]\"", "zip.\"network.layers.00\""),
        ),
        (
            "grid = { base = ['base.toml'] }\n[variants]\nA = { base = 'base.toml' }".into(),
            same("variants.\"A\".\"base\"", "grid.\"base\""),
        ),
        (
            "set = { base = 'base.toml' }".into(),
            "set.\"base\" and base both name the base file. Keep the one at the top of the file.".into(),
        ),
    ] {
        assert_eq!(refused(&text), expected, "{text}");
    }
}

#[test]
fn seeds_and_names_have_one_place() {
    for (text, place) in [
        ("set = { seed = 3 }", "set.\"seed\""),
        ("grid = { seed = [3, 4] }", "grid.\"seed\""),
        ("zip = { seed = [3, 4] }", "zip.\"seed\""),
        ("[variants]\nA = { seed = 3 }", "variants.\"A\".\"seed\""),
    ] {
        let expected = format!(
            "{place} and seeds both say what the seeds are. Keep `seeds`, over which means are taken, and remove the other."
        );
        assert_eq!(refused(&format!("seeds = [0, 1]\n{text}")), expected);
        // Without the other it is a setting as any other.
        assert!(sweep(&format!("base = 'base.toml'\n{text}")).is_ok_and(|sweep| sweep.runs[0].seed == 3));
        let expected = format!(
            "{}: a run's name is made of the sweep's, its settings and its seed. Remove it; `name` at the top of the file names the sweep.",
            place.replace("seed", "name")
        );
        assert_eq!(refused(&text.replace("seed", "name")), expected);
    }
}

#[test]
fn a_part_of_a_table_may_be_set_after_the_table_but_not_lost_in_it() -> Result<()> {
    let lif = |text: &str| -> Result<Vec<(f32, f32)>> {
        let runs = sweep(&format!("base = 'base.toml'\n{text}"))?.runs;
        Ok(runs
            .iter()
            .map(|run| &run.checked.experiment.network.lif)
            .map(|lif| (lif.leak.start() as f32, lif.threshold.start() as f32))
            .collect())
    };
    let table = "'network.lif' = { leak = 0.5, threshold = 0.25 }";
    assert_eq!(
        lif(&format!("set = {{ {table} }}\ngrid = {{ 'network.lif.leak' = [0.9, 0.8] }}"))?,
        [(0.9, 0.25), (0.8, 0.25)]
    );
    assert_eq!(lif(&format!("zip = {{ 'network.lif.leak' = [0.9] }}\n[variants]\nA = {{ {table} }}"))?, [(0.9, 0.25)]);
    // A variant departs from what holds for all, in whole or in part.
    let text = format!(
        "set = {{ 'network.lif.leak' = 0.9 }}\n[variants]\nA = {{}}\nB = {{ 'network.lif.leak' = 0.7 }}\nC = {{ {table} }}"
    );
    assert_eq!(lif(&text)?, [(0.9, 1.0), (0.7, 1.0), (0.5, 0.25)]);

    let replaces = |inner: &str, outer: &str| {
        format!(
            "{inner} is a part of {outer}, and one would replace what the other says. Write all of it in one place, or single keys in both."
        )
    };
    let (whole, part) = ("{ 'network.lif' = [{ leak = 0.5 }] }", "{ 'network.lif.leak' = [0.9] }");
    for (text, expected) in [
        (format!("grid = {whole}\nzip = {part}"), replaces("zip.\"network.lif.leak\"", "grid.\"network.lif\"")),
        (format!("grid = {part}\nzip = {whole}"), replaces("grid.\"network.lif.leak\"", "zip.\"network.lif\"")),
        (
            format!("grid = {whole}\nset = {{ 'network.lif.leak' = 0.9 }}"),
            replaces("set.\"network.lif.leak\"", "grid.\"network.lif\""),
        ),
        (
            format!("grid = {whole}\n[variants]\nA = {{ 'network.lif.leak' = 0.9 }}"),
            replaces("variants.\"A\".\"network.lif.leak\"", "grid.\"network.lif\""),
        ),
        (
            "set = { 'network.lif.leak' = 0.9, 'network.lif' = { leak = 0.5 } }".into(),
            replaces("set.\"network.lif.leak\"", "set.\"network.lif\""),
        ),
    ] {
        assert_eq!(refused(&text), expected, "{text}");
    }
    Ok(())
}

#[test]
fn what_would_be_trained_twice_is_refused_with_its_key_and_values() {
    let grid = |values: &str| refused(&format!("grid = {{ 'network.lif.leak' = {values} }}"));
    let expected = |values: &str| format!("grid.\"network.lif.leak\": {values} say the same. Remove one of them.");
    assert_eq!(grid("[0.9, 0.5, 0.50]"), expected("two values, 0.5 and 0.5,"));
    assert_eq!(grid("[1, 0.5, 1.0]"), expected("1 and 1.0"));
    assert_eq!(grid("['1', 1]"), expected("\"1\" and 1"));
    assert_eq!(
        grid("[{ a = 1, b = [2] }, { b = [2.0], a = 1 }]"),
        expected("{ a = 1, b = [2] } and { b = [2.0], a = 1 }")
    );
    assert_eq!(refused("seeds = [1, 2, 1]"), "seeds: 1 stands twice. Remove one of them.");
    assert_eq!(
        refused("zip = { 'network.lif.leak' = [0.9, 0.5, 0.9], 'network.time_steps' = [2, 2, 2] }"),
        "zip: \"network.lif.leak\" 0.9, \"network.time_steps\" 2 and \"network.lif.leak\" 0.9, \"network.time_steps\" 2 say the same. \
         Remove one of them."
    );
    let zip = "zip = { 'network.lif.leak' = [0.9, 0.5], 'network.time_steps' = [2, 2] }";
    assert_eq!(names(zip), ["trial.leak0.9-time_steps2", "trial.leak0.5-time_steps2"]);
}

#[test]
fn more_runs_than_anyone_means_are_counted_and_not_made() {
    let list = |count: usize| (0..count).map(|value| value.to_string()).collect::<Vec<_>>().join(", ");
    let grid = |lists: usize, of: usize| {
        (0..lists).map(|key| format!("'network.a{key}' = [{}]", list(of))).collect::<Vec<_>>().join(", ")
    };
    let sentence = |runs: &str| {
        format!(
            "this sweep would have {runs} runs, and at most 10000 are taken: every value of the grid goes with every other. Shorten its lists, or \
             put those that belong together into `zip`."
        )
    };
    assert_eq!(refused(&format!("grid = {{ {} }}", grid(4, 100))), sentence("100000000"));
    assert_eq!(refused(&format!("seeds = [{}]", list(10_001))), sentence("10001"));
    // 2^200 is no number of this machine's.
    let most = "more than 340282366920938463463374607431768211455";
    assert_eq!(refused(&format!("grid = {{ {} }}", grid(200, 2))), sentence(most));
    assert_eq!(names(&format!("seeds = [{}]\ngrid = {{ 'network.time_steps' = [1, 2] }}", list(50))).len(), 100);
}

#[test]
fn names_that_a_folder_cannot_have_stay_apart_and_plain_ones_stay_as_they_were() {
    let variants = |names: &[&str]| {
        let tables: String = names
            .iter()
            .enumerate()
            .map(|(i, name)| format!("{name:?} = {{ 'network.time_steps' = {} }}\n", i + 1))
            .collect();
        self::names(&format!("[variants]\n{tables}"))
    };
    // What is in ASCII is as it always was.
    assert_eq!(
        variants(&["BNTT", "no norm", "lr 0.3, BNTT", "a.b", "x-1", " y "]),
        ["trial.BNTT", "trial.no_norm", "trial.lr_0.3__BNTT", "trial.a.b", "trial.x_1", "trial.y"]
    );
    // By sha256sum of the names.
    assert_eq!(variants(&["größe", "grüße", "gr__e"]), ["trial.gr__e_d353a267", "trial.gr__e_8285d1ad", "trial.gr__e"]);
    assert_eq!(variants(&["größe"]), ["trial.gr__e_d353a267"]);
    assert_eq!(variants(&["a/b", "a_b"]), ["trial.a_b_c14cddc0", "trial.a_b"]);
    assert_eq!(variants(&["a/b", "a b"]), ["trial.a_b_c14cddc0", "trial.a_b_c8687a08"]);
    assert_eq!(variants(&["🙂", "β"]), ["trial.__d06f1525", "trial.__2245c1c8"]);
    let paths =
        names("grid = { 'training.initial_weights' = ['a/b', 'a-b'] }\nset = { 'training.evaluate_every' = 1 }");
    assert_eq!(paths, ["trial.initial_weightsa_b_c14cddc0", "trial.initial_weightsa_b_d44362d6"]);
    // Letters of several bytes at the place where a name is cut.
    for length in 45..60 {
        let (one, other) = (format!("{}ß", "ü".repeat(length)), format!("{}ö", "ü".repeat(length)));
        let names = variants(&[&one, &other]);
        assert!(names.iter().all(|name| name.len() <= "trial.".len() + 60) && names[0] != names[1], "{names:?}");
    }
    // A name that pretends to have a checksum.
    let message = refused("[variants]\n'größe' = {}\n'gr__e_d353a267' = { 'network.time_steps' = 2 }");
    assert_eq!(message, "two runs would have the name trial.gr__e_d353a267. Give variants and values other names.");
}

#[test]
fn a_sweep_can_be_based_on_what_a_run_wrote_down() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = Experiment::parse(BASE, "base.toml", &[])?;
    first.experiment.make_paths_absolute();
    let run = folder.path().join("runs/a/v0001");
    std::fs::create_dir_all(&run).expect("a folder");
    std::fs::write(run.join("config.toml"), first.experiment.to_toml()?).expect("a file");
    std::fs::write(folder.path().join("trial.toml"), "base = 'runs/a/v0001/config.toml'\nseeds = [7]").expect("a file");
    let runs = Sweep::load(&folder.path().join("trial.toml"))?.runs;
    let expected = Experiment { name: "trial.seed7".into(), seed: 7, ..first.experiment };
    assert!(runs[0].checked.experiment == expected);
    Ok(())
}

#[test]
fn what_is_written_down_is_what_was_read_whatever_becomes_of_the_files() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let [base, trial, runs] = ["base.toml", "trial.toml", "runs"].map(|name| folder.path().join(name));
    std::fs::write(&base, BASE).expect("a file");
    std::fs::write(&trial, "base = 'base.toml'\ngrid = { 'network.time_steps' = [2, 3] }").expect("a file");
    let sweep = Sweep::load(&trial)?;
    std::fs::write(&base, BASE.replace("0.1", "0.7")).expect("a file");
    std::fs::remove_file(&trial).expect("a file");
    let frozen = FrozenConfigs::begin(&runs)?;
    let path = frozen.write(&sweep.runs[1])?;
    assert!(path.is_absolute() && path.ends_with("trial.time_steps3.toml"));
    assert!(Experiment::load(&path, &[])?.experiment == sweep.runs[1].checked.experiment);
    // Removed by somebody who took it for a left-over.
    std::fs::remove_dir_all(path.parent().expect("a folder")).expect("a folder");
    assert!(frozen.write(&sweep.runs[0])?.exists());
    drop(frozen);
    assert_eq!(std::fs::read_dir(&runs).expect("a folder").count(), 0);
    Ok(())
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    for (runs, expected) in
        [("/dev/null/runs", "cannot create /dev/null/runs"), ("/proc", "cannot create a folder in /proc")]
    {
        let error = FrozenConfigs::begin(Path::new(runs)).err().expect("a refusal");
        assert!(matches!(error, Error::Io { .. }) && error.to_string().starts_with(expected), "{error}");
    }
}
