//! Access logs: a line for each request, in the common log format with the seconds that it took at its end.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::{Method, Uri, Version};

/// A request and how it was answered. Displays as a line of a log.
#[derive(Clone, Debug)]
pub struct Access {
    /// Who asked.
    pub peer: SocketAddr,
    /// When.
    pub begun: SystemTime,
    pub(crate) method: Method,
    pub(crate) target: Uri,
    pub(crate) version: Version,
    /// How it was answered.
    pub status: u16,
    /// How many bytes of the answer's body were sent.
    pub bytes: u64,
    /// How long it took until the last of them was handed over.
    pub took: Duration,
    /// Whether the body ended before its end.
    pub is_cut: bool,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peer, begun, method, target, version, status, bytes, took, is_cut } = self;
        let when = Stamp(begun.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
        let cut = if *is_cut { " cut" } else { "" };
        let (ip, seconds) = (peer.ip(), took.as_secs_f64());
        write!(f, "{ip} - - [{when}] \"{method} {target} {version:?}\" {status} {bytes} {seconds:.6}{cut}")
    }
}

/// Seconds since 1970, as `30/Nov/2026:07:28:01 +0000`.
struct Stamp(u64);

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY: u64 = 24 * 60 * 60;

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0 / DAY, self.0 % DAY);
        let (year, month, day) = date(days);
        let month = MONTHS[month];
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{day:02}/{month}/{year}:{hour:02}:{minute:02}:{second:02} +0000")
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Year, month from zero, day from one.
fn date(mut days: u64) -> (u64, usize, u64) {
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 0;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_dates() {
        for (seconds, text) in [
            (0, "01/Jan/1970:00:00:00 +0000"),
            (951_782_399, "28/Feb/2000:23:59:59 +0000"),
            (951_782_400, "29/Feb/2000:00:00:00 +0000"),
            (951_868_800, "01/Mar/2000:00:00:00 +0000"),
            (4_107_542_399, "28/Feb/2100:23:59:59 +0000"),
            (4_107_542_400, "01/Mar/2100:00:00:00 +0000"),
            (1_796_024_881, "30/Nov/2026:07:48:01 +0000"),
            (1_798_761_599, "31/Dec/2026:23:59:59 +0000"),
        ] {
            assert_eq!(Stamp(seconds).to_string(), text);
        }
    }
}
