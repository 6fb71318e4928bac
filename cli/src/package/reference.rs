//! What names a program that is not a file: `oci://REGISTRY/NAME:TAG`, `oci://REGISTRY/NAME@sha256:…`, `https://HOST/app.wasm#sha256=…`.

use std::fmt;

use anyhow::{Context, bail, ensure};
use wasmer_runtime::cache::PackageSum;

use super::key::Key;

/// How the address of something in a registry begins.
const OCI: &str = "oci://";
/// What stands before a sum in an address of the web; it is never sent to a server.
const SUM: &str = "#sha256=";
/// What stands before a digest.
pub(crate) const SHA256: &str = "sha256:";
/// The tag that is meant where there is none.
const LATEST: &str = "latest";
/// Longer ones are nobody's.
const REFERENCE_BYTES_MAX: usize = 4096;
/// The specification's limits, or what all registries agree on.
const NAME_BYTES_MAX: usize = 255;
const TAG_BYTES_MAX: usize = 128;

/// A program somewhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) place: Place,
    /// What it must be: the digest of a registry's manifest, or the sum of the bytes that an address leads to.
    pub(crate) sum: Option<PackageSum>,
    /// Who must have signed it.
    pub(crate) signer: Option<Key>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Registry {
        /// `HOST` or `HOST:PORT`.
        registry: String,
        name: String,
        /// Not there if a digest says what is meant.
        tag: Option<String>,
    },
    Web(Url),
}

impl Reference {
    /// The reference that a word is, or what is wrong with it; none if the word names a file.
    pub(crate) fn parse(word: &str) -> Option<anyhow::Result<Self>> {
        let parsed = match word.strip_prefix(OCI) {
            Some(rest) => Self::in_registry(rest),
            None if word.starts_with(Url::SECURE) || word.starts_with(Url::PLAIN) => Self::on_web(word),
            None => return None,
        };
        let is_long = word.len() > REFERENCE_BYTES_MAX;
        let parsed = if is_long { Err(anyhow::anyhow!("it is too long")) } else { parsed };
        let shown: String = word.chars().take(200).collect();
        Some(parsed.with_context(|| format!("`{shown}` names no program")))
    }

    fn in_registry(text: &str) -> anyhow::Result<Self> {
        let (text, sum) = match text.split_once('@') {
            Some((text, digest)) => (text, Some(digest_of(digest)?)),
            None => (text, None),
        };
        let example = "hint: write `oci://REGISTRY/NAME:TAG`, for instance `oci://ghcr.io/someone/app:1.0`";
        let (registry, path) = text.split_once('/').with_context(|| format!("the name is missing\n{example}"))?;
        ensure!(is_authority(registry), "`{registry}` is not the name of a registry\n{example}");
        let (name, tag) = match path.split_once(':') {
            Some((name, tag)) => (name, Some(tag)),
            None => (path, None),
        };
        ensure!(
            name.len() <= NAME_BYTES_MAX && name.split('/').all(is_component),
            "`{name}` is not a name of a registry: those are lower-case letters, digits, `.`, `_`, `-`, in parts between `/`\n{example}"
        );
        ensure!(tag.is_none_or(is_tag), "`{}` is not a tag\n{example}", tag.unwrap_or_default());
        let tag = tag.or(if sum.is_none() { Some(LATEST) } else { None }).map(str::to_owned);
        Ok(Self {
            place: Place::Registry { registry: registry.to_owned(), name: name.to_owned(), tag },
            sum,
            signer: None,
        })
    }

    fn on_web(text: &str) -> anyhow::Result<Self> {
        let (address, sum) = match text.split_once('#') {
            None => (text, None),
            Some((address, _)) => {
                let sum = text[address.len()..].strip_prefix(SUM).and_then(sum_of);
                (
                    address,
                    Some(sum.with_context(|| {
                        format!("behind `#` only a checksum can stand: `{SUM}`, and 64 digits of 0 to 9 and a to f")
                    })?),
                )
            }
        };
        Ok(Self { place: Place::Web(Url::parse(address)?), sum, signer: None })
    }

    /// What the store notes its meaning under. A digest means the same in every registry, and a sum needs no note.
    pub(crate) fn key(&self) -> String {
        let key = match (&self.place, &self.sum) {
            (Place::Registry { .. }, Some(sum)) => format!("{OCI}{SHA256}{sum}"),
            (place, _) => place.to_string(),
        };
        match &self.signer {
            None => key,
            Some(signer) => format!("{key} signed by {signer}"),
        }
    }

    /// What the program is told to be called by, and what files are called that are made of it.
    pub(crate) fn program_name(&self) -> &str {
        match &self.place {
            Place::Registry { name, .. } => name.rsplit('/').next().unwrap_or(name),
            Place::Web(url) => url.file_name(),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.fmt(f)?;
        match (&self.place, &self.sum) {
            (_, None) => Ok(()),
            (Place::Registry { .. }, Some(sum)) => write!(f, "@{SHA256}{sum}"),
            (Place::Web(_), Some(sum)) => write!(f, "{SUM}{sum}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry { registry, name, tag: Some(tag) } => write!(f, "{OCI}{registry}/{name}:{tag}"),
            Self::Registry { registry, name, tag: None } => write!(f, "{OCI}{registry}/{name}"),
            Self::Web(url) => url.fmt(f),
        }
    }
}

/// The digest in `sha256:…`.
pub(crate) fn digest_of(text: &str) -> anyhow::Result<PackageSum> {
    match text.split_once(':') {
        Some(("sha256", digits)) => sum_of(digits).context("`sha256:` is followed by 64 digits of 0 to 9 and a to f"),
        Some((algorithm, _)) => bail!("digests of `{}` are not supported, those of `sha256` are", short(algorithm)),
        None => bail!("`{}` is not a digest: those are `sha256:` and 64 digits", short(text)),
    }
}

fn sum_of(digits: &str) -> Option<PackageSum> {
    PackageSum::from_hex(digits.as_bytes())
}

/// As much of a stranger's word as a message bears.
pub(crate) fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

/// A part of a name: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn is_component(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends = bytes.first().zip(bytes.last());
    if !ends.is_some_and(|(first, last)| is_word(*first) && is_word(*last)) {
        return false;
    }
    let separators = bytes.split(|byte| is_word(*byte)).filter(|between| !between.is_empty());
    separators
        .into_iter()
        .all(|between| matches!(between, b"." | b"_" | b"__") || between.iter().all(|byte| *byte == b'-'))
}

/// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`
fn is_tag(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= TAG_BYTES_MAX
        && text.bytes().next().is_some_and(is_word)
        && text.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'))
}

/// `HOST` or `HOST:PORT`, without anybody's name and password.
fn is_authority(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let is_address = |inside: &str| inside.parse::<std::net::Ipv6Addr>().is_ok();
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(inside) => is_address(inside),
        None => !host.is_empty() && host.bytes().all(is_name) && !host.starts_with(['.', '-']),
    };
    is_host && port.is_none_or(is_port)
}

/// An address of the web, without what stands behind `#`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    /// Whether it is read through TLS.
    pub(crate) is_secure: bool,
    /// `HOST` or `HOST:PORT`.
    pub(crate) authority: String,
    /// Path and query, from the first `/` on.
    pub(crate) path: String,
}

impl Url {
    pub(crate) const SECURE: &str = "https://";
    pub(crate) const PLAIN: &str = "http://";

    /// An address that may be read: without encryption only this machine is asked.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let (is_secure, rest) = match (text.strip_prefix(Self::SECURE), text.strip_prefix(Self::PLAIN)) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => bail!("`{}` is not an address that begins with `https://`", short(text)),
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        ensure!(
            !authority.contains('@'),
            "a name and password do not belong into an address, where others see them\n\
             hint: `docker login` notes those of registries; other servers are only asked for what everybody gets"
        );
        ensure!(is_authority(authority), "`{}` is not the name of a server", short(authority));
        let is_plain = |byte: u8| {
            byte.is_ascii_graphic()
                && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | b'#')
        };
        ensure!(path.bytes().all(is_plain), "the address contains what has to be written as `%` and two digits");
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let url = Self { is_secure, authority: authority.to_ascii_lowercase(), path };
        ensure!(
            is_secure || url.is_loopback(),
            "it would be read without protection from others on the way\nhint: use an address that begins with `https://`"
        );
        Ok(url)
    }

    /// Whether it leads to this machine itself.
    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.authority)
    }

    fn file_name(&self) -> &str {
        let path = self.path.split('?').next().unwrap_or_default();
        match path.rsplit('/').next() {
            Some(name) if !matches!(name, "" | "." | "..") => name,
            _ => &self.authority,
        }
    }
}

/// Whether `HOST` or `HOST:PORT` is this machine itself.
pub(crate) fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    };
    matches!(host, "127.0.0.1" | "localhost" | "[::1]")
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { is_secure, authority, path } = self;
        write!(f, "{}{authority}{path}", if *is_secure { Self::SECURE } else { Self::PLAIN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn parse(word: &str) -> Reference {
        Reference::parse(word).unwrap_or_else(|| panic!("{word} is a file")).unwrap_or_else(|error| panic!("{error:#}"))
    }

    #[test]
    fn references_are_told_from_files() {
        for file in ["app.wasm", "./https", "oci:/x", "-", "", "ftp://host/x", "python/python", "OCI://host/x"] {
            assert!(Reference::parse(file).is_none(), "{file}");
        }
        let digest = format!("@sha256:{DIGITS}");
        for (word, whole, name) in [
            ("oci://ghcr.io/a/b-c_d.e:1.0", "oci://ghcr.io/a/b-c_d.e:1.0", "b-c_d.e"),
            ("oci://localhost:5000/app", "oci://localhost:5000/app:latest", "app"),
            ("oci://[::1]:5000/a--b", "oci://[::1]:5000/a--b:latest", "a--b"),
            (&format!("oci://h/a{digest}"), &format!("oci://h/a{digest}"), "a"),
            (&format!("oci://h/a:tag{digest}"), &format!("oci://h/a:tag{digest}"), "a"),
            ("https://Example.com", "https://example.com/", "example.com"),
            ("https://h/x/app.wasm?a=b/c", "https://h/x/app.wasm?a=b/c", "app.wasm"),
            ("https://h/x/..", "https://h/x/..", "h"),
            ("http://127.0.0.1:80/app.wasm", "http://127.0.0.1:80/app.wasm", "app.wasm"),
            (&format!("https://h/a#sha256={DIGITS}"), &format!("https://h/a#sha256={DIGITS}"), "a"),
        ] {
            let reference = parse(word);
            assert_eq!((reference.to_string().as_str(), reference.program_name()), (whole, name), "{word}");
            assert_eq!(parse(whole), reference, "{word}");
        }
    }

    #[test]
    fn tricks_are_refused() {
        let long = "a".repeat(5000);
        for word in [
            "oci://",
            "oci://host",
            "oci://host/",
            "oci:///name",
            "oci://host/../x",
            "oci://host/a/../b",
            "oci://host/a//b",
            "oci://host/.a",
            "oci://host/a.",
            "oci://host/a..b",
            "oci://host/a___b",
            "oci://host/A",
            "oci://host/a%2e",
            "oci://host/a b",
            "oci://host/a?b",
            "oci://host/a#b",
            "oci://host/a:",
            "oci://host/a:.x",
            "oci://host/a:x/y",
            "oci://host/a:x:y",
            "oci://host/a@",
            "oci://host/a@sha256:",
            "oci://host/a@sha256:00",
            "oci://host/a@sha512:00",
            "oci://host:/a",
            "oci://host:99999/a",
            "oci://host:+5/a",
            "oci://-host/a",
            "oci://host\\@evil/a",
            "oci://u:p@host/a",
            "oci://[::1/a",
            "oci://[x]/a",
            "oci://ho\u{1b}st/a",
            "oci://höst/a",
            "https://",
            "https:///x",
            "https://u:p@host/x",
            "https://u@host/x",
            "https://host/a b",
            "https://host/\r\nx: y",
            "https://host/\u{e9}",
            "https://host/x#",
            "https://host/x#sha256=",
            "https://host/x#sha256=00",
            "https://host/x#md5=00",
            "http://example.com/x",
            "http://127.0.0.1.example.com/",
            "http://localhost@example.com/",
            "http://example.com#localhost/",
            "http://127.0.0.1:80:80/",
            &format!("oci://host/{long}"),
            &format!("https://host/{long}"),
            &format!("oci://host/a:{}", &long[..129]),
            &format!("oci://host/a@sha256:{}", DIGITS.to_uppercase()),
        ] {
            let error = Reference::parse(word).expect("it is no file").expect_err(word);
            let text = format!("{error:#}");
            assert!(text.contains("names no program") && text.len() < 1000, "{word}: {text}");
        }
    }

    #[test]
    fn meanings_are_noted_under_what_cannot_change_where_there_is_that() {
        let digest = format!("@sha256:{DIGITS}");
        assert_eq!(parse(&format!("oci://one/a:b{digest}")).key(), parse(&format!("oci://two/c{digest}")).key());
        assert_ne!(parse("oci://one/a:b").key(), parse("oci://two/a:b").key());
        assert_eq!(parse("https://h/a").key(), parse(&format!("https://h/a#sha256={DIGITS}")).key());
    }
}
