//! "Did you mean": the known name that is most like a mistyped one.

/// Names that are less alike than this are not mentioned, unless they are one slip apart.
const LIKENESS_MIN: f64 = 0.8;
/// Shorter words are one slip from too many others.
const SLIP_CHARS_MIN: usize = 3;
/// Longer names are nobody's slip, and comparing them takes long.
const NAME_BYTES_MAX: usize = 200;

/// The known name that is most like `word`, if one is like it at all.
pub(crate) fn similar<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > NAME_BYTES_MAX {
        return None;
    }
    let names = known.into_iter().filter(|name| name.len() <= NAME_BYTES_MAX);
    let likeness = names.map(|name| (strsim::jaro_winkler(word, name), name));
    let (likeness, name) = likeness.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    let is_slip = || word.chars().count() >= SLIP_CHARS_MIN && strsim::osa_distance(word, name) == 1;
    (likeness >= LIKENESS_MIN || is_slip()).then_some(name)
}

/// The rest of an error message about a name that is not known: the one that may have been meant, or other help.
pub(crate) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>, otherwise: &str) -> String {
    match similar(word, known) {
        Some(name) => format!("\nhint: did you mean `{}`?", crate::output::printable(name)),
        None => format!("\nhint: {otherwise}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let known = ["cranelift", "singlepass", "llvm"];
        for (word, meant) in
            [("carnelift", "cranelift"), ("single-pass", "singlepass"), ("lvm", "llvm"), ("lllvm", "llvm")]
        {
            assert_eq!(similar(word, known), Some(meant), "{word}");
        }
        assert_eq!(similar("rnu", ["run", "bench"]), Some("run"));
        for word in ["gcc", "", "x", &"cranelift".repeat(100)] {
            assert_eq!(similar(word, known), None, "{word}");
        }
        assert_eq!(similar("x", []), None);
    }
}
