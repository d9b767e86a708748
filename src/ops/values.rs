//! Borrowing a CPU tensor's elements as a slice.

use candle_core::{CpuStorage, DType, InplaceOp1, Layout, Result, Storage, Tensor, WithDType, bail};
use parking_lot::{MappedRwLockReadGuard, RwLockReadGuard};
use std::cell::Cell;

/// The elements of a contiguous CPU tensor; the tensor cannot be written while this lives.
pub type TensorValues<'a, T> = MappedRwLockReadGuard<'a, [T]>;

/// Borrows `tensor`'s elements in order. Errors when it is not contiguous, not on the CPU, or of another dtype.
pub fn values<T: WithDType>(tensor: &Tensor) -> Result<TensorValues<'_, T>> {
    let (storage, layout) = tensor.storage_and_layout();
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("expected a contiguous tensor, found {layout:?}")
    };
    RwLockReadGuard::try_map(storage, |storage| match storage {
        Storage::Cpu(cpu) => cpu.as_slice::<T>().ok()?.get(start..end),
        _ => None,
    })
    .or_else(|_| bail!("expected {:?} on the CPU, found {:?} on {:?}", T::DTYPE, tensor.dtype(), tensor.device()))
}

/// Lends the elements of a contiguous CPU tensor to `work`, to be changed in place.
pub fn change<R>(tensor: &Tensor, work: impl FnOnce(&mut [f32]) -> R) -> Result<R> {
    /// What candle calls with the storage, once, and what comes of it.
    struct StorageUpdate<W, R>(Cell<Option<W>>, Cell<Option<R>>);

    impl<R, W: FnOnce(&mut [f32]) -> R> InplaceOp1 for StorageUpdate<W, R> {
        fn name(&self) -> &'static str {
            "change"
        }

        fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
            match (storage, layout.contiguous_offsets(), self.0.take()) {
                (CpuStorage::F32(values), Some((start, end)), Some(work)) => {
                    self.1.set(Some(work(&mut values[start..end])));
                    Ok(())
                }
                _ => bail!("expected a contiguous f32 tensor to change, found {layout:?}"),
            }
        }
    }

    let change = StorageUpdate(Cell::new(Some(work)), Cell::new(None));
    tensor.inplace_op1(&change)?;
    change.1.take().ok_or_else(|| candle_core::Error::msg("a tensor that was to be changed was left alone"))
}

/// A sequence that a layer may receive: spikes as bytes or currents as floats.
pub enum SequenceValues<'a> {
    Spikes(TensorValues<'a, u8>),
    Floats(TensorValues<'a, f32>),
}

/// Borrows a `u8` or `f32` tensor.
pub fn input(tensor: &Tensor) -> Result<SequenceValues<'_>> {
    match tensor.dtype() {
        DType::U8 => Ok(SequenceValues::Spikes(values(tensor)?)),
        DType::F32 => Ok(SequenceValues::Floats(values(tensor)?)),
        other => bail!("expected u8 spikes or f32 values, found {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn a_narrowed_tensor_lends_only_its_own_elements() -> Result<()> {
        let tensor = Tensor::arange(0f32, 12., &Device::Cpu)?.reshape((3, 4))?;
        assert_eq!(*values::<f32>(&tensor.narrow(0, 1, 1)?)?, [4., 5., 6., 7.]);
        assert!(values::<f32>(&tensor.t()?).is_err(), "a transposed view is not contiguous");
        assert!(values::<u8>(&tensor).is_err(), "floats are not bytes");
        change(&tensor.narrow(0, 2, 1)?, |row| row.fill(-1.0))?;
        assert_eq!(tensor.flatten_all()?.to_vec1::<f32>()?[6..], [6., 7., -1., -1., -1., -1.]);
        assert!(change(&tensor.t()?, |_| ()).is_err(), "a transposed view is not contiguous");
        Ok(())
    }
}
