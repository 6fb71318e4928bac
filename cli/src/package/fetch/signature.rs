//! Signatures of what a registry has, as `cosign sign --key` makes them.
//!
//! Beside the manifest that is signed stands another one, under a tag made of the first one's digest, or as what refers to it. Each of its layers is a payload, a text
//! that names a digest, and has the signature of that text as an annotation. Whoever can write to the registry can put anything there, so nothing counts but a payload
//! that the key has signed and that names this digest.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde::Deserialize;
use wasmer_runtime::cache::PackageSum;

use super::manifest::Blob;
use super::registry::Registry;
use crate::output::printable;
use crate::package::key::Key;
use crate::package::reference::{SHA256, digest_of, short};

/// The layers that are payloads.
const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// What payloads say that they are.
const PAYLOAD_TYPE: &str = "cosign container image signature";
/// What has such layers, where it refers to what it signs.
const ARTIFACT: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";
/// How the names of all kinds of Sigstore's bundles begin.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";
/// The annotation with a signature, and the one that says whose it is if that is not said by a key.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
/// Payloads are short.
const PAYLOAD_BYTES_MAX: u64 = 64 << 10;
/// Nobody has so many signatures: whoever puts more there wants us to be busy.
const SIGNATURES_MAX: usize = 64;

/// A point on P-256 as a public key is written, but for the point: RFC 5480, section 2.
const P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A manifest, or an index of manifests.
#[derive(Deserialize)]
struct Artifact {
    layers: Option<Vec<Entry>>,
    manifests: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    media_type: String,
    #[serde(default)]
    artifact_type: String,
    digest: String,
    size: u64,
    annotations: Option<BTreeMap<String, String>>,
}

impl Entry {
    fn blob(&self) -> anyhow::Result<Blob> {
        Ok(Blob { sum: digest_of(&self.digest)?, bytes: self.size })
    }

    fn annotation(&self, name: &str) -> Option<&String> {
        self.annotations.as_ref()?.get(name).filter(|text| !text.is_empty())
    }
}

#[derive(Deserialize)]
struct Payload {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest", alias = "Docker-manifest-digest")]
    digest: String,
}

/// Refuses the manifest of a digest that the key has not signed.
pub(super) fn check(registry: &mut Registry<'_>, digest: &PackageSum, key: &Key) -> anyhow::Result<()> {
    let mut check = Check { key: point(key)?, digest: *digest, seen: Seen::default() };
    let layers = layers(registry, digest, &mut check.seen)?;
    ensure!(layers.len() <= SIGNATURES_MAX, "it has {} signatures, and {SIGNATURES_MAX} are looked at", layers.len());
    for layer in &layers {
        if check.is_ours(layer, |blob| registry.payload(blob))? {
            return Ok(());
        }
    }
    bail!("{}; nothing was stored", check.seen.describe())
}

/// The point that a public key is.
fn point(key: &Key) -> anyhow::Result<UnparsedPublicKey<Vec<u8>>> {
    let der = STANDARD.decode(key.to_string()).ok();
    let point = der.as_ref().and_then(|der| der.strip_prefix(&P256)).filter(|point| point.len() == 65);
    let point = point.context("the key is none of ECDSA on P-256, the only ones that are supported")?;
    Ok(UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point.to_vec()))
}

/// The layers that may be payloads for a digest.
fn layers(registry: &mut Registry<'_>, digest: &PackageSum, seen: &mut Seen) -> anyhow::Result<Vec<Entry>> {
    if let Some(text) = registry.manifest_if_any(&format!("manifests/sha256-{digest}.sig"))? {
        return Ok(read(&text)?.layers.unwrap_or_default());
    }
    let Some(text) = registry.manifest_if_any(&format!("referrers/{SHA256}{digest}"))? else { return Ok(Vec::new()) };
    let mut layers = Vec::new();
    for entry in read(&text)?.manifests.unwrap_or_default() {
        seen.bundles += usize::from(entry.artifact_type.starts_with(BUNDLE));
        if entry.artifact_type == ARTIFACT && layers.len() < SIGNATURES_MAX {
            let Blob { sum, bytes } = entry.blob()?;
            layers.extend(read(&registry.manifest(&sum, Some(bytes))?)?.layers.unwrap_or_default());
        }
    }
    Ok(layers)
}

fn read(text: &[u8]) -> anyhow::Result<Artifact> {
    serde_json::from_slice(text).context("what should be its signatures is no manifest")
}

struct Check {
    key: UnparsedPublicKey<Vec<u8>>,
    digest: PackageSum,
    seen: Seen,
}

impl Check {
    /// Whether a layer is what was looked for; what it is else is noted.
    fn is_ours(&mut self, layer: &Entry, fetch: impl FnOnce(&Blob) -> anyhow::Result<Vec<u8>>) -> anyhow::Result<bool> {
        if layer.media_type != PAYLOAD {
            return Ok(false);
        }
        if layer.annotation(CERTIFICATE).is_some() {
            self.seen.certificates += 1;
            return Ok(false);
        }
        self.seen.signatures += 1;
        let signature = layer.annotation(SIGNATURE).and_then(|text| STANDARD.decode(text).ok());
        let (Some(signature), blob) = (signature, layer.blob()?) else { return Ok(false) };
        ensure!(
            blob.bytes <= PAYLOAD_BYTES_MAX,
            "what is signed has {} bytes, and at most {PAYLOAD_BYTES_MAX} are looked at",
            blob.bytes
        );
        let payload = fetch(&blob)?;
        // Before anything of it is read.
        if self.key.verify(&payload, &signature).is_err() {
            return Ok(false);
        }
        let Payload { critical } =
            serde_json::from_slice(&payload).context("the key has signed something else than a program")?;
        ensure!(
            critical.kind == PAYLOAD_TYPE,
            "the key has signed something else than a program, `{}`",
            printable(&short(&critical.kind))
        );
        if digest_of(&critical.image.digest)? == self.digest {
            return Ok(true);
        }
        self.seen.another = Some(critical.image.digest);
        Ok(false)
    }
}

/// What there is instead of what was looked for.
#[derive(Default)]
struct Seen {
    signatures: usize,
    certificates: usize,
    bundles: usize,
    /// A digest that the key has signed.
    another: Option<String>,
}

impl Seen {
    fn describe(&self) -> String {
        const KEYLESS: &str = "signatures by certificates (keyless ones), and bundles, are not supported";
        match self {
            Self { another: Some(digest), .. } => {
                format!(
                    "the signature that is there by this key is of another manifest, `{}`",
                    printable(&short(digest))
                )
            }
            Self { signatures: 0, certificates: 0, bundles: 0, .. } => "it has no signature".to_owned(),
            Self { signatures: 0, .. } => format!("it has no signature by a key, and {KEYLESS}"),
            Self { signatures: 1, .. } => "its signature is not by this key".to_owned(),
            Self { signatures, .. } => format!("none of its {signatures} signatures is by this key"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By OpenSSL, as the signature is.
    const KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEcHDe54msBtLhoYu4O0iSFtE/2faHZMAjioE1S6JjUvk9EbhRUL8WJFxCrEap6/vlbh8vHLQMOCjRe3Unixax0g==";
    const SIGNED: &str =
        "MEYCIQD3A3wEOBlzRUTjdJf+YM57o45XTlO9bluZf6q4iytKUwIhAKxwwwqIDeD5TtAGhf777bb0pva7yy+DjBxjmEgMer8J";
    const TEXT: &str = r#"{"critical":{"identity":{"docker-reference":"registry.example/app"},"image":{"docker-manifest-digest":"sha256:05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f"},"type":"cosign container image signature"},"optional":null}"#;

    fn layer(signature: &str) -> Entry {
        Entry {
            media_type: PAYLOAD.to_owned(),
            artifact_type: String::new(),
            digest: format!("{SHA256}{}", "01".repeat(32)),
            size: TEXT.len() as u64,
            annotations: Some([(SIGNATURE.to_owned(), signature.to_owned())].into()),
        }
    }

    fn is_ours(text: &str, signature: &str) -> (anyhow::Result<bool>, Seen) {
        let digest = digest_of(TEXT.split('"').find(|part| part.starts_with(SHA256)).unwrap()).unwrap();
        let mut check = Check { key: point(&Key::parse(KEY).unwrap()).unwrap(), digest, seen: Seen::default() };
        (check.is_ours(&layer(signature), |_| Ok(text.into())), check.seen)
    }

    #[test]
    fn another_programs_signature_is_accepted() {
        assert!(is_ours(TEXT, SIGNED).0.unwrap());
        for (text, signature) in [
            (TEXT.replace("registry.example", "registry.examplf"), SIGNED.to_owned()),
            (TEXT.to_owned(), STANDARD.encode(&STANDARD.decode(SIGNED).unwrap()[..60])),
            (TEXT.to_owned(), format!("{SIGNED}AAAA")),
            (TEXT.to_owned(), "?".to_owned()),
            (TEXT.to_owned(), String::new()),
        ] {
            let (found, seen) = is_ours(&text, &signature);
            assert!(!found.unwrap() && seen.describe() == "its signature is not by this key");
        }
    }

    #[test]
    fn keys_of_other_kinds_are_refused() {
        // Ed25519, and a point that is cut off.
        for key in ["MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=", &KEY[..60], "AAAA", "="] {
            let error = point(&Key::parse(key).unwrap()).unwrap_err().to_string();
            assert!(error.contains("ECDSA on P-256"), "{error}");
        }
    }
}
