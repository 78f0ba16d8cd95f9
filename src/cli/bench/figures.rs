//! What several rounds say together.

use serde::Serialize;

/// A figure of several rounds: the one in the middle, and how far they lie apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct RoundFigure {
    pub(super) median: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl RoundFigure {
    /// Returns the figure of these rounds; none: there were none.
    pub(super) fn of(rounds: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut rounds: Vec<f64> = rounds.into_iter().collect();
        rounds.sort_by(f64::total_cmp);
        let (low, high) = (*rounds.first()?, *rounds.last()?);
        let middle = rounds.len() / 2;
        let median = match rounds.len() % 2 {
            1 => rounds[middle],
            _ => f64::midpoint(rounds[middle - 1], rounds[middle]),
        };
        Some(Self { median, low, high })
    }
}

/// A number in as many digits as anybody reads: three or four of them, with commas between thousands.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => grouped(value.round()),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.0995 => format!("{value:.2}"),
        0.0 => "0".to_owned(),
        _ => format!("{value:.3}"),
    }
}

/// A whole number with commas between thousands.
pub(super) fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        let is_start = index == 0 || digits[..index].ends_with('-');
        if !is_start && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The most memory that this process had until now, in bytes; none: this system does not say it.
pub(super) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_of_all_rounds() {
        let figure = |rounds: &[f64]| RoundFigure::of(rounds.iter().copied());
        assert_eq!(figure(&[]), None);
        assert_eq!(figure(&[3.0, 1.0, 2.0]), Some(RoundFigure { median: 2.0, low: 1.0, high: 3.0 }));
        assert_eq!(figure(&[4.0, 1.0]), Some(RoundFigure { median: 2.5, low: 1.0, high: 4.0 }));
    }

    #[test]
    fn numbers_have_as_many_digits_as_anybody_reads() {
        let numbers = [1_234_567.4, 999.6, 99.96, 12.34, 1.0, 0.123, 0.01234, 0.0, -1234.0].map(number);
        assert_eq!(numbers, ["1,234,567", "1,000", "100", "12.3", "1.00", "0.12", "0.012", "0", "-1,234"]);
    }
}
