//! Keys that programs have to be signed by. Here they are words only: what a signature is, the fetching program knows.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail, ensure};

/// Keys are a few lines.
const FILE_BYTES_MAX: u64 = 64 << 10;
const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// A public key: the letters in its file, by which the store remembers what was signed by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key(String);

impl Key {
    /// Reads a file as `cosign generate-key-pair` and `openssl ec -pubout` make it.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let mut text = String::new();
        let read = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text));
        read.with_context(|| format!("could not read `{}`", path.display()))?;
        Self::in_file(&text).with_context(|| format!("`{}` has no key to check signatures by", path.display()))
    }

    fn in_file(text: &str) -> anyhow::Result<Self> {
        if text.contains("PRIVATE KEY-----") {
            bail!("it is the private half, which is for signing alone\nhint: the public one is called `cosign.pub`");
        }
        if text.contains("-----BEGIN CERTIFICATE-----") {
            bail!("it is a certificate, and signatures by certificates (keyless ones) are not supported");
        }
        let (_, inside) = text.split_once(BEGIN).context("a key begins with `-----BEGIN PUBLIC KEY-----`")?;
        let (inside, rest) = inside.split_once(END).context("the key does not end")?;
        ensure!(!rest.contains(BEGIN), "there are several keys in it");
        Self::parse(&inside.split_ascii_whitespace().collect::<String>())
    }

    /// The letters alone.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
        ensure!(!text.is_empty() && text.bytes().all(is_base64), "the key is not Base64");
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read() {
        let text = format!("# ours\n{BEGIN}\r\nMFkw\nEw+/\n\n{END}\n");
        assert_eq!(Key::in_file(&text).unwrap().to_string(), "MFkwEw+/");
        for (text, part) in [
            ("", "begins with"),
            (BEGIN, "does not end"),
            (&format!("{BEGIN}{END}"), "not Base64"),
            (&format!("{BEGIN}\u{e9}{END}"), "not Base64"),
            (&format!("{text}{text}"), "several keys"),
            ("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----", "private half"),
            ("-----BEGIN CERTIFICATE-----", "keyless"),
        ] {
            let error = Key::in_file(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
