//! Surrogates for the derivative of a spike, as functions of x = U / threshold - 1.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Stand-in for dS/dx. A step function has no useful derivative; each of these is largest at the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Surrogate {
    Triangle(Triangle),
    Rectangle(Rectangle),
    Atan(ArcTangent),
    FastSigmoid(FastSigmoid),
}

impl Default for Surrogate {
    fn default() -> Self {
        Self::Triangle(Triangle::default())
    }
}

/// dS/dx = height max(0, 1 - |x|). Source: Bellec et al. 2018; both papers' code, with height 0.3.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Triangle {
    /// Value at the threshold.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub height: f64,
}

impl Default for Triangle {
    fn default() -> Self {
        Self { height: 0.3 }
    }
}

/// dS/dx = 1 / width for |x| < width / 2, else 0. Source: Wu et al. 2018 (STBP), eq. 20.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rectangle {
    /// Extent in x; the area is 1.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub width: f64,
}

impl Default for Rectangle {
    fn default() -> Self {
        Self { width: 1.0 }
    }
}

/// dS/dx = (alpha / 2) / (1 + (pi alpha x / 2)^2), the derivative of atan(pi alpha x / 2) / pi + 1/2. Source: Fang et
/// al. 2021.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ArcTangent {
    /// Steepness.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub alpha: f64,
}

impl Default for ArcTangent {
    fn default() -> Self {
        Self { alpha: 2.0 }
    }
}

/// dS/dx = 1 / (slope |x| + 1)^2. Source: Zenke & Ganguli 2018 (SuperSpike).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FastSigmoid {
    /// Steepness.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub slope: f64,
}

impl Default for FastSigmoid {
    fn default() -> Self {
        Self { slope: 25.0 }
    }
}

/// A surrogate's derivative, one type a formula, so that a kernel is compiled for each.
pub trait Derivative: Copy + Sync {
    fn at(&self, x: f32) -> f32;
}

impl Derivative for Triangle {
    fn at(&self, x: f32) -> f32 {
        self.height as f32 * (1.0 - x.abs()).max(0.0)
    }
}

impl Derivative for Rectangle {
    fn at(&self, x: f32) -> f32 {
        if x.abs() < self.width as f32 / 2.0 { 1.0 / self.width as f32 } else { 0.0 }
    }
}

impl Derivative for ArcTangent {
    fn at(&self, x: f32) -> f32 {
        let (alpha, slope) = (self.alpha as f32, std::f32::consts::FRAC_PI_2 * self.alpha as f32 * x);
        alpha / 2.0 / (1.0 + slope * slope)
    }
}

impl Derivative for FastSigmoid {
    fn at(&self, x: f32) -> f32 {
        let width = self.slope as f32 * x.abs() + 1.0;
        1.0 / (width * width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_have_the_values_computed_by_hand() {
        let triangle = Triangle { height: 0.3 };
        assert_eq!([triangle.at(0.0), triangle.at(-0.5), triangle.at(1.5)], [0.3, 0.15, 0.0]);
        let rectangle = Rectangle { width: 2.0 };
        assert_eq!([rectangle.at(0.9), rectangle.at(-1.0)], [0.5, 0.0]);
        let atan = ArcTangent { alpha: 2.0 };
        assert_eq!(atan.at(0.0), 1.0);
        assert!((atan.at(1.0 / std::f32::consts::PI) - 0.5).abs() < 1e-6);
        assert_eq!(FastSigmoid { slope: 4.0 }.at(-0.25), 0.25);
    }

    #[test]
    fn the_arc_tangent_is_the_derivative_of_its_primitive() {
        let primitive = |x: f64| (std::f64::consts::FRAC_PI_2 * 2.0 * x).atan() / std::f64::consts::PI;
        for x in [-1.3, -0.2, 0.0, 0.7] {
            let difference = (primitive(x + 1e-6) - primitive(x - 1e-6)) / 2e-6;
            assert!((f64::from(ArcTangent { alpha: 2.0 }.at(x as f32)) - difference).abs() < 1e-5);
        }
    }
}
