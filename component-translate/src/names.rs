//! Which versions of an interface stand for one another.

/// A name without the part of its version that compatible ones differ in (semantic versioning): `a:b/c@1` of `a:b/c@1.2.3`, `a:b/c@0.2` of
/// `a:b/c@0.2.1`, and with it the whole version as numbers. None if only the name itself is compatible.
///
/// ```
/// use wasmer_component_translate::names::track;
///
/// assert_eq!(track("wasi:io/streams@0.2.6"), Some(("wasi:io/streams@0.2", [0, 2, 6])));
/// assert_eq!(track("a:b/c@1.0.2"), Some(("a:b/c@1", [1, 0, 2])));
/// assert_eq!(track("a:b/c@0.2.0-rc.1"), None);
/// assert_eq!(track("a:b/c"), None);
/// ```
pub fn track(name: &str) -> Option<(&str, [u64; 3])> {
    let (base, version) = name.split_once('@')?;
    let version = version.split_once('+').map_or(version, |(numbers, _)| numbers);
    let mut numbers = version.split('.').map(number);
    let version = [numbers.next()??, numbers.next()??, numbers.next()??];
    if numbers.next().is_some() {
        return None;
    }
    let digits = |number: u64| number.checked_ilog10().unwrap_or(0) as usize + 1;
    let kept = match version {
        [0, 0, _] => return None,
        [0, minor, _] => 2 + digits(minor),
        [major, ..] => digits(major),
    };
    Some((&name[..base.len() + 1 + kept], version))
}

/// A number as versions have them: without leading zeros.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_canonical = text == "0" || !text.starts_with('0');
    if is_number && is_canonical { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::track;

    #[test]
    fn versions_that_stand_for_one_another_have_one_track() {
        let cases = [
            ("a:b/c@0.2.0", Some(("a:b/c@0.2", [0, 2, 0]))),
            ("a:b/c@0.12.30+build.1", Some(("a:b/c@0.12", [0, 12, 30]))),
            ("a:b/c@12.0.1", Some(("a:b/c@12", [12, 0, 1]))),
            ("a:b/c@0.0.1", None),
            ("a:b/c@1.0", None),
            ("a:b/c@1.0.0.0", None),
            ("a:b/c@01.0.0", None),
            ("a:b/c@1.x.0", None),
            ("a:b/c@", None),
            ("a", None),
        ];
        for (name, expected) in cases {
            assert_eq!(track(name), expected, "{name}");
        }
    }
}
