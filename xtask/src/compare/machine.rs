//! What the machine is on which was measured.

use std::fs;
use std::path::Path;

use crate::shell;

/// Names and values, for readers.
pub(crate) fn describe(root: &Path) -> Vec<(String, String)> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let kilobytes = value(&memory, "MemTotal", ':').trim_end_matches("kB").trim().parse().unwrap_or(0u64);
    let mut git = std::process::Command::new("git");
    let commit = shell::read(git.current_dir(root).args(["log", "-1", "--format=%h of %cs"])).unwrap_or_default();
    let rows = [
        ("processor", format!("{}, {threads} threads", value(&cpu, "model name", ':'))),
        ("memory", format!("{:.0} GiB", kilobytes as f64 / f64::from(1 << 20))),
        ("system", format!("{}, Linux {}", value(&system, "PRETTY_NAME", '=').trim_matches('"'), kernel.trim())),
        // Figures of a machine that does something else, too, deserve less trust.
        ("load", format!("{} processes on average", load.split(' ').next().unwrap_or_default())),
        ("commit", commit.trim().to_owned()),
    ];
    rows.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

/// The value of the first line of that name.
fn value<'a>(text: &'a str, name: &str, separator: char) -> &'a str {
    let mut pairs = text.lines().filter_map(|line| line.split_once(separator));
    pairs.find(|(key, _)| key.trim() == name).map_or("", |(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_name() {
        let text = "processor\t: 0\nmodel name\t: A: B\nmodel name\t: C\n";
        assert_eq!(value(text, "model name", ':'), "A: B");
        assert_eq!(value(text, "flags", ':'), "");
        assert_eq!(value("NAME=\"Debian\"\n", "NAME", '='), "\"Debian\"");
    }

    #[test]
    fn this_machine_has_a_processor_and_memory() {
        let rows = describe(&crate::workspace_root());
        // Sources without a history have no commit.
        let mut known = rows.iter().filter(|(name, _)| name != "commit");
        assert!(known.all(|(_, value)| !value.is_empty()), "{rows:?}");
    }
}
