//! The real recordings, where the environment variable BNTT_DATA names a folder that holds them as `dvs128_objects` and
//! `nmnist_small`; otherwise these tests say that they did not run, and pass. The numbers are those of a reader in
//! Python of a few lines of numpy.

use std::fs;
use std::path::{Path, PathBuf};

use super::{PixelEvent, aedat, atis};

fn folder(name: &str) -> Option<PathBuf> {
    let path =
        std::env::var_os("BNTT_DATA").map(|folder| PathBuf::from(folder).join(name)).filter(|path| path.is_dir());
    if path.is_none() {
        println!("not run: BNTT_DATA names no folder that holds {name}");
    }
    path
}

/// Events, of these on, and microseconds from the first to the last.
fn summary(events: &[PixelEvent]) -> [u64; 3] {
    assert!(events.is_sorted_by_key(|event| event.time));
    let on = events.iter().filter(|event| event.on).count();
    [events.len() as u64, on as u64, events.last().unwrap().time]
}

#[test]
fn the_recordings_of_a_dvs128_hold_the_events_that_another_reader_finds() {
    let Some(folder) = folder("dvs128_objects") else { return };
    for (session, class, expected) in [
        ("DataSet2", "Caixa", [201_523, 112_344, 18_491_949]),
        ("DataSet2", "Caneca", [351_217, 193_235, 20_540_076]),
        ("DataSet2", "Celular", [307_531, 170_069, 17_164_914]),
        ("DataSet2", "Estilete", [314_257, 171_255, 18_378_445]),
        ("DataSet2", "Lapiseira", [126_164, 73_701, 18_507_653]),
        ("DataSet2", "Mouse", [293_096, 159_478, 18_425_300]),
        ("DataSet2", "Tesoura", [143_655, 83_973, 18_762_697]),
        ("NeuromorphicObjectDataSet_100", "Caixa", [374_039, 204_769, 32_774_180]),
        ("NeuromorphicObjectDataSet_100", "Caneca", [518_133, 285_287, 33_508_385]),
        ("NeuromorphicObjectDataSet_100", "Cubo", [494_435, 275_447, 34_492_520]),
        ("NeuromorphicObjectDataSet_100", "Estilete", [413_436, 228_912, 33_556_274]),
        ("NeuromorphicObjectDataSet_100", "Estilete_1", [408_860, 227_581, 34_973_655]),
        ("NeuromorphicObjectDataSet_100", "Lapiseira", [249_545, 142_164, 36_444_251]),
        ("NeuromorphicObjectDataSet_100", "Tesoura", [263_941, 150_361, 33_007_781]),
    ] {
        let path = folder.join(format!("{session}/{class}.aedat"));
        assert_eq!(summary(&aedat::events(&fs::read(&path).unwrap(), &path).unwrap()), expected, "{}", path.display());
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn n_mnist_holds_the_events_that_another_reader_finds() {
    let Some(folder) = folder("nmnist_small") else { return };
    let folder = Some(folder.join("nmnist-small")).filter(|path| path.is_dir()).unwrap_or(folder);
    let mut shortest = u64::MAX;
    for (split, recordings, expected) in [("Train", 1_000, [4_133_231, 2_059_426]), ("Test", 100, [385_596, 190_652])] {
        let paths: Vec<PathBuf> = files(&folder.join(split)).iter().flat_map(|class| files(class)).collect();
        assert_eq!(paths.len(), recordings);
        let mut total = [0, 0];
        for path in paths {
            let [events, on, duration] = summary(&atis::events(&fs::read(&path).unwrap(), &path).unwrap());
            total = [total[0] + events, total[1] + on];
            shortest = shortest.min(duration);
        }
        assert_eq!(total, expected, "{split}");
    }
    // Of all of N-MNIST, the authors of SpikingJelly report 290,901 to 315,348 us.
    assert_eq!(shortest, 290_901);
}
