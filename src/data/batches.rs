//! Batches of an epoch: shuffled order, augmentation, normalised tensors.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::Scope;

use candle_core::{Device, Tensor};

use super::augment::{AugmentConfig, Augmentation};
use super::auto_augment::DrawnOperations;
use super::mixup::{Mixture, Pairs};
use super::normalize::Normalizer;
use super::{DataConfig, DeviceDataset, Split, SplitValues};
use crate::error::{Error, Result};
use crate::ops::batch::Crop;
use crate::rng::{Purpose, Stream};
use crate::system::threads;

/// Batches that wait for the network.
const AHEAD: usize = 2;

/// What a network sees at once.
#[derive(Debug, Clone)]
pub struct Batch {
    /// f32, normalised: images `[B, C, H, W]`, or already coded sequences `[T, B, C, H, W]`.
    pub inputs: Tensor,
    /// u32 `[B]`.
    pub labels: Tensor,
    /// Each image's place in its split.
    pub indices: Vec<u32>,
    /// What was mixed into the images by `data.augment.mixup`.
    pub mixture: Option<Mixture>,
}

/// Images of a split: all of them, or some.
#[derive(Debug, Clone, Copy)]
pub struct SplitImages<'a> {
    split: &'a Split,
    /// Places in the split; all where absent.
    places: Option<&'a [u32]>,
}

impl<'a> SplitImages<'a> {
    /// Those at `places`, in this order.
    pub fn at(split: &'a Split, places: &'a [u32]) -> Self {
        Self { split, places: Some(places) }
    }

    pub fn len(&self) -> usize {
        self.places.map_or(self.split.len(), <[u32]>::len)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> From<&'a Split> for SplitImages<'a> {
    fn from(split: &'a Split) -> Self {
        Self { split, places: None }
    }
}

/// The batches of one epoch. Each is a pure function of the data, the config, the seed, the epoch and its number, so
/// any of them can be made at any time, on any thread, with the same bits.
#[derive(Debug, Clone)]
pub struct Batches<'a> {
    split: &'a Split,
    /// Places in the split.
    order: Vec<u32>,
    batch_size: usize,
    steps: usize,
    normalizer: Normalizer,
    augment: Option<BatchAugmentation<'a>>,
    device: Device,
    resident: Option<&'a DeviceDataset>,
    listener: Option<DoneListener<'a>>,
}

#[derive(Debug, Clone)]
struct BatchAugmentation<'a> {
    config: &'a AugmentConfig,
    seed: u64,
    epoch: usize,
}

/// Hears how many batches are done.
#[derive(Clone, Copy)]
struct DoneListener<'a>(&'a (dyn Fn(usize) + Sync + 'a));

impl fmt::Debug for DoneListener<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DoneListener")
    }
}

/// Batches that are made ahead.
pub struct Prefetched<'a> {
    /// Where there is no thread, each is made when it is asked for.
    made: Option<Receiver<Result<Batch>>>,
    batches: Arc<Batches<'a>>,
    next: usize,
}

impl Iterator for Prefetched<'_> {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        let step = self.next;
        self.next = step.saturating_add(1).min(self.batches.steps);
        self.batches.tell(step);
        match &self.made {
            Some(receiver) => receiver.recv().ok(),
            None => (step < self.batches.steps).then(|| self.batches.batch(step)),
        }
    }
}

impl<'a> Batches<'a> {
    /// The epoch's shuffled, augmented batches, all full: a last partial one is dropped.
    ///
    /// # Errors
    /// [`Error::Data`] when a batch is larger than all images, or `normalize` or `augment` does not fit them.
    pub fn train(
        images: impl Into<SplitImages<'a>>,
        config: &'a DataConfig,
        seed: u64,
        epoch: usize,
        device: &Device,
    ) -> Result<Self> {
        let mut batches = Self::evaluate(images, config, device)?;
        let [batch_size, images] = [batches.batch_size, batches.order.len()];
        batches.steps = images.checked_div(batch_size).unwrap_or_default();
        if batches.steps == 0 {
            return Err(Error::Data(format!(
                "a batch of {batch_size} is larger than the {images} training images, so that no batch would be full; set \
                 data.batch_size to at most {images}."
            )));
        }
        if let Some((key, problem)) = config.augment.as_ref().and_then(|augment| augment.unfit(batches.split)) {
            return Err(Error::Data(format!("{key}: {problem}.")));
        }
        Stream::new(seed, Purpose::Shuffle, 0, epoch, 0).shuffle(&mut batches.order);
        batches.augment = config.augment.as_ref().map(|config| BatchAugmentation { config, seed, epoch });
        Ok(batches)
    }

    /// Batches in file order without augmentation; the last one may be partial.
    ///
    /// # Errors
    /// [`Error::Data`] when there are no images, or `normalize` does not fit their channels.
    pub fn evaluate(images: impl Into<SplitImages<'a>>, config: &'a DataConfig, device: &Device) -> Result<Self> {
        let SplitImages { split, places } = images.into();
        let images = u32::try_from(split.len())
            .map_err(|_| Error::Data(format!("{} images are too many; expected less than 2^32.", split.len())))?;
        if images == 0 || config.batch_size == 0 {
            let batch = config.batch_size;
            return Err(Error::Data(format!(
                "{images} images make no batches of {batch}; expected 1 or more of both."
            )));
        }
        let [.., channels, _, _] = split.shape[..] else {
            return Err(Error::Data(format!("items of shape {:?} are no images; expected [C, H, W].", split.shape)));
        };
        let values = split.shape.iter().fold(split.len(), |product, &size| product.saturating_mul(size));
        if values == 0 || values != split.items.len() {
            let found = split.items.len();
            return Err(Error::Data(format!("{images} items of shape {:?} cannot have {found} values.", split.shape)));
        }
        if let Some((key, problem)) = config.normalize.as_ref().and_then(|n| n.mistakes(Some(channels)).pop()) {
            return Err(Error::Data(format!("{key}: {problem}.")));
        }
        let order = places.map_or_else(|| (0..images).collect::<Vec<u32>>(), <[u32]>::to_vec);
        Ok(Self {
            split,
            steps: order.len().div_ceil(config.batch_size),
            order,
            batch_size: config.batch_size,
            normalizer: Normalizer::new(config.normalize.as_ref(), channels),
            augment: None,
            device: device.clone(),
            resident: None,
            listener: None,
        })
    }

    /// The same batches, of which `done` hears how many are done whenever the next is asked for, and at the end.
    pub fn telling(self, done: &'a (dyn Fn(usize) + Sync + 'a)) -> Self {
        Self { listener: Some(DoneListener(done)), ..self }
    }

    fn tell(&self, done: usize) {
        if let Some(DoneListener(hear)) = self.listener {
            hear(done);
        }
    }

    /// The same batches out of the split's pixels on the device, where they lie there and the changes are known there.
    pub fn with_device_cache(self, resident: Option<&'a DeviceDataset>) -> Self {
        let on_host = self.augment.as_ref().is_some_and(|augment| augment.config.stays_on_host());
        Self { resident: resident.filter(|_| !on_host), ..self }
    }

    /// The number of batches.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The batches from number `step` on; those before are not made.
    pub fn iter_from(&self, step: usize) -> impl Iterator<Item = Result<Batch>> + '_ {
        let told = move |step: usize| {
            self.tell(step);
            (step < self.steps).then(|| self.batch(step))
        };
        (step..self.steps.saturating_add(1)).map_while(told)
    }

    /// The batches from number `step` on, which a thread of its own makes ahead, where there is one to be had. It ends
    /// with the last batch, or when the iterator is dropped.
    pub fn prefetch<'scope>(self, scope: &'scope Scope<'scope, '_>, step: usize) -> Prefetched<'a>
    where
        'a: 'scope,
    {
        let (sender, receiver) = mpsc::sync_channel(AHEAD);
        let batches = Arc::new(self);
        let make = {
            let batches = Arc::clone(&batches);
            move || {
                // An end before the last batch, because of an error: nobody receives any more.
                let _ = (step..batches.steps).try_for_each(|step| sender.send(batches.batch(step)));
            }
        };
        let made = threads::beside(scope, make).then_some(receiver);
        Prefetched { made, batches, next: step }
    }

    /// Batch number `step`, below [`Batches::steps`].
    ///
    /// # Errors
    /// [`Error::Data`] for a `step` there is none of, [`Error::Tensor`] when the device is out of memory.
    pub fn batch(&self, step: usize) -> Result<Batch> {
        if step >= self.steps {
            return Err(Error::Data(format!("there is no batch {step}; the epoch has {} batches.", self.steps)));
        }
        let indices = self.order.chunks(self.batch_size.max(1)).nth(step).unwrap_or_default().to_vec();
        let changes: Vec<Augmentation> = indices.iter().map(|&index| self.change(index)).collect();
        let pairs = self.pairs(step, indices.len());

        if let Some(resident) = self.resident {
            let cuts: Vec<Crop> = changes.into_iter().map(Augmentation::cut).collect();
            let (inputs, labels) = resident.batch(&indices, &cuts)?;
            let Some(pairs) = pairs else { return Ok(Batch { inputs, labels, indices, mixture: None }) };
            // The partners are made a second time, changed as in their own places.
            let (others, others_labels) = resident.batch(&pairs.partners(&indices), &pairs.partners(&cuts))?;
            let share = pairs.share;
            let inputs = ((inputs * (1.0 - share))? + (others * share)?)?;
            return Ok(Batch { inputs, labels, indices, mixture: Some(Mixture { labels: others_labels, share }) });
        }

        // A batch is T times B images, time first; the split stores the T images of an item together.
        let [ref steps @ .., channels, height, width] = self.split.shape[..] else {
            return Err(Error::Data(format!(
                "items of shape {:?} are no images; expected [C, H, W].",
                self.split.shape
            )));
        };
        let time_steps: usize = steps.iter().product();
        let mut shape = steps.to_vec();
        shape.extend([indices.len(), channels, height, width]);
        let image: usize = [channels, height, width].iter().product();
        let mut values = vec![0f32; shape.iter().product()];
        let places =
            (0..time_steps).flat_map(|t| indices.iter().zip(&changes).map(move |(&index, change)| (t, index, change)));
        for ((t, index, change), out) in places.zip(values.chunks_exact_mut(image.max(1))) {
            let number = (index as usize).saturating_mul(time_steps).saturating_add(t);
            self.fill(out, number, [height, width], *change);
        }

        if let Some(pairs) = &pairs {
            values = pairs.mix(&values, image);
        }
        let inputs = crate::ops::device::send(values, &shape, &self.device)?;
        let labels: Vec<u32> =
            indices.iter().filter_map(|&index| self.split.labels.get(index as usize)).copied().collect();
        let mixture = |pairs: Pairs| -> Result<Mixture> {
            let labels = Tensor::from_vec(pairs.partners(&labels), indices.len(), &self.device)?;
            Ok(Mixture { labels, share: pairs.share })
        };
        let mixture = pairs.map(mixture).transpose()?;
        let labels = Tensor::from_vec(labels, indices.len(), &self.device)?;
        Ok(Batch { inputs, labels, indices, mixture })
    }

    /// Which of the `images` of batch `step` are mixed, where they are.
    fn pairs(&self, step: usize, images: usize) -> Option<Pairs> {
        let BatchAugmentation { config, seed, epoch } = self.augment.as_ref()?;
        (config.mixup > 0.0).then(|| Pairs::draw(config.mixup, *seed, [*epoch, step], images))
    }

    fn change(&self, index: u32) -> Augmentation {
        self.augment.as_ref().map_or_else(Augmentation::default, |BatchAugmentation { config, seed, epoch }| {
            let size = self.split.shape.last_chunk().copied().unwrap_or_default();
            config.draw(&Stream::new(*seed, Purpose::Augment, 0, *epoch, index as usize), size)
        })
    }

    /// Changes and normalises image `number` of the split, time-steps counted. Borders are 0 before normalisation.
    fn fill(&self, out: &mut [f32], number: usize, [height, width]: [usize; 2], change: Augmentation) {
        let plane = height.saturating_mul(width).max(1);
        let channels = self.normalizer.channels();
        let before = number.saturating_mul(channels.len());
        let out = channels.iter().zip(out.chunks_exact_mut(plane));
        match &self.split.items {
            SplitValues::Bytes(bytes) if change.operations != DrawnOperations::default() => {
                let mut image = vec![0; plane.saturating_mul(channels.len())];
                for (placed, source) in image.chunks_exact_mut(plane).zip(bytes.chunks_exact(plane).skip(before)) {
                    change.place(source, width, placed, 0, |byte| byte);
                }
                change.operations.apply(&mut image, [height, width]);
                for ((channel, out), image) in out.zip(image.chunks_exact(plane)) {
                    out.iter_mut().zip(image).for_each(|(value, &byte)| *value = channel.byte(byte));
                    change.cut_out(width, out);
                }
            }
            SplitValues::Bytes(bytes) => {
                for ((channel, out), source) in out.zip(bytes.chunks_exact(plane).skip(before)) {
                    change.apply(source, width, out, channel.byte(0), |byte| channel.byte(byte));
                }
            }
            SplitValues::Counts(counts) => {
                for ((channel, out), source) in out.zip(counts.chunks_exact(plane).skip(before)) {
                    change.apply(source, width, out, channel.float(0.0), |count| channel.float(count.into()));
                }
            }
            SplitValues::Floats(floats) => {
                for ((channel, out), source) in out.zip(floats.chunks_exact(plane).skip(before)) {
                    change.apply(source, width, out, channel.float(0.0), |value| channel.float(value));
                }
            }
        }
    }
}
