//! By which images an epoch is chosen.

use super::Experiment;

/// The images by which a run's best epoch is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChosenOn {
    #[default]
    Test,
    Validation,
}

impl ChosenOn {
    /// `test` or `validation`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Validation => "validation",
        }
    }
}

impl Experiment {
    /// The validation images where `data.validation` holds some out, or else the test images.
    pub fn chosen_on(&self) -> ChosenOn {
        if self.data.validation.is_some() { ChosenOn::Validation } else { ChosenOn::Test }
    }
}
