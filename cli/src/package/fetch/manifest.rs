//! What registries say of what they have: manifests of images and artifacts, and indices of those for several platforms
//! (OCI image specification 1.1, and Docker's manifests of version 2.2, which came before it).

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use wasmer_runtime::cache::PackageSum;

use crate::output::printable;
use crate::package::reference::{digest_of, short};

/// What is asked for.
pub(super) const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";
/// What registries must take is 4 MiB; nobody needs more to say where one file is.
pub(super) const MANIFEST_BYTES_MAX: usize = 4 << 20;

/// How a layer holds a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// As it is.
    None,
    /// In an archive, as the one file of an image.
    Tar,
    TarGz,
}

/// What layers are called, and what is in them.
const LAYERS: &[(&str, Packing)] = &[
    // CNCF's artifacts of WebAssembly, and what went before them.
    ("application/wasm", Packing::None),
    ("application/vnd.wasm.content.layer.v1+wasm", Packing::None),
    ("application/vnd.module.wasm.content.layer.v1+wasm", Packing::None),
    ("application/vnd.oci.image.layer.v1.tar", Packing::Tar),
    ("application/vnd.oci.image.layer.v1.tar+gzip", Packing::TarGz),
    ("application/vnd.docker.image.rootfs.diff.tar", Packing::Tar),
    ("application/vnd.docker.image.rootfs.diff.tar.gzip", Packing::TarGz),
];

/// Something that a registry has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blob {
    pub(super) sum: PackageSum,
    pub(super) bytes: u64,
}

/// Where a manifest leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The manifest for our platform.
    Manifest(Blob),
    /// The layer with the program.
    Layer(Blob, Packing),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    manifests: Option<Vec<Descriptor>>,
    layers: Option<Vec<Descriptor>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
}

impl Descriptor {
    fn blob(&self) -> anyhow::Result<Blob> {
        Ok(Blob { sum: digest_of(&self.digest)?, bytes: self.size })
    }

    fn is_wasm(&self) -> bool {
        self.platform.as_ref().is_some_and(|platform| matches!(&*platform.architecture, "wasm" | "wasm32"))
    }

    fn platform_name(&self) -> String {
        match &self.platform {
            Some(Platform { architecture, os }) => printable(&short(&format!("`{os}/{architecture}`"))),
            None => "one without a platform".to_owned(),
        }
    }

    fn packing(&self) -> Option<Packing> {
        LAYERS.iter().find(|(name, _)| *name == self.media_type).map(|(_, packing)| *packing)
    }
}

/// Reads a manifest.
pub(super) fn next(text: &[u8]) -> anyhow::Result<Next> {
    let manifest: Manifest = serde_json::from_slice(text).context("the manifest is not one of OCI")?;
    match (manifest.manifests, manifest.layers) {
        (Some(manifests), None) => platform(&manifests),
        (None, Some(layers)) => layer(&layers),
        // What two readers could read differently.
        (Some(_), Some(_)) => bail!("the manifest is for one platform and for several at the same time"),
        (None, None) => bail!("the manifest has neither layers nor platforms"),
    }
}

fn platform(manifests: &[Descriptor]) -> anyhow::Result<Next> {
    let wasm: Vec<_> = manifests.iter().filter(|manifest| manifest.is_wasm()).collect();
    let chosen = match (&wasm[..], manifests) {
        ([one], _) => *one,
        ([], [one]) if one.platform.is_none() => one,
        ([], _) => bail!("it is not for WebAssembly, but for {}", list(manifests.iter(), Descriptor::platform_name)),
        _ => bail!(
            "it has several programs of WebAssembly, for {}\nhint: name one by its digest",
            list(wasm.iter().copied(), |manifest| format!(
                "{} (`{}`)",
                manifest.platform_name(),
                printable(&short(&manifest.digest))
            ))
        ),
    };
    Ok(Next::Manifest(chosen.blob()?))
}

fn layer(layers: &[Descriptor]) -> anyhow::Result<Next> {
    let wasm: Vec<_> = layers.iter().filter(|layer| layer.packing() == Some(Packing::None)).collect();
    let (layer, packing) = match (&wasm[..], layers) {
        ([one], _) => (*one, Packing::None),
        ([], [one]) => {
            let packing = one.packing().with_context(|| {
                format!("its layer is `{}`, and not a program of WebAssembly", printable(&short(&one.media_type)))
            })?;
            (one, packing)
        }
        ([], []) => bail!("it has no layer, and so no program"),
        ([], _) => bail!(
            "it has {} layers, none of which is a program of WebAssembly: {}\nhint: images of containers run in a container, not here",
            layers.len(),
            list(layers.iter(), |layer| format!("`{}`", printable(&short(&layer.media_type))))
        ),
        _ => bail!("it has {} programs of WebAssembly, and which one is meant is not said", wasm.len()),
    };
    let blob = layer.blob()?;
    ensure!(
        blob.bytes <= super::PROGRAM_BYTES_MAX,
        "its layer has {} bytes, and a program at most {}",
        blob.bytes,
        super::PROGRAM_BYTES_MAX
    );
    Ok(Next::Layer(blob, packing))
}

/// Some of many, for a message.
fn list<'d>(
    descriptors: impl ExactSizeIterator<Item = &'d Descriptor>,
    name: impl Fn(&Descriptor) -> String,
) -> String {
    const SHOWN_MAX: usize = 4;
    let more = descriptors.len().saturating_sub(SHOWN_MAX);
    let mut names: Vec<_> = descriptors.take(SHOWN_MAX).map(name).collect();
    if more > 0 {
        names.push(format!("{more} more"));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0101010101010101010101010101010101010101010101010101010101010101";
    const BLOB: Blob = Blob { sum: PackageSum([1; 32]), bytes: 5 };

    fn descriptor(media_type: &str, more: &str) -> String {
        format!(r#"{{"mediaType": "{media_type}", "digest": "{DIGEST}", "size": 5{more}}}"#)
    }

    fn layers(media_types: &[&str]) -> String {
        let layers: Vec<_> = media_types.iter().map(|media_type| descriptor(media_type, "")).collect();
        format!(
            r#"{{"schemaVersion": 2, "config": {}, "layers": [{}]}}"#,
            descriptor("application/vnd.wasm.config.v0+json", ""),
            layers.join(",")
        )
    }

    fn platforms(platforms: &[&str]) -> String {
        let entry = |platform: &&str| {
            let (os, architecture) = platform.split_once('/').unwrap();
            descriptor("x", &format!(r#", "platform": {{"os": "{os}", "architecture": "{architecture}"}}"#))
        };
        let manifests: Vec<_> = platforms.iter().map(entry).collect();
        format!(r#"{{"schemaVersion": 2, "manifests": [{}]}}"#, manifests.join(","))
    }

    fn refused(text: &str) -> String {
        format!("{:#}", next(text.as_bytes()).unwrap_err())
    }

    #[test]
    fn the_program_is_found() {
        for (media_type, packing) in LAYERS {
            assert_eq!(next(layers(&[media_type]).as_bytes()).unwrap(), Next::Layer(BLOB, *packing));
        }
        let with_others = layers(&["text/plain", "application/wasm", "application/vnd.oci.image.layer.v1.tar"]);
        assert_eq!(next(with_others.as_bytes()).unwrap(), Next::Layer(BLOB, Packing::None));
        for list in [&["linux/amd64", "wasi/wasm"][..], &["wasip1/wasm"], &["wasi/wasm32", "linux/wasm64"]] {
            assert_eq!(next(platforms(list).as_bytes()).unwrap(), Next::Manifest(BLOB));
        }
        let bare = format!(r#"{{"manifests": [{}]}}"#, descriptor("x", ""));
        assert_eq!(next(bare.as_bytes()).unwrap(), Next::Manifest(BLOB));
    }

    #[test]
    fn what_is_no_program_is_named() {
        for (text, part) in [
            (platforms(&["linux/amd64", "linux/arm64"]), "but for `linux/amd64`, `linux/arm64`"),
            (platforms(&["a/b"; 9]), "`a/b`, 5 more"),
            (platforms(&["wasip1/wasm", "wasip2/wasm"]), "several programs of WebAssembly"),
            (layers(&[]), "no layer"),
            (layers(&["application/wasm", "application/wasm"]), "2 programs of WebAssembly"),
            (layers(&["application/vnd.oci.image.layer.v1.tar+zstd"]), "`application/vnd.oci.image.layer.v1.tar+zstd`"),
            (layers(&["application/vnd.oci.image.layer.v1.tar+gzip"; 3]), "3 layers"),
            (layers(&["\\u001b[2J"]), "\u{fffd}[2J"),
        ] {
            let error = refused(&text);
            assert!(error.contains(part) && !error.contains('\u{1b}'), "{error}");
        }
    }

    #[test]
    fn hostile_manifests_are_refused() {
        let both =
            layers(&["application/wasm"]).replacen('{', &format!("{{\"manifests\": [{}], ", descriptor("x", "")), 1);
        let deep = |name| format!("{{\"{name}\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let good = layers(&["application/wasm"]);
        for (text, part) in [
            (both, "at the same time"),
            (deep("layers"), "not one of OCI"),
            (deep("annotations"), ""),
            (String::new(), "not one of OCI"),
            ("[]".to_owned(), "not one of OCI"),
            ("{}".to_owned(), "neither layers nor platforms"),
            (good.replace("sha256:", "sha512:"), "`sha512`"),
            (good.replace("sha256:", "../../"), "is not a digest"),
            (good.replace("\"size\": 5", "\"size\": -1"), "not one of OCI"),
            (good.replace("\"size\": 5", "\"size\": 18446744073709551615"), "a program at most"),
            (good.replace("\"size\": 5", "\"size\": 1e99"), "not one of OCI"),
            (good.replace("0101", "01"), "64 digits"),
        ] {
            let error = refused(&text);
            assert!(error.contains(part) && error.len() < 1000, "{error}");
        }
    }
}
