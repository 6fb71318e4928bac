//! The machine that was measured on, as far as it says.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// What a reader who was not there wants to know.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    /// Model of the processor.
    pub(super) processor: Option<String>,
    pub(super) architecture: &'static str,
    /// Processors that this process may use.
    pub(super) processors: usize,
    pub(super) memory_bytes: Option<u64>,
    /// Name of the system and version of its kernel.
    pub(super) system: String,
    /// The day, in UTC: year, month, day.
    pub(super) date: String,
}

impl Machine {
    /// This one, today.
    pub(super) fn here() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let kernel = read("/proc/sys/kernel/osrelease");
        let system = value(&read("/etc/os-release"), "PRETTY_NAME", '=');
        let system = system.map_or_else(|| std::env::consts::OS.to_owned(), |name| name.trim_matches('"').to_owned());
        let memory = value(&read("/proc/meminfo"), "MemTotal", ':');
        let kib = memory.and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
        Self {
            processor: value(&read("/proc/cpuinfo"), "model name", ':'),
            architecture: std::env::consts::ARCH,
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: kib.map(|kib| kib << 10),
            system: format!("{system}, kernel {}", kernel.trim()),
            date: date(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs() / 86_400)),
        }
    }
}

/// The value of a `NAME=VALUE` line, with whatever separates the two.
fn value(text: &str, name: &str, separator: char) -> Option<String> {
    text.lines().find_map(|line| {
        let (found, value) = line.split_once(separator)?;
        (found.trim() == name).then(|| value.trim().to_owned())
    })
}

/// The date of a day, counted from 1970-01-01, by the Gregorian calendar.
fn date(day: u64) -> String {
    let is_leap = |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let (mut year, mut rest) = (1970, day);
    while rest >= 365 + u64::from(is_leap(year)) {
        rest -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if rest < days {
            break;
        }
        rest -= days;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", rest + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (day, expected) in [
            (0, "1970-01-01"),
            (58, "1970-02-28"),
            (59, "1970-03-01"),
            (789, "1972-02-29"),
            (11_016, "2000-02-29"),
            (20_819, "2027-01-01"),
            (20_818, "2026-12-31"),
        ] {
            assert_eq!(date(day), expected);
        }
    }

    #[test]
    fn values() {
        let text = "vendor_id\t: X\nmodel name\t: A: B\nmodel name\t: C\n";
        assert_eq!(value(text, "model name", ':').as_deref(), Some("A: B"));
        assert_eq!(value(text, "model", ':'), None);
    }
}
