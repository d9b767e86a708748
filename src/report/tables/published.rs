//! Numbers that others published, each with how it is known.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Value;

/// How a number is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Evidence {
    /// Read in the paper's text or the authors' code.
    V,
    /// Quoted by another text.
    Q,
    /// Inferred or computed: nobody published it.
    I,
    /// Unconfirmed.
    U,
}

impl Evidence {
    pub fn letter(self) -> &'static str {
        match self {
            Self::V => "V",
            Self::Q => "Q",
            Self::I => "I",
            Self::U => "U",
        }
    }
}

/// A number of what its cell shows, as a table's file has it: an accuracy in percent unless there is a measure.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// A number, or one in quotes that is printed with just these digits: `"69.50"`.
    #[schemars(with = "Option<serde_json::Value>")]
    value: Option<Value>,
    pub evidence: Evidence,
    /// Where it stands.
    pub source: String,
}

impl Published {
    /// The number, where it is confirmed (V or Q). No other may be claimed for a paper.
    pub fn confirmed(&self) -> Option<f64> {
        match self.evidence {
            Evidence::V | Evidence::Q => self.number(),
            Evidence::I | Evidence::U => None,
        }
    }

    /// `90.5 (V)`, or `unconfirmed`.
    pub fn text(&self) -> String {
        match (self.confirmed(), &self.value) {
            (Some(_), Some(value)) => format!("{} ({})", crate::config::settings::text(value), self.evidence.letter()),
            _ => "unconfirmed".into(),
        }
    }

    /// What is wrong with it; `is_percent` tells that it lies between 0 and 100.
    pub fn mistake(&self, is_percent: bool) -> Option<String> {
        let confirmed = matches!(self.evidence, Evidence::V | Evidence::Q);
        match (self.number(), &self.value) {
            (None, None) if confirmed => Some(format!(
                "expected a value, since evidence {} means that there is one, found none",
                self.evidence.letter()
            )),
            (None, None) => None,
            (Some(number), _) if (0.0..=100.0).contains(&number) => None,
            (Some(number), _) if number.is_finite() && number >= 0.0 && !is_percent => None,
            (_, value) => {
                let expected = if is_percent { "an accuracy from 0 to 100 percent" } else { "a number from 0 on" };
                let found = value.as_ref().map_or_else(String::new, Value::to_string);
                Some(format!("value: expected {expected}, found {found}"))
            }
        }
    }

    fn number(&self) -> Option<f64> {
        match self.value.as_ref()? {
            Value::String(text) => text.parse().ok(),
            Value::Integer(whole) => Some(*whole as f64),
            Value::Float(number) => Some(*number),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(text: &str) -> Published {
        toml::from_str(text).expect("a published number")
    }

    #[test]
    fn only_confirmed_numbers_are_claimed() {
        let text = |text: &str| published(text).text();
        assert_eq!(text("value = 90.5\nevidence = 'V'\nsource = 's'"), "90.5 (V)");
        assert_eq!(text("value = '69.50'\nevidence = 'Q'\nsource = 's'"), "69.50 (Q)");
        for evidence in ["I", "U"] {
            let number = published(&format!("value = 57.8\nevidence = '{evidence}'\nsource = 's'"));
            assert_eq!((number.text().as_str(), number.confirmed(), number.mistake(true)), ("unconfirmed", None, None));
        }
    }

    #[test]
    fn a_number_that_cannot_be_an_accuracy_is_refused() {
        for (value, found) in [("101", "101"), ("-0.5", "-0.5"), ("'high'", "\"high\""), ("nan", "nan")] {
            let mistake = published(&format!("value = {value}\nevidence = 'V'\nsource = 's'")).mistake(true);
            assert_eq!(mistake, Some(format!("value: expected an accuracy from 0 to 100 percent, found {found}")));
        }
        assert!(published("evidence = 'V'\nsource = 's'").mistake(true).is_some_and(|m| m.contains("found none")));
        assert_eq!(published("evidence = 'U'\nsource = 's'").mistake(true), None);
        let gain = published("value = 250\nevidence = 'V'\nsource = 's'");
        assert_eq!(gain.mistake(false), None);
        let below = published("value = -1\nevidence = 'V'\nsource = 's'").mistake(false);
        assert_eq!(below, Some("value: expected a number from 0 on, found -1".into()));
    }
}
