//! A state dictionary as `torch.save` writes it: a zip archive with a pickle and the bytes of every tensor.

use crate::error::{Error, Result};
use candle_core::{DType, Device, Tensor};
use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// The bytes of a `.pt` file of `tensors`, as single-precision floats, which `torch.load` reads with
/// `weights_only=True`. The same tensors give the same bytes.
pub fn to_archive(tensors: &BTreeMap<String, Tensor>) -> Result<Vec<u8>> {
    let refused = |problem: zip::result::ZipError| Error::Weights(format!("cannot write a .pt file: {problem}."));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut put = |name: &str, bytes: &[u8]| -> Result<()> {
        zip.start_file(format!("weights/{name}"), stored).map_err(refused)?;
        zip.write_all(bytes).map_err(Error::io("write", "a .pt file"))
    };
    let host: Vec<(&String, Tensor)> = tensors
        .iter()
        .map(|(name, tensor)| {
            let tensor = tensor.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.contiguous()?;
            Ok((name, tensor))
        })
        .collect::<candle_core::Result<_>>()?;
    put("data.pkl", &pickle(&host))?;
    put("byteorder", b"little")?;
    for (key, (_, tensor)) in host.iter().enumerate() {
        let values = tensor.flatten_all()?.to_vec1::<f32>()?;
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        put(&format!("data/{key}"), &bytes)?;
    }
    put("version", b"3\n")?;
    Ok(zip.finish().map_err(refused)?.into_inner())
}

/// Protocol 2: a dict of `torch._utils._rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())`.
fn pickle(tensors: &[(&String, Tensor)]) -> Vec<u8> {
    let mut out = vec![0x80, 2, b'}', b'('];
    for (key, (name, tensor)) in tensors.iter().enumerate() {
        text(&mut out, name);
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut out, "storage");
        out.extend(b"ctorch\nFloatStorage\n");
        text(&mut out, &key.to_string());
        text(&mut out, "cpu");
        whole(&mut out, tensor.elem_count());
        out.extend(b"tQ");
        whole(&mut out, 0);
        sizes(&mut out, tensor.dims());
        sizes(&mut out, tensor.stride());
        out.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    }
    out.extend(b"u.");
    out
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

/// As eight bytes, which every size fits.
fn whole(out: &mut Vec<u8>, number: usize) {
    out.extend([0x8a, 8]);
    out.extend((number as i64).to_le_bytes());
}

fn sizes(out: &mut Vec<u8>, sizes: &[usize]) {
    out.push(b'(');
    sizes.iter().for_each(|&size| whole(out, size));
    out.push(b't');
}
