//! Medians, and the spread of the rounds around them.

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// A tenth of the rounds is below.
    pub low: f64,
    pub median: f64,
    /// A tenth of the rounds is above.
    pub high: f64,
}

impl Spread {
    /// `None` if there are no values.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let at = |part: f64| quantile(&values, part);
        Some(Self { low: at(0.1)?, median: at(0.5)?, high: at(0.9)? })
    }
}

/// `None` if there are no values.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    quantile(&values, 0.5)
}

/// Interpolates between the two nearest of the sorted `values`.
fn quantile(values: &[f64], part: f64) -> Option<f64> {
    let place = part * (values.len().checked_sub(1)? as f64);
    let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
    Some(below + (above - below) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_lies_around_the_median() {
        let spread = Spread::of((0..=10).rev().map(f64::from).collect());
        assert_eq!(spread, Some(Spread { low: 1.0, median: 5.0, high: 9.0 }));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
        assert_eq!(Spread::of(Vec::new()), None);
    }
}
