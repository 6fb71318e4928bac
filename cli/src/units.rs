//! Sizes and times as they are written on a command line.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// A number with a unit of bytes: `65536`, `64KiB`, `8MiB`, `1GiB`; `k`, `m` and `g` mean the same.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    const UNITS: &[(&str, u32)] =
        &[("kib", 10), ("mib", 20), ("gib", 30), ("k", 10), ("m", 20), ("g", 30), ("b", 0), ("", 0)];
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let shift = UNITS.iter().find(|(unit, _)| *unit == &lower[digits.len()..]).map(|(_, shift)| *shift);
    let value = digits.trim().parse::<u64>().ok();
    shift
        .zip(value)
        .and_then(|(shift, value)| value.checked_mul(1 << shift))
        .ok_or_else(|| format!("`{text}` is not a size; write for instance 65536, 64KiB, 8MiB or 1GiB"))
}

/// A number with a unit of time: `500ms`, `10s`, `2m`, `1h`; seconds without one. Fractions are allowed.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    const UNITS: &[(&str, f64)] = &[("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("", 1.0)];
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = UNITS.iter().find(|(unit, _)| *unit == &text[digits.len()..]).map(|(_, seconds)| *seconds);
    let value = digits.parse::<f64>().ok();
    unit.zip(value)
        .and_then(|(unit, value)| Duration::try_from_secs_f64(unit * value).ok())
        .ok_or_else(|| format!("`{text}` is not a time; write for instance 500ms, 10s or 2m"))
}

/// An amount of fuel.
pub(crate) fn parse_fuel(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is not an amount of fuel; write a whole number, for instance 1000000"))
}

/// A whole number that is not negative.
pub(crate) fn parse_number<N: FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("`{text}` is not a whole number; write for instance 100"))
}

/// A whole number within bounds.
pub(crate) fn number_in(bounds: RangeInclusive<u32>) -> impl Fn(&str) -> Result<u32, String> + Clone {
    move |text| match text.parse() {
        Ok(number) if bounds.contains(&number) => Ok(number),
        _ => Err(format!("`{text}` is not a whole number from {} to {}", bounds.start(), bounds.end())),
    }
}

/// Where a server listens.
pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| no_address(text))
}

/// What there is to say about an address without a port, or a port without an address.
pub(crate) fn no_address(text: &str) -> String {
    format!("`{text}` is not an address with a port; write for instance 127.0.0.1:8080")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times() {
        assert_eq!(parse_size("64KiB"), Ok(65536));
        assert_eq!(parse_size("1g"), Ok(1 << 30));
        assert_eq!(parse_size("7"), Ok(7));
        assert!(parse_size("").is_err() && parse_size("x").is_err() && parse_size("99999999999GiB").is_err());
        assert_eq!(parse_fuel("7"), Ok(7));
        assert!(parse_fuel("-1").is_err() && parse_fuel("1.5").is_err() && parse_fuel("").is_err());
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("1.5"), Ok(Duration::from_millis(1500)));
        assert!(parse_duration("-1s").is_err() && parse_duration("s").is_err() && parse_duration("1e99h").is_err());
    }
}
