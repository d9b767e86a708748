//! Hostile files of every kind that the program reads: nothing panics, and memory stays bounded.
//!
//! Every target reads its whole inputs, what `fuzz/corpus` holds for it, and some thousand mutations.
//! `BNTT_HOSTILE=1000000` reads so many mutations of each; `BNTT_HOSTILE_FROM` is the number of the first, so that one
//! can be read alone.

mod allocations;
mod bodies;
mod files;
mod mutate;
mod seeds;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

/// Reads one input; `what` names it where it must not have been so.
fn read(target: usize, number: u64, input: &[u8], what: &str) -> bool {
    let (name, body) = bodies::ALL[target];
    allocations::begin(target, number);
    let outcome = catch_unwind(AssertUnwindSafe(|| body(input)));
    let largest = allocations::largest();
    assert!(outcome.is_ok(), "{name}, {what}: a panic, see above; the input is {:?}", String::from_utf8_lossy(input));
    assert!(largest <= allocations::BOUND, "{name}, {what}: {largest} bytes were asked for at once");
    outcome.is_ok_and(|taken| taken)
}

fn attack(name: &str) {
    let target = bodies::ALL.iter().position(|(target, _)| *target == name).expect("a target");
    let seeds = seeds::seeds(name);
    assert!(!seeds.is_empty(), "{name} has no whole input");
    for (place, seed) in (0..).zip(&seeds) {
        let taken = read(target, place, seed, &format!("whole input {place}"));
        assert!(taken || name == "experiment", "{name}: whole input {place} is refused");
    }
    let mut paths: Vec<PathBuf> =
        fs::read_dir(corpus(name)).expect("a corpus").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    assert!(paths.len() >= seeds.len(), "the corpus of {name} lacks some: write it with BNTT_HOSTILE_WRITE=1");
    for (place, path) in (0..).zip(&paths) {
        read(target, place, &fs::read(path).expect("an input"), &path.display().to_string());
    }
    let from = number("BNTT_HOSTILE_FROM", 0);
    let started = std::time::Instant::now();
    let count = number("BNTT_HOSTILE", 3000);
    let attempt =
        |number| read(target, number, &mutate::mutated(&seeds, target, number), &format!("mutation {number}"));
    let taken = (from..from + count).filter(|&number| attempt(number)).count();
    eprintln!("{name}: {count} mutations in {:.1} s, {taken} of them whole", started.elapsed().as_secs_f64());
    // Where all are refused at the door, or none, nothing was tried.
    assert!(
        count < 3000 || (0.01..0.99).contains(&(taken as f64 / count as f64)),
        "{name}: {taken} of {count} are whole"
    );
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            attack(stringify!($name));
        })*

        #[test]
        fn every_target_is_read() {
            assert_eq!(bodies::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>(), [$(stringify!($name)),*]);
        }
    };
}

targets! { experiment weights idx cifar10 cifar100 tensors progress metrics provenance }

#[test]
fn a_request_above_the_bound_is_seen() {
    allocations::begin(0, 0);
    drop(std::hint::black_box(vec![0u8; 100]));
    assert!((100..=allocations::BOUND).contains(&allocations::largest()));
    drop(std::hint::black_box(Vec::<u8>::with_capacity(allocations::BOUND + 1)));
    assert_eq!(allocations::largest(), allocations::BOUND + 1);
}

#[test]
fn the_corpus_holds_the_whole_inputs() {
    for (target, _) in bodies::ALL {
        for (place, seed) in seeds::seeds(target).iter().enumerate() {
            let path = corpus(target).join(format!("whole-{place}"));
            if std::env::var_os("BNTT_HOSTILE_WRITE").is_some() {
                fs::create_dir_all(corpus(target)).expect("a folder");
                fs::write(&path, seed).expect("a file");
            }
            let found = fs::read(&path).unwrap_or_default();
            assert!(found == *seed, "{} is old; write it with BNTT_HOSTILE_WRITE=1", path.display());
        }
    }
}
