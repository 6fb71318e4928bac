//! Medians, spreads and means.

/// The middle of some numbers, the mean of the two middle ones where there are two.
pub(crate) fn median(numbers: &[f64]) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length % 2 == 1 => Some(sorted[half]),
        _ => Some((sorted[half - 1] + sorted[half]) / 2.0),
    }
}

/// The geometric mean, for ratios.
pub(crate) fn geometric_mean(numbers: &[f64]) -> Option<f64> {
    let logarithms: f64 = numbers.iter().map(|number| number.ln()).sum();
    (!numbers.is_empty()).then(|| (logarithms / numbers.len() as f64).exp())
}

/// The largest distance from the median, as a part of it.
pub(crate) fn spread(numbers: &[f64]) -> Option<f64> {
    let middle = median(numbers)?;
    Some(numbers.iter().map(|number| (number - middle).abs() / middle).fold(0.0, f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[9.0, 1.0, 2.0, 4.0]), Some(3.0));
    }

    #[test]
    fn the_geometric_mean_of_a_ratio_and_its_inverse_is_one() {
        assert_eq!(geometric_mean(&[]), None);
        let close = |numbers: &[f64], expected: f64| (geometric_mean(numbers).unwrap() - expected).abs() < 1e-12;
        assert!(close(&[0.5, 2.0], 1.0));
        assert!(close(&[1.0, 10.0, 100.0], 10.0));
        assert!(close(&[7.0], 7.0));
    }

    #[test]
    fn the_spread_is_relative_to_the_median() {
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[2.0, 2.0]), Some(0.0));
        assert_eq!(spread(&[1.0, 2.0, 2.5]), Some(0.5));
    }
}
