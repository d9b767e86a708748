//! Copies from the host on a stream of their own, so that they run while the GPU computes.
//!
//! The copy goes to a staging place on the device, and from there, in the order of the stream that computes, to the
//! tensor. The calling thread (the one that makes batches ahead) waits for the first; nothing waits for the second but
//! the staging place, which is used again `PLACES` batches later.

use candle_core::cuda_backend::cudarc::driver::{CudaContext, CudaEvent, CudaSlice, CudaStream, DevicePtr, result};
use candle_core::{CudaDevice, Error, Result, bail};
use std::sync::{Arc, Mutex, PoisonError};

/// Staging places: one that fills while another is emptied, and one to spare.
const PLACES: usize = 3;

pub struct Upload {
    stream: Arc<CudaStream>,
    ring: Mutex<UploadRing>,
}

#[derive(Default)]
struct UploadRing {
    places: Vec<UploadSlot>,
    next: usize,
}

struct UploadSlot {
    room: CudaSlice<f32>,
    /// Comes after the copy out of `room`.
    emptied: CudaEvent,
}

impl Upload {
    pub fn new(context: &Arc<CudaContext>) -> Result<Self> {
        Ok(Self { stream: context.new_stream().map_err(Error::wrap)?, ring: Mutex::default() })
    }

    /// Copies `values` to `address` on `device`, in the order of the stream that computes.
    ///
    /// # Safety
    /// There must be room for as many `f32` at `address`, in memory that was taken, and will be freed, in the order of
    /// `device`'s stream.
    pub unsafe fn copy(&self, device: &CudaDevice, values: &[f32], address: u64) -> Result<()> {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let number = ring.next;
        ring.next = (number + 1) % PLACES;
        let fits = ring.places.get(number).is_some_and(|place| place.room.len() >= values.len());
        if !fits {
            let place = self.place(values.len())?;
            match ring.places.get_mut(number) {
                Some(smaller) => {
                    smaller.emptied.synchronize().map_err(Error::wrap)?;
                    *smaller = place;
                }
                None => ring.places.push(place),
            }
        }
        let Some(place) = ring.places.get_mut(number) else { bail!("upload: no staging place {number}") };
        place.emptied.synchronize().map_err(Error::wrap)?;
        self.stream.memcpy_htod(values, &mut place.room).map_err(Error::wrap)?;
        self.stream.synchronize().map_err(Error::wrap)?;
        let computing = device.cuda_stream();
        let (from, _) = place.room.device_ptr(&self.stream);
        // SAFETY: `from` holds the values, since the stream that copied them was waited for; the caller vouches for
        // `address`.
        let copied = unsafe { result::memcpy_dtod_async(address, from, size_of_val(values), computing.cu_stream()) };
        copied.and_then(|()| place.emptied.record(&computing)).map_err(Error::wrap)
    }

    /// A staging place, empty and ready.
    fn place(&self, length: usize) -> Result<UploadSlot> {
        let room = self.stream.alloc_zeros(length).map_err(Error::wrap)?;
        let emptied = self.stream.context().new_event(None).map_err(Error::wrap)?;
        Ok(UploadSlot { room, emptied })
    }
}
