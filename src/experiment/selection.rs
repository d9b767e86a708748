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
    /// What cannot be chosen without validation images, as (dotted key, problem).
    pub(super) fn selection_mistake(&self) -> Option<(String, String)> {
        let by_test = self.training.early_stopping.is_some() && self.chosen_on() == ChosenOn::Test;
        by_test.then(|| {
            let problem = "stopping by the test images would choose by them: hold training images out with data.validation = { share = \
                           0.1 }, or leave it out";
            ("training.early_stopping".into(), problem.into())
        })
    }

    /// The validation images where `data.validation` holds some out, or else the test images.
    pub fn chosen_on(&self) -> ChosenOn {
        if self.data.validation.is_some() { ChosenOn::Validation } else { ChosenOn::Test }
    }
}
