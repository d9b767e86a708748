//! Which run computes on which GPU: one run a GPU at a time, and a run that finds none free waits for one.
//!
//! A run whose `training.device` is `auto` or `cuda:0` takes the first slot that is free, and is shown that GPU alone,
//! through `CUDA_VISIBLE_DEVICES`: there it is `cuda:0`. `cuda:1` and so on name a GPU of this process: such a run
//! waits for that one, and is shown what this process is. Runs on the CPU wait for no GPU.

use crate::error::{Error, Result};
use crate::experiment::TrainingConfig;
use crate::sweep::{IncompleteRuns, SweepRun};
use crate::system::gpus::GpuSources;

/// The GPUs of a sweep, a slot each; a GPU that was listed twice has two.
#[derive(Default)]
pub struct GpuSlots {
    /// All that CUDA shows this process: number N is `cuda:N`.
    visible: Vec<String>,
    /// Those to be given to runs.
    slots: Vec<String>,
    /// Whether `auto` is a GPU in this build.
    auto_is_gpu: bool,
}

/// What a run may begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GpuGrant {
    /// No GPU of the sweep's: it computes on the CPU, or there is none to be given, which the run itself will say.
    Nothing,
    /// The GPU of a slot, which is `cuda:0` to the run.
    Alone(usize),
    /// The GPU of a slot, by the number that it has for this process.
    ByNumber(usize),
}

impl GpuGrant {
    /// The slot that nobody else may have meanwhile.
    pub fn slot(self) -> Option<usize> {
        match self {
            Self::Nothing => None,
            Self::Alone(slot) | Self::ByNumber(slot) => Some(slot),
        }
    }
}

/// What a run asks for.
enum GpuDemand {
    Nothing,
    Any,
    /// The GPU of this number.
    Number(usize),
}

impl GpuSlots {
    /// For the runs that are due: the GPUs that the user listed, or else all that there are. Where no run computes on a
    /// GPU and none is listed, nobody is asked for them.
    ///
    /// # Errors
    /// [`Error::Run`] for a listed GPU that is not there, and for a run that names one which the list leaves out.
    pub fn find(due: &IncompleteRuns<'_>, listed: &[String]) -> Result<Self> {
        Self::from_sources(GpuSources::here(), cfg!(feature = "cuda"), due, listed)
    }

    pub(super) fn from_sources(
        sources: GpuSources,
        auto_is_gpu: bool,
        due: &IncompleteRuns<'_>,
        listed: &[String],
    ) -> Result<Self> {
        let none = Self { visible: Vec::new(), slots: Vec::new(), auto_is_gpu };
        let runs = || due.to_train.iter().chain(&due.at_work);
        let are_asked_for =
            runs().any(|run| !matches!(none.demand(&run.checked.experiment.training), GpuDemand::Nothing));
        if listed.is_empty() && !are_asked_for {
            return Ok(none);
        }
        let visible = sources.visible();
        let slots = match listed {
            [] => visible.names().to_vec(),
            _ => visible.select(listed).map_err(|problem| Error::Run(format!("--gpus {problem}")))?,
        };
        let found = Self { visible: visible.names().to_vec(), slots, auto_is_gpu };
        runs().try_for_each(|run| found.refuse_one_left_out(run, listed))?;
        if !are_asked_for {
            tracing::warn!("--gpus {}: {}", listed.join(","), none.why_unused());
            return Ok(none);
        }
        Ok(found)
    }

    fn why_unused(&self) -> &'static str {
        match self.auto_is_gpu {
            true => "no run that is due computes on a GPU, since training.device is \"cpu\" in all",
            false => {
                "no run that is due computes on a GPU: in this build, which has no GPU kernels, \"auto\" is the CPU"
            }
        }
    }

    /// A run that names a GPU would wait for ever for one that is never given.
    fn refuse_one_left_out(&self, run: &SweepRun, listed: &[String]) -> Result<()> {
        let training = &run.checked.experiment.training;
        match training.cuda_ordinal().and_then(|number| Some((number, self.visible.get(number)?))) {
            Some((number @ 1.., name)) if !self.slots.contains(name) => Err(Error::Run(format!(
                "{}: training.device is {:?}, which --gpus {} leaves out. Add {number} to --gpus, or let the sweep choose with \
                 training.device = \"auto\".",
                run.name,
                training.device,
                listed.join(",")
            ))),
            _ => Ok(()),
        }
    }

    fn demand(&self, training: &TrainingConfig) -> GpuDemand {
        match (training.cuda_ordinal(), training.device.as_str()) {
            (Some(0), _) => GpuDemand::Any,
            (Some(number), _) => GpuDemand::Number(number),
            (None, "auto") if self.auto_is_gpu => GpuDemand::Any,
            (None, _) => GpuDemand::Nothing,
        }
    }

    /// What a run may begin with while the slots in `taken` are others': the first that is free. `None` where it has to
    /// wait.
    pub fn grant(&self, run: &SweepRun, taken: &[usize]) -> Option<GpuGrant> {
        let mut free = (0..).zip(&self.slots).filter(|(slot, _)| !taken.contains(slot));
        match self.demand(&run.checked.experiment.training) {
            GpuDemand::Any if !self.slots.is_empty() => free.next().map(|(slot, _)| GpuGrant::Alone(slot)),
            GpuDemand::Number(number) => match self.visible.get(number) {
                Some(wanted) if self.slots.contains(wanted) => {
                    free.find(|(_, name)| *name == wanted).map(|(slot, _)| GpuGrant::ByNumber(slot))
                }
                _ => Some(GpuGrant::Nothing),
            },
            _ => Some(GpuGrant::Nothing),
        }
    }

    /// The GPU that a run is to be shown alone, as `CUDA_VISIBLE_DEVICES` has it.
    pub fn shown_alone(&self, grant: GpuGrant) -> Option<&str> {
        match grant {
            GpuGrant::Alone(slot) => self.slots.get(slot).map(String::as_str),
            GpuGrant::Nothing | GpuGrant::ByNumber(_) => None,
        }
    }

    /// The GPU of a grant, in words: `GPU 2`, or a UUID.
    pub fn label(&self, grant: GpuGrant) -> Option<String> {
        self.slots.get(grant.slot()?).map(|name| label(name))
    }

    /// What is said of them before the first of `due` runs, where there are any.
    pub fn describe(&self, at_a_time: usize, due: usize) -> Option<String> {
        let names: Vec<String> = self.slots.iter().map(|name| label(name)).collect();
        let could = names.len().min(due);
        let rest = match names.len() {
            0 => return None,
            _ if at_a_time < could => format!("; --jobs {could} uses {could} of them"),
            count if at_a_time > count => ", and what finds none free waits".into(),
            _ => String::new(),
        };
        Some(format!("{}: one run each at a time{rest}", names.join(", ")))
    }
}

/// Numbers are those that `CUDA_VISIBLE_DEVICES` counts by.
fn label(name: &str) -> String {
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("GPU {name}") } else { name.into() }
}
