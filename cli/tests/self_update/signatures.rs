//! Programs that have to be signed (`--key`): signed ones run, and need no network afterwards; whatever else a registry has in place of a signature is refused in a
//! sentence, and nothing is stored.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};

use crate::packages::{Bench, program};
use crate::registry::{Reply, Shop, descriptor, digest, manifest, sum};

const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

struct Signer(EcdsaKeyPair);

impl Signer {
    fn new() -> Self {
        let (kind, random) = (&ECDSA_P256_SHA256_ASN1_SIGNING, SystemRandom::new());
        let key = EcdsaKeyPair::generate_pkcs8(kind, &random).expect("there is randomness");
        Self(EcdsaKeyPair::from_pkcs8(kind, key.as_ref(), &random).expect("it was just made"))
    }

    fn sign(&self, text: &str) -> String {
        STANDARD.encode(self.0.sign(&SystemRandom::new(), text.as_bytes()).expect("there is randomness"))
    }

    /// The public key as a file.
    fn key(&self) -> String {
        let mut der = STANDARD.decode("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAA").expect("Base64")[..26].to_vec();
        der.extend_from_slice(self.0.public_key().as_ref());
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
    }
}

/// What is signed of a manifest.
fn payload(digest: &str) -> String {
    format!(
        r#"{{"critical":{{"identity":{{"docker-reference":"app"}},"image":{{"docker-manifest-digest":"{digest}"}},"type":"cosign container image signature"}},"optional":null}}"#
    )
}

fn layer(payload: &str, annotations: &[(&str, &str)]) -> String {
    let annotations: Vec<_> = annotations.iter().map(|(name, value)| format!(r#""{name}": "{value}""#)).collect();
    descriptor(PAYLOAD, payload.as_bytes(), &format!(r#", "annotations": {{{}}}"#, annotations.join(",")))
}

fn artifact(layers: &[String]) -> String {
    format!(r#"{{"schemaVersion": 2, "layers": [{}]}}"#, layers.join(","))
}

/// Puts signatures beside a manifest.
fn put(shop: &Shop, manifest: &str, artifact: &str) {
    shop.tag("app", &format!("sha256-{}.sig", sum(manifest.as_bytes())), artifact);
}

/// Signs a manifest, as it should be.
fn sign(shop: &Shop, manifest: &str, signer: &Signer) {
    let payload = payload(&digest(manifest.as_bytes()));
    shop.blob("app", payload.as_bytes());
    put(shop, manifest, &artifact(&[layer(&payload, &[(SIGNATURE, &signer.sign(&payload))])]));
}

#[test]
fn signed_programs_run_without_a_network_afterwards() {
    let (one, two) = (program("one"), program("two"));
    let (ours, other) = (Signer::new(), Signer::new());
    let first = manifest("application/wasm", &one);
    let shop = Shop::with(&one);
    sign(&shop, &first, &ours);
    let server = shop.open();
    let bench = Bench::new();
    fs::write(bench.path("ours.pub"), ours.key()).unwrap();
    fs::write(bench.path("other.pub"), other.key()).unwrap();
    let tag = format!("oci://{}/app:tag", server.address);
    let pinned = format!("oci://{}/app@{}", server.address, digest(first.as_bytes()));

    bench.run(&["run", "--key", "ours.pub", &tag]).printed("one");
    let signed = payload(&digest(first.as_bytes()));
    assert_eq!(
        server.paths(),
        [
            "/v2/app/manifests/tag".to_owned(),
            format!("/v2/app/manifests/sha256-{}.sig", sum(first.as_bytes())),
            format!("/v2/app/blobs/{}", digest(signed.as_bytes())),
            format!("/v2/app/blobs/{}", digest(&one)),
        ]
    );
    for word in [&tag, &pinned] {
        bench.run(&["run", "--key", "ours.pub", word]).printed("one");
        bench.run(&["run", "--pull", "never", word]).printed("one");
        bench.run(&["run", "--key", "other.pub", "--pull", "never", word]).failed(&[
            "is not stored here as signed by this key",
            &format!("hint: `wasmer pull --key FILE {word}` does"),
        ]);
    }
    assert_eq!(server.paths(), [""; 0]);
    bench.run(&["run", "--key", "other.pub", &tag]).failed(&["its signature is not by this key; nothing was stored"]);

    // What the tag means now is not signed; what it meant stays.
    let new = manifest("application/wasm", &two);
    shop.blob("app", &two);
    shop.tag("app", "tag", &new);
    bench.run(&["run", "--key", "ours.pub", "--pull", "always", &tag]).failed(&["it has no signature"]);
    bench.run(&["pull", "--key", "ours.pub", &tag]).failed(&["it has no signature"]);
    bench.run(&["run", "--key", "ours.pub", &tag]).printed("one");
    bench.run(&["run", "--pull", "always", &tag]).printed("two");
    bench.run(&["run", "--key", "ours.pub", &tag]).printed("one");
    sign(&shop, &new, &ours);
    bench.run(&["pull", "--key", "ours.pub", &tag]).printed(&format!("{}\n", digest(new.as_bytes())));
    bench.run(&["run", "--key", "ours.pub", &tag]).printed("two");
}

/// Runs a program beside whose manifest something stands.
fn beside(put: impl FnOnce(&Shop, &Signer, &str)) -> (Bench, crate::packages::Ran) {
    let one = program("one");
    let (shop, ours, bench) = (Shop::with(&one), Signer::new(), Bench::new());
    put(&shop, &ours, &manifest("application/wasm", &one));
    fs::write(bench.path("cosign.pub"), ours.key()).unwrap();
    let reference = format!("oci://{}/app:tag", shop.open().address);
    let ran = bench.run(&["run", "--key", "cosign.pub", &reference]);
    (bench, ran)
}

#[test]
fn one_of_several_signatures_is_enough() {
    let (_, ran) = beside(|shop, ours, manifest| {
        let payload = payload(&digest(manifest.as_bytes()));
        shop.blob("app", payload.as_bytes());
        let by = |signer: &Signer| layer(&payload, &[(SIGNATURE, &signer.sign(&payload))]);
        put(shop, manifest, &artifact(&[by(&Signer::new()), layer(&payload, &[]), by(ours)]));
    });
    ran.printed("one");
    // As what refers to the manifest.
    let (_, ran) = beside(|shop, ours, manifest| {
        let payload = payload(&digest(manifest.as_bytes()));
        shop.blob("app", payload.as_bytes());
        let signatures = artifact(&[layer(&payload, &[(SIGNATURE, &ours.sign(&payload))])]);
        shop.tag("app", "x", &signatures);
        let kind = r#", "artifactType": "application/vnd.dev.cosign.artifact.sig.v1+json""#;
        let referrers = format!(r#"{{"manifests": [{}]}}"#, descriptor("x", signatures.as_bytes(), kind));
        shop.put(&format!("/v2/app/referrers/{}", digest(manifest.as_bytes())), Reply::new(referrers));
    });
    ran.printed("one");
}

#[test]
fn what_is_no_signature_is_refused() {
    type Put = fn(&Shop, &Signer, &str);
    /// A signed text in place of the one that belongs to the manifest.
    fn text(shop: &Shop, ours: &Signer, manifest: &str, text: &str) {
        shop.blob("app", text.as_bytes());
        put(shop, manifest, &artifact(&[layer(text, &[(SIGNATURE, &ours.sign(text))])]));
    }
    /// A signature in place of the right one.
    fn signature(shop: &Shop, manifest: &str, change: impl Fn(&str) -> String, more: &[(&str, &str)]) {
        let payload = payload(&digest(manifest.as_bytes()));
        shop.blob("app", payload.as_bytes());
        let signature = change(&payload);
        put(shop, manifest, &artifact(&[layer(&payload, &[&[(SIGNATURE, &*signature)], more].concat())]));
    }
    let attacks: &[(Put, &str)] = &[
        (|_, _, _| (), "it has no signature;"),
        (|shop, _, manifest| put(shop, manifest, "{}"), "it has no signature;"),
        (|shop, _, manifest| put(shop, manifest, "text"), "is no manifest"),
        (|shop, _, manifest| sign(shop, manifest, &Signer::new()), "its signature is not by this key;"),
        (
            |shop, ours, manifest| text(shop, ours, manifest, &payload(&digest(b"another"))),
            "the signature that is there by this key is of another manifest, `sha256:",
        ),
        (|shop, ours, manifest| text(shop, ours, manifest, "text"), "the key has signed something else than a program"),
        (
            |shop, ours, manifest| {
                text(
                    shop,
                    ours,
                    manifest,
                    &payload(&digest(manifest.as_bytes())).replace("cosign container", "\\u001b"),
                );
            },
            "something else than a program, `\u{fffd} image signature`",
        ),
        (
            |shop, ours, manifest| {
                text(shop, ours, manifest, &payload(&digest(manifest.as_bytes())).replace("sha256:", "sha512:"));
            },
            "digests of `sha512`",
        ),
        (
            |shop, ours, manifest| signature(shop, manifest, |text| ours.sign(text)[..80].to_owned(), &[]),
            "its signature is not by this key;",
        ),
        (|shop, _, manifest| signature(shop, manifest, |_| "?".to_owned(), &[]), "its signature is not by this key;"),
        (
            |shop, ours, manifest| {
                let certificate = &[("dev.sigstore.cosign/certificate", "-----BEGIN")];
                signature(shop, manifest, |text| ours.sign(text), certificate);
            },
            "signatures by certificates (keyless ones), and bundles, are not supported",
        ),
        (
            |shop, _, manifest| {
                let kind = r#", "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json""#;
                let referrers = format!(r#"{{"manifests": [{}]}}"#, descriptor("x", b"x", kind));
                shop.put(&format!("/v2/app/referrers/{}", digest(manifest.as_bytes())), Reply::new(referrers));
            },
            "it has no signature by a key, and signatures by certificates",
        ),
        (
            |shop, ours, manifest| {
                sign(shop, manifest, ours);
                let path = format!("/v2/app/blobs/{}", digest(payload(&digest(manifest.as_bytes())).as_bytes()));
                shop.put(&path, Reply::new(payload(&digest(b"another"))));
            },
            "the registry sends another blob than `sha256:",
        ),
        (
            |shop, ours, manifest| {
                let long = " ".repeat(65 << 10);
                text(shop, ours, manifest, &long);
            },
            "at most 65536 are looked at",
        ),
        (
            |shop, _, manifest| put(shop, manifest, &artifact(&vec![layer("x", &[(SIGNATURE, "AAAA")]); 65])),
            "it has 65 signatures, and 64 are looked at",
        ),
        (
            |shop, _, manifest| {
                let path = format!("/v2/app/manifests/sha256-{}.sig", sum(manifest.as_bytes()));
                shop.put(&path, Reply::status(500));
            },
            "answers `500",
        ),
    ];
    for (attack, part) in attacks {
        let (bench, ran) = beside(attack);
        ran.failed(&[part]);
        assert_eq!(bench.stored(), [""; 0], "{part}");
    }
}

#[test]
fn keys_are_for_programs_of_registries() {
    let bench = Bench::new();
    fs::write(bench.path("ours.pub"), Signer::new().key()).unwrap();
    fs::write(bench.path("ed25519.pub"), {
        let key = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
        format!("-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n")
    })
    .unwrap();
    fs::write(bench.path("cosign.key"), "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n").unwrap();
    fs::write(bench.path("app.wasm"), program("one")).unwrap();
    let shop = Shop::with(&program("one"));
    let reference = format!("oci://{}/app:tag", shop.open().address);
    for (key, word, part) in [
        ("nowhere.pub", &*reference, "could not read `nowhere.pub`"),
        ("cosign.key", &reference, "it is the private half"),
        ("app.wasm", &reference, "app.wasm`"),
        ("ed25519.pub", &reference, "the key is none of ECDSA on P-256"),
        ("ours.pub", "app.wasm", "`app.wasm` is not of a registry"),
        ("ours.pub", "https://example.com/app.wasm", "is not of a registry"),
    ] {
        bench.run(&["run", "--key", key, word]).failed(&[part]);
    }
    assert_eq!(bench.stored(), [""; 0]);
}
