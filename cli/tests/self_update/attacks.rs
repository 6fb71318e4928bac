//! Registries that send something else than they should: whatever it is, it is refused with a message that names it, and nothing is stored.

use crate::packages::{Bench, Ran, program};
use crate::registry::{Body, Reply, Server, Shop, digest, manifest, sum};

/// What a server does wrong, and what is said of it.
struct Attack {
    /// What `oci://SERVER/app` ends with; the tag unless given.
    reference: String,
    path: String,
    reply: Reply,
    parts: Vec<String>,
}

fn attack(path: &str, reply: Reply, parts: &[&str]) -> Attack {
    let parts = parts.iter().map(ToString::to_string).collect();
    Attack { reference: ":tag".to_owned(), path: format!("/v2/app/{path}"), reply, parts }
}

/// A server that does one thing wrong; each has its own folder, so that nothing is left of the others.
fn fail(program: &[u8], attack: Attack) {
    let Attack { reference, path, reply, parts } = attack;
    let shop = Shop::with(program);
    shop.put(&path, reply);
    let server = shop.open();
    let bench = Bench::new();
    let mut command = bench.command(&["run", &format!("oci://{}/app{reference}", server.address)]);
    let ran = Ran::of(command.env("WASMER_PULL_TIMEOUT", "1s").output().unwrap());
    let parts: Vec<_> = parts.iter().map(|part| part.replace("SERVER", &server.address)).collect();
    ran.failed(&parts.iter().map(String::as_str).chain(["could not fetch `oci://"]).collect::<Vec<_>>());
    assert_eq!(bench.stored(), [""; 0], "{parts:?}");
}

#[test]
fn blobs_that_are_something_else_are_not_stored() {
    let one = program("one");
    let blob = format!("blobs/{}", digest(&one));
    let mut other = one.clone();
    *other.last_mut().unwrap() ^= 1;
    let mut longer = one.clone();
    longer.push(0);
    for attack in [
        attack(&blob, Reply::new(other), &["something else than `sha256:", "nothing was stored"]),
        attack(&blob, Reply::new(longer), &[&format!("more than {} bytes", one.len()), "nothing was stored"]),
        attack(&blob, Reply::new(&one[1..]), &[&format!("has {} bytes, not {}", one.len() - 1, one.len())]),
        attack(&blob, Reply::new("<html>"), &["6 bytes, not"]),
        attack(&blob, Reply::body(Body::Half(one[..20].into())), &["could not read `http://SERVER/v2/app/blobs/"]),
        attack(&blob, Reply::body(Body::Endless(one.clone())), &["more than"]),
        attack(
            &blob,
            Reply::body(Body::Stalled(one[..20].into())),
            &["it takes longer than 1s", "hint: `WASMER_PULL_TIMEOUT`"],
        ),
        attack(&blob, Reply::status(404), &["has no `blobs/sha256:", "of `app`"]),
        attack(&blob, Reply::status(500), &["answers `500"]),
        attack(&blob, Reply::redirect(format!("/v2/app/{blob}")), &["from one address to the next, more than 5 times"]),
        attack(&blob, Reply::redirect("http://example.com/"), &["leads to where nobody may go", "without protection"]),
        attack(&blob, Reply::redirect("file:///etc/passwd"), &["leads to where nobody may go"]),
        attack(&blob, Reply::redirect("http://u:p@SERVER/"), &["leads to where nobody may go"]),
        attack(&blob, Reply::status(302), &["neither what it is nor where else"]),
    ] {
        fail(&one, attack);
    }
}

#[test]
fn manifests_that_lie_are_not_believed() {
    let one = program("one");
    let good = manifest("application/wasm", &one);
    let changed = |from: &str, to: &str| Reply::new(good.replace(from, to));
    let of_digest = |reply, parts: &[&str]| Attack {
        reference: format!("@{}", digest(good.as_bytes())),
        ..attack(&format!("manifests/{}", digest(good.as_bytes())), reply, parts)
    };
    let tag = "manifests/tag";
    let nested = "[".repeat(1 << 20);
    for attack in [
        of_digest(changed("app", "bpp"), &["another manifest than `sha256:", "with the digest `sha256:"]),
        of_digest(Reply::new(""), &["another manifest than"]),
        attack(
            tag,
            Reply::new(&*good).with("docker-content-digest", digest(b"x")),
            &["says that the manifest of `tag` is `sha256:"],
        ),
        attack(tag, changed(&sum(&one), "../../../etc/passwd"), &["64 digits"]),
        attack(tag, changed("sha256:", "md5:"), &["digests of `md5` are not supported"]),
        attack(
            tag,
            changed(&format!("\"size\": {}", one.len()), "\"size\": 1152921504606846976"),
            &["has 1152921504606846976 bytes"],
        ),
        attack(tag, changed(&format!("\"size\": {}", one.len()), "\"size\": 1"), &["more than 1 bytes"]),
        attack(
            tag,
            changed("application/wasm", "application/x\\u001b[2J"),
            &["its layer is `application/x\u{fffd}[2J`"],
        ),
        attack(tag, Reply::new(" ".repeat((4 << 20) + 1)), &["more than 4194304 bytes"]),
        attack(tag, Reply::body(Body::Endless(b" ".repeat(1 << 16))), &["more than 4194304 bytes"]),
        attack(tag, Reply::body(Body::Stalled(b"{".into())), &["it takes longer than 1s"]),
        attack(tag, Reply::new(format!("{{\"layers\": {nested}")), &["the manifest is not one of OCI"]),
        attack(tag, Reply::new("<html>"), &["the manifest is not one of OCI"]),
        attack(tag, Reply::status(404), &["`SERVER` has no `manifests/tag` of `app`"]),
        attack(
            tag,
            Reply::body(Body::Raw(b"SSH-2.0-OpenSSH\r\n".into())),
            &["could not ask `http://SERVER/v2/app/manifests/tag`"],
        ),
        attack(tag, Reply::body(Body::Raw(Vec::new())), &["could not ask"]),
        attack(tag, Reply::status(200).with("x", "y".repeat(1 << 20)), &["could not ask"]),
        attack(tag, Reply::status(401), &["something else than a name and password"]),
        attack(tag, Reply::status(401).with("www-authenticate", "Bearer"), &["does not say where tokens are"]),
        attack(
            tag,
            Reply::status(401).with("www-authenticate", "Bearer realm=\"http://example.com/\""),
            &["tokens are where nobody may ask"],
        ),
        attack(
            tag,
            Reply::status(401).with("www-authenticate", "Negotiate"),
            &["something else than a name and password"],
        ),
    ] {
        fail(&one, attack);
    }
}

#[test]
fn tokens_that_are_none_are_not_sent() {
    for (text, part) in [
        ("{}", "token is none"),
        ("{\"token\": \"a\\r\\nx: y\"}", "token is none"),
        ("{\"token\": \"\"}", "token is none"),
        ("<html>", "token is none"),
    ] {
        let tokens = Server::start(move |_| Reply::new(text));
        let challenge = format!("Bearer realm=\"http://{}/\"", tokens.address);
        let attack = attack("manifests/tag", Reply::status(401).with("www-authenticate", challenge), &[part]);
        fail(&program("one"), attack);
    }
}
