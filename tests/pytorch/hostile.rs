//! Files that are no state dictionaries, or almost: read, or refused with a sentence; nothing panics.

use super::{Result, fixture};
use bntt::pytorch::read;
use bntt::rng::{Purpose, Stream};

/// A whole file with a few bytes changed, cut or doubled.
#[test]
fn broken_files_are_read_or_refused_with_a_sentence() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.pt");
    for (number, name) in ["state_dict.pth.tar", "state_dict_legacy.pth.tar"].into_iter().enumerate() {
        let whole = std::fs::read(fixture(name))?;
        for round in 0..1500 {
            let words = Stream::new(11, Purpose::Synthetic, number, round, 0).block(0);
            let mut bytes = whole.clone();
            // The older form's pickles stand first, the archive's table last.
            let near = if round % 2 == 0 { 6000.min(bytes.len()) } else { bytes.len() };
            for word in &words[..1 + round % 3] {
                let at = *word as usize % near;
                bytes[at] = (word >> 16) as u8;
            }
            if round % 5 == 0 {
                bytes.truncate(words[3] as usize % whole.len());
            }
            std::fs::write(&path, &bytes)?;
            if let Err(error) = read(&path) {
                assert!(error.to_string().contains("a.pt"), "{error}");
            }
        }
    }
    Ok(())
}

/// The older form of a file around a pickle.
fn older(pickle: &[u8]) -> Vec<u8> {
    let magic = [0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, b'.'];
    [&magic[..], b"\x80\x02M\xe9\x03.", b"\x80\x02}.", b"\x80\x02", pickle, b"\x80\x02]."].concat()
}

#[test]
fn pickles_that_ask_for_more_than_the_file_holds_are_refused() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.pt");
    let told = |pickle: &[u8]| -> Result<String> {
        std::fs::write(&path, older(pickle))?;
        Ok(read(&path).err().map_or_else(String::new, |error| error.to_string()))
    };
    // A tuple in a tuple, a million times over.
    let nested = told(&[&b")"[..], &vec![0x85; 900_000], b"."].concat())?;
    assert!(nested.contains("holds no state dictionary"), "{nested}");
    // A list that holds itself twice over and over.
    let doubled = told(&[&b"]q\x00"[..], &b"(h\x00h\x00e".repeat(1000), b"."].concat())?;
    assert!(doubled.contains("holds no state dictionary"), "{doubled}");
    let text = told(b"X\xff\xff\xff\xff.")?;
    assert!(text.contains("its pickle, at byte") && text.contains("the file ends there"), "{text}");
    // What would run in Python is noted, not run.
    let call = told(b"cos\nsystem\n(X\x04\x00\x00\x00exittR.")?;
    assert!(call.contains("a whole object of the class os.system, whose code is not run"), "{call}");
    // A tensor of 2^62 numbers in a storage of none.
    let size = b"\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x40";
    let tensor = [
        &b"}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n"[..],
        b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x00tQK\x00(",
        size,
        b"t(K\x01t\x89}tRs.",
    ]
    .concat();
    let huge = told(&tensor)?;
    assert!(huge.contains("the tensor \"a\": its shape [4611686018427387904] is of more numbers than"), "{huge}");
    Ok(())
}
