//! A JPEG file as an image of three channels.
//!
//! Decoders differ by a few levels, since the standard leaves rounding open, and how colour is spread over pixels: on
//! the 11,000 images of twenty classes of Tiny-ImageNet, this one and libjpeg-turbo 3.2 by 0.27 levels on average and 5
//! at most. Its pixels are the same with and without vector instructions.

use std::io::Cursor;
use std::path::Path;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::error::{Error, Result};

/// The pixels of an image, `[3, height, width]`, red, green, blue; those of a grey one are repeated. `path` is for
/// messages.
///
/// # Errors
/// [`Error::Data`] for what is no whole JPEG image of that size.
pub(super) fn rgb(path: &Path, content: &[u8], [height, width]: [usize; 2]) -> Result<Vec<u8>> {
    let name = path.display();
    let broken = |problem: String| Error::Data(format!("{name} is no JPEG image that can be decoded: {problem}."));
    // Strict: otherwise a truncated image is filled up with grey.
    let options = DecoderOptions::default().set_strict_mode(true).jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(content), options);
    decoder.decode_headers().map_err(|error| broken(error.to_string()))?;
    let Some(info) = decoder.info() else { return Err(broken("it has no header".into())) };
    let found = [info.height, info.width].map(usize::from);
    if found != [height, width] {
        let [found_height, found_width] = found;
        return Err(Error::Data(format!(
            "{name} has {found_height}x{found_width} pixels; expected {height}x{width} (height and width)."
        )));
    }
    if !matches!(info.components, 1 | 3) {
        let components = info.components;
        return Err(Error::Data(format!("{name} has {components} channels; expected 3, or 1 for a grey image.")));
    }
    if !is_whole(content) {
        return Err(broken("it is truncated: the marker of its end is missing".into()));
    }
    let pixels = decoder.decode().map_err(|error| broken(error.to_string()))?;
    let (pixels, []) = pixels.as_chunks::<3>() else { return Err(broken("its pixels are not of three bytes".into())) };
    Ok([0, 1, 2]
        .into_iter()
        .flat_map(|channel| pixels.iter().filter_map(move |pixel| pixel.get(channel)).copied())
        .collect())
}

/// Whether the last scan (FF DA) has an end (FF D9), which the decoder does not insist on. Compressed data hold
/// neither.
fn is_whole(content: &[u8]) -> bool {
    let last = |marker: [u8; 2]| content.windows(2).rposition(|bytes| bytes == marker);
    last([0xff, 0xd9]) > last([0xff, 0xda])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/jpeg").join(name)).unwrap()
    }

    fn refused(content: &[u8], size: [usize; 2]) -> String {
        rgb(Path::new("a.JPEG"), content, size).unwrap_err().to_string()
    }

    /// `NAME.rgb` is what Pillow 13.0 with libjpeg-turbo 3.2 reads of `NAME.jpeg`, `[3, 16, 16]`; both were made by it.
    #[test]
    fn pixels_are_those_of_libjpeg_turbo() {
        for name in ["colour_444", "colour_420", "colour_progressive", "grey"] {
            let expected = fixture(&format!("{name}.rgb"));
            let found = rgb(Path::new(name), &fixture(&format!("{name}.jpeg")), [16, 16]).unwrap();
            assert_eq!(found.len(), expected.len());
            let most = found.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            println!("{name}: at most {most}");
            assert!(most <= 3, "{name}: {most}");
        }
    }

    #[test]
    fn a_grey_image_has_three_equal_channels() {
        let pixels = rgb(Path::new("grey"), &fixture("grey.jpeg"), [16, 16]).unwrap();
        let channels: Vec<_> = pixels.chunks(256).collect();
        assert!(channels[0] == channels[1] && channels[1] == channels[2]);
    }

    #[test]
    fn another_size_is_refused_before_it_is_decoded() {
        let expected = "a.JPEG has 16x16 pixels; expected 64x32 (height and width).";
        assert_eq!(refused(&fixture("grey.jpeg"), [64, 32]), expected);
    }

    #[test]
    fn nothing_panics_whatever_the_bytes_are() {
        use crate::rng::{Purpose, Stream};
        for (k, name) in ["colour_420", "colour_progressive", "grey"].into_iter().enumerate() {
            let whole = fixture(&format!("{name}.jpeg"));
            for trial in 0..5000 {
                let stream = Stream::new(0, Purpose::Split, k, trial, 0);
                let mut broken = whole.clone();
                for change in 0..3 {
                    broken[stream.u32(2 * change) as usize % whole.len()] = stream.u32(2 * change + 1) as u8;
                }
                if let Ok(pixels) = rgb(Path::new("a"), &broken, [16, 16]) {
                    assert_eq!(pixels.len(), 768);
                }
            }
        }
    }

    #[test]
    fn what_is_cut_or_no_jpeg_is_refused() {
        let whole = fixture("colour_420.jpeg");
        assert!(rgb(Path::new("a"), &[&whole, &b"more"[..]].concat(), [16, 16]).is_ok());
        for end in 0..whole.len() {
            let text = refused(&whole[..end], [16, 16]);
            assert!(text.starts_with("a.JPEG is no JPEG image that can be decoded: "), "{end}: {text}");
        }
        let text = refused(b"\x89PNG\r\n\x1a\n and so on", [16, 16]);
        assert!(text.starts_with("a.JPEG is no JPEG image that can be decoded: "), "{text}");
    }
}
