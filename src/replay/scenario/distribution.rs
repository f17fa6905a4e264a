//! Random lengths and numbers.
//! Knows: how each is drawn. Must not: have randomness of its own.

use super::super::fault::Fault;
use super::attributes::Attributes;
use crate::protocol::random::Random;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distribution {
    Fixed(f64),
    Uniform { min: f64, max: f64 },
    Normal { mean: f64, deviation: f64 },
    Exponential { mean: f64 },
}

impl Distribution {
    /// What `distribution="…"` and its parameters say; `None`: there is no such attribute.
    pub fn read(attributes: &mut Attributes) -> Result<Option<Distribution>, Fault> {
        let Some(name) = attributes.text("distribution") else { return Ok(None) };
        let mut parameter = |parameter: &'static str| {
            let missing = format!("distribution=\"{name}\" has no {parameter}");
            let value = attributes.number(parameter)?;
            value.ok_or_else(|| attributes.fault(missing))
        };
        let distribution = match name {
            "fixed" => Distribution::Fixed(parameter("value")?),
            "uniform" => Distribution::Uniform { min: parameter("min")?, max: parameter("max")? },
            "normal" => Distribution::Normal { mean: parameter("mean")?, deviation: parameter("stdev")? },
            "exponential" => Distribution::Exponential { mean: parameter("mean")? },
            other => {
                let known = "fixed, uniform, normal and exponential are";
                return Err(attributes.fault(format!("distribution=\"{other}\" is not known here; {known}")));
            }
        };
        match distribution {
            Distribution::Uniform { min, max } if min > max => {
                Err(attributes.fault(format!("min=\"{min}\" is more than max=\"{max}\"")))
            }
            _ => Ok(Some(distribution)),
        }
    }

    pub fn draw(&self, random: &mut Random) -> f64 {
        // 53 bits, in (0, 1]
        let mut unit = || ((random.draw() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        match *self {
            Distribution::Fixed(value) => value,
            Distribution::Uniform { min, max } => min + (max - min) * unit(),
            Distribution::Normal { mean, deviation } => {
                // Box-Muller
                let (radius, angle) = ((-2.0 * unit().ln()).sqrt(), 2.0 * std::f64::consts::PI * unit());
                mean + deviation * radius * angle.cos()
            }
            Distribution::Exponential { mean } => -mean * unit().ln(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_mean_and_spread() {
        let mut random = Random::new(7);
        for (distribution, mean, deviation) in [
            (Distribution::Fixed(20.0), 20.0, 0.0),
            (Distribution::Uniform { min: 10.0, max: 30.0 }, 20.0, 5.77),
            (Distribution::Normal { mean: 20.0, deviation: 4.0 }, 20.0, 4.0),
            (Distribution::Exponential { mean: 20.0 }, 20.0, 20.0),
        ] {
            let drawn: Vec<f64> = (0..20_000).map(|_| distribution.draw(&mut random)).collect();
            let average = drawn.iter().sum::<f64>() / drawn.len() as f64;
            let spread = (drawn.iter().map(|each| (each - average).powi(2)).sum::<f64>() / drawn.len() as f64).sqrt();
            assert!(
                (average - mean).abs() < 0.5 && (spread - deviation).abs() < 0.6,
                "{distribution:?}: {average} {spread}"
            );
        }
    }
}
