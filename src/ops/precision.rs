//! The precision of products and stored currents: f32, tf32 or bf16.

use candle_core::DType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Arithmetic of products and storage of currents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Single precision throughout.
    #[default]
    F32,
    /// Products on tensor cores with 10-bit mantissas (GPU).
    Tf32,
    /// Currents stored as bfloat16, sums in single precision (GPU).
    Bf16,
}

impl Precision {
    /// What currents are stored as.
    pub fn currents(self) -> DType {
        match self {
            Self::F32 | Self::Tf32 => DType::F32,
            Self::Bf16 => DType::BF16,
        }
    }

    /// What spikes are stored as: bytes, or what tensor cores multiply.
    pub fn spikes(self) -> DType {
        match self {
            Self::F32 | Self::Tf32 => DType::U8,
            Self::Bf16 => DType::BF16,
        }
    }
}
