//! Programs of registries and addresses, from servers on this machine: the first start, those after it without a network, and what users, networks and
//! disks do wrong. Whatever goes wrong, nothing is stored.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::registry::{Body, Reply, Server, Shop, descriptor, digest, manifest, sum};
use crate::{HELPER, WASMER, certificate};

/// A module that prints a text.
pub(crate) fn program(text: &str) -> Vec<u8> {
    let len = text.len();
    wat::parse_str(format!(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 16) "{text}") (data (i32.const 0) "\10\00\00\00\{len:02x}\00\00\00")
            (func (export "_start") (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#
    ))
    .expect("the text is a module")
}

/// A folder with a cache.
pub(crate) struct Bench(tempfile::TempDir);

impl Bench {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("there is room"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(WASMER);
        command.args(words).env_clear().env("HOME", self.0.path()).env("WASMER_CACHE_DIR", self.path("cache"));
        command.env("WASMER_BACKGROUND", "off").current_dir(self.0.path());
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        Ran::of(self.command(words).output().expect("the command starts"))
    }

    /// What is stored, whole or not.
    pub(crate) fn stored(&self) -> Vec<String> {
        let entries = ["packages", "pins"].map(|folder| fs::read_dir(self.path("cache").join(folder)));
        let entries = entries.into_iter().flatten().flatten();
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("it is text");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    pub(crate) fn printed(&self, text: &str) {
        assert_eq!((self.code, self.out.as_str(), self.err.as_str()), (Some(0), text, ""));
    }

    #[track_caller]
    pub(crate) fn failed(&self, parts: &[&str]) {
        assert_eq!((self.code, self.out.as_str()), (Some(1), ""), "{self:?}");
        assert!(self.err.starts_with("error: ") && self.err.len() < 4096, "{self:?}");
        for part in parts {
            assert!(self.err.contains(part), "`{part}` is missing in: {}", self.err);
        }
    }
}

#[test]
fn a_program_of_a_registry_is_fetched_once() {
    let (one, two) = (program("one"), program("two"));
    let shop = Shop::with(&one);
    let server = shop.open();
    let bench = Bench::new();
    let tag = format!("oci://{}/app:tag", server.address);
    bench.run(&["run", "--pull", "never", &tag]).failed(&["not stored", &format!("hint: `wasmer pull {tag}`")]);
    assert_eq!(server.paths(), [""; 0]);
    bench.run(&["run", &tag]).printed("one");
    let asked = server.asked();
    let blob = format!("/v2/app/blobs/{}", digest(&one));
    assert_eq!(asked.iter().map(|request| &*request.path).collect::<Vec<_>>(), ["/v2/app/manifests/tag", &blob]);
    assert!(asked[0].accept.contains("application/vnd.oci.image.manifest.v1+json"), "{asked:?}");
    let path = bench.path("cache/packages").join(format!("{}.wasm", sum(&one)));
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o7777, 0o600);
    // Whatever the tag means by now.
    let new = manifest("application/wasm", &two);
    shop.blob("app", &two);
    shop.tag("app", "tag", &new);
    for words in [&["run", &*tag][..], &[&tag], &["run", "--pull", "missing", &tag], &["run", "--pull", "never", &tag]]
    {
        bench.run(words).printed("one");
    }
    assert_eq!(server.paths(), [""; 0]);
    bench.run(&["run", "--pull", "always", &tag]).printed("two");
    bench.run(&["run", &tag]).printed("two");
    assert_eq!(server.paths(), ["/v2/app/manifests/tag".to_owned(), format!("/v2/app/blobs/{}", digest(&two))]);
    // It is asked what the tag means, and for nothing that is there.
    bench.run(&["pull", &tag]).printed(&format!("{}\n", digest(new.as_bytes())));
    assert_eq!(server.paths(), ["/v2/app/manifests/tag"]);
}

#[test]
fn a_digest_needs_no_network_once_it_is_stored() {
    let one = program("one");
    let bench = Bench::new();
    let server = Shop::with(&one).open();
    let pinned = format!("oci://{}/app@{}", server.address, digest(manifest("application/wasm", &one).as_bytes()));
    for words in [&["run", &*pinned][..], &["run", "--pull", "always", &pinned], &["run", "--pull", "never", &pinned]] {
        bench.run(words).printed("one");
    }
    assert_eq!(server.paths().len(), 2);
    // A digest means the same everywhere.
    bench.run(&[&pinned.replace(&server.address, "registry.invalid")]).printed("one");
    // Who runs what is stored needs no program that knows a network.
    let bin = bench.path("bin");
    fs::create_dir(&bin).unwrap();
    let wasmer = bin.join("wasmer");
    fs::hard_link(WASMER, &wasmer).or_else(|_| fs::copy(WASMER, &wasmer).map(drop)).unwrap();
    let alone = |word: &str| {
        let output =
            Command::new(&wasmer).args(["run", word]).env_clear().env("WASMER_CACHE_DIR", bench.path("cache")).output();
        Ran::of(output.unwrap())
    };
    alone(&pinned).printed("one");
    alone("oci://registry.invalid/app").failed(&["`wasmer-update` is not beside `wasmer`", "cannot fetch a program"]);
}

#[test]
fn an_address_needs_a_checksum_the_first_time() {
    let (one, two) = (program("one"), program("two"));
    let shop = Shop::default();
    shop.put("/a/app.wasm?x=y", Reply::new(&*one));
    let server = shop.open();
    let bench = Bench::new();
    let address = format!("http://{}/a/app.wasm?x=y", server.address);
    let pinned = format!("{address}#sha256={}", sum(&one));
    bench.run(&["run", &address]).failed(&[
        "it needs a checksum",
        "nothing was stored",
        &format!("hint: if you trust what is there now, write `{pinned}`"),
    ]);
    assert_eq!(bench.stored(), [""; 0]);
    let wrong = format!("{address}#sha256={}", sum(&two));
    bench.run(&["run", &wrong]).failed(&["another checksum", &sum(&one), "nothing was stored"]);
    assert_eq!(bench.stored(), [""; 0]);
    server.asked();
    bench.run(&["run", &pinned]).printed("one");
    assert_eq!(server.paths(), ["/a/app.wasm?x=y"], "servers do not learn the sum");
    bench.run(&["run", &address]).printed("one");
    bench.run(&["run", "--pull", "always", &pinned]).printed("one");
    assert_eq!(server.paths(), [""; 0]);
    bench.run(&["pull", &address]).printed(&format!("{}\n", digest(&one)));
    shop.put("/a/app.wasm?x=y", Reply::new(&*two));
    let changed =
        [&sum(&one), "is `sha256=", &format!("hint: if that is expected, write `{address}#sha256={}`", sum(&two))];
    bench.run(&["run", "--pull", "always", &address]).failed(&changed);
    bench.run(&["pull", &address]).failed(&changed);
    bench.run(&["run", &address]).printed("one");
    bench.run(&["run", &wrong]).printed("two");
    bench.run(&["run", &address]).printed("two");
    bench.run(&["run", &pinned]).printed("one");
}

#[test]
fn tokens_and_passwords_are_for_who_asks_for_them() {
    let one = program("one");
    let storage = {
        let one = one.clone();
        Server::start(move |_| Reply::new(&*one))
    };
    let tokens = Server::start(|request| match request.authorization.as_deref() {
        Some("Basic bmFtZTp3b3Jk") => Reply::new(r#"{"access_token": "the.token", "expires_in": 60}"#),
        _ => Reply::status(401),
    });
    let shop = Shop::with(&one);
    shop.put(
        &format!("/v2/app/blobs/{}", digest(&one)),
        Reply::redirect(format!("http://{}/blob?secret=1", storage.address)),
    );
    let challenge = format!(
        "Bearer realm=\"http://{}/token?a=b\",service=\"the registry\",scope=\"repository:other:push\"",
        tokens.address
    );
    let server = Server::start(move |request| match request.authorization.as_deref() {
        Some("Bearer the.token") => shop.get(request),
        _ => Reply::status(401).with("www-authenticate", &*challenge),
    });
    let bench = Bench::new();
    let tag = format!("oci://{}/app:tag", server.address);
    bench.run(&["run", &tag]).failed(&[
        "gives no token",
        "401",
        &format!("hint: if it is private, `docker login {}`", server.address),
    ]);
    fs::create_dir(bench.path(".docker")).unwrap();
    let config = format!(
        r#"{{"auths": {{"other": {{"auth": "b3RoZXI="}}, "{}": {{"auth": "bmFtZTp3b3Jk"}}}}}}"#,
        server.address
    );
    fs::write(bench.path(".docker/config.json"), &config).unwrap();
    bench.run(&["run", &tag]).printed("one");
    assert_eq!(tokens.paths().last().unwrap(), "/token?a=b&service=the%20registry&scope=repository%3Aapp%3Apull");
    let told = |server: &Server| server.asked().into_iter().map(|request| request.authorization).collect::<Vec<_>>();
    assert_eq!(told(&storage), [None], "a token is for the registry alone");
    let bearer = Some("Bearer the.token".to_owned());
    assert_eq!(told(&server), [None, None, bearer.clone(), bearer]);
    // Podman's file is looked at first.
    fs::write(bench.path("podman.json"), config.replace("bmFtZTp3b3Jk", "d3Jvbmc=")).unwrap();
    let ran = bench.command(&["pull", &tag]).env("REGISTRY_AUTH_FILE", bench.path("podman.json")).output().unwrap();
    Ran::of(ran).failed(&["gives no token"]);
}

#[test]
fn passwords_are_sent_where_the_user_logged_in() {
    let shop = Shop::with(&program("one"));
    let server = Server::start(move |request| match request.authorization.as_deref() {
        Some("Basic bmFtZTp3b3Jk") => shop.get(request),
        Some(_) => Reply::status(403),
        None => Reply::status(401).with("www-authenticate", "Basic realm=\"x\""),
    });
    let bench = Bench::new();
    let tag = format!("oci://{}/app:tag", server.address);
    let pull = |config: &str| {
        fs::write(bench.path("config.json"), config).unwrap();
        Ran::of(bench.command(&["pull", &tag]).env("DOCKER_CONFIG", bench.path("")).output().unwrap())
    };
    let login =
        |login: &str| format!(r#"{{"auths": {{"http://{}/v1/": {login}}}, "credsStore": "desktop"}}"#, server.address);
    pull("{}").failed(&["wants a name and a password", "docker login"]);
    pull(&login("{}")).failed(&["docker-credential-desktop", "hint: `podman login"]);
    pull(&login(r#"{"auth": "d3Jvbmc="}"#)).failed(&["does not let us have it (403"]);
    pull("not JSON").failed(&["could not read `", "config.json"]);
    let good = login(r#"{"auth": "bmFtZTp3b3Jk"}"#);
    assert_eq!(pull(&good).code, Some(0));
    // Where podman has it unless it is told otherwise.
    fs::create_dir(bench.path("containers")).unwrap();
    fs::write(bench.path("containers/auth.json"), good).unwrap();
    let mut command = bench.command(&["pull", &tag]);
    assert_eq!(command.env("XDG_RUNTIME_DIR", bench.path("")).output().unwrap().status.code(), Some(0));
}

#[test]
fn addresses_that_lead_to_something_else_are_said_so() {
    let bench = Bench::new();
    let shop = Shop::default();
    shop.put("/page", Reply::new("<!DOCTYPE html>"));
    shop.put(
        "/large",
        Reply {
            headers: vec![("content-length", (1_u64 << 40).to_string())],
            ..Reply::body(Body::Endless(Vec::new()))
        },
    );
    let server = shop.open();
    for (path, part) in [
        ("page", "looks like a web page"),
        ("absent", "the server answers `404"),
        ("large", "it has 1099511627776 bytes"),
    ] {
        bench.run(&["run", &format!("http://{}/{path}", server.address)]).failed(&[part]);
    }
    for time in ["soon", "4e15h"] {
        let mut command = bench.command(&["pull", &format!("http://{}/page", server.address)]);
        Ran::of(command.env("WASMER_PULL_TIMEOUT", time).output().unwrap()).failed(&["`WASMER_PULL_TIMEOUT`: "]);
    }
    for (word, part) in [
        ("http://example.com/app.wasm", "without protection"),
        ("https://name:word@example.com/app.wasm", "do not belong into an address"),
        ("https://example.com/app.wasm#md5=00", "only a checksum can stand"),
        ("oci://example.com/../app", "is not a name of a registry"),
        ("oci://example.com", "the name is missing"),
        ("oci://example.com/app:..", "is not a tag"),
        ("ftp://example.com/app.wasm", "hint: files are run, and what `https://` and `oci://` lead to"),
        ("python/python", "hint: files are run, and packages that are named with their registry"),
    ] {
        for command in ["run", "validate", "inspect", "compile"] {
            bench.run(&[command, word]).failed(&[part]);
        }
    }
    bench.run(&["pull", "app.wasm"]).failed(&["neither an `oci://` reference nor an `https://` address"]);
    assert_eq!(bench.stored(), [""; 0]);
}

#[test]
fn a_fetch_that_is_killed_leaves_nothing_for_the_next_one() {
    let one = program("one");
    let blob = format!("/v2/app/blobs/{}", digest(&one));
    let shop = Shop::with(&one);
    shop.put(&blob, Reply::body(Body::Stalled(one[..20].into())));
    let server = shop.open();
    let bench = Bench::new();
    let tag = format!("oci://{}/app:tag", server.address);
    let mut child = bench.command(&["run", &tag]).stdout(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while bench.stored().is_empty() {
        assert!(started.elapsed() < Duration::from_secs(30), "it does not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    shop.blob("app", &one);
    // The fetching process ends with its parent, and its lock with it.
    bench.run(&["run", &tag]).printed("one");
    let mut left = bench.stored();
    left.retain(|name| name.starts_with('.'));
    assert_eq!(left, [""; 0]);
}

#[test]
fn a_disk_that_is_full_is_an_error_that_leaves_nothing() {
    let one = program("one");
    let server = Shop::with(&one).open();
    let bench = Bench::new();
    let mut command = bench.command(&["run", &format!("oci://{}/app:tag", server.address)]);
    let limit = libc::rlimit { rlim_cur: 30, rlim_max: 30 };
    // SAFETY: a system call on memory of the closure.
    unsafe {
        command.pre_exec(move || {
            if libc::setrlimit(libc::RLIMIT_FSIZE, &limit) == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
        })
    };
    Ran::of(command.output().unwrap()).failed(&["could not fetch", "File too large"]);
    assert_eq!(bench.stored(), [""; 0]);
}

#[test]
fn of_many_starts_one_fetches() {
    let one = program("one");
    let server = Shop::with(&one).open();
    let bench = Bench::new();
    let tag = format!("oci://{}/app:tag", server.address);
    let mut commands: Vec<_> = (0..6).map(|_| bench.command(&["run", &tag])).collect();
    let children: Vec<_> = commands
        .iter_mut()
        .map(|command| command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
        .collect();
    for child in children {
        Ran::of(child.wait_with_output().unwrap()).printed("one");
    }
    assert_eq!(server.paths().len(), 2);
}

#[test]
fn servers_behind_tls_have_to_be_vouched_for() {
    let one = program("one");
    let secure = {
        let one = one.clone();
        Server::secure(move |request| match &*request.path {
            "/down" => Reply::redirect("http://127.0.0.1:1/"),
            _ => Reply::new(&*one),
        })
    };
    let bench = Bench::new();
    let [its, _] = certificate("localhost");
    let [another, _] = certificate("elsewhere");
    let run = |word: &str, certificate: &Path| {
        Ran::of(bench.command(&["run", word]).env("SSL_CERT_FILE", certificate).output().unwrap())
    };
    let address = format!("https://{}/app.wasm#sha256={}", secure.address, sum(&one));
    run(&address, Path::new("")).failed(&[
        "certificate",
        "UnknownIssuer",
        "hint: if you trust the server",
        "SSL_CERT_FILE",
    ]);
    run(&address, &another).failed(&["certificate"]);
    run(&address, Path::new("/nowhere")).failed(&["could not read `/nowhere`"]);
    run(&format!("https://{}/down", secure.address), &its)
        .failed(&["from `https://` to an address without encryption"]);
    assert_eq!(bench.stored(), [""; 0]);
    run(&address, &its).printed("one");
    // A registry whose blobs are elsewhere.
    let shop = Shop::with(&one);
    let other = program("other");
    let path = format!("/v2/app/blobs/{}", digest(&other));
    shop.tag("app", "tag", &manifest("application/vnd.wasm.content.layer.v1+wasm", &other));
    let storage = Server::secure(move |_| Reply::new(&*other));
    shop.put(&path, Reply::redirect(format!("https://{}/x", storage.address)));
    run(&format!("oci://{}/app:tag", shop.open().address), &its).printed("other");
}

/// An archive of files.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *bytes).expect("it is packed");
    }
    tar.into_inner().expect("it is packed")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).and_then(|()| packed.finish()).expect("it is packed")
}

#[test]
fn the_program_of_an_image_is_unpacked() {
    let one = program("one");
    let long = format!("{}/app.wasm", "folder/".repeat(40));
    let tar = archive(&[("readme", b"text"), (&long, &one)]);
    let layers = [
        ("application/vnd.oci.image.layer.v1.tar", tar.clone()),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", gzip(&tar)),
    ];
    for (media_type, layer) in layers {
        let image = manifest(media_type, &layer);
        let shop = Shop::default();
        shop.blob("a/app", &layer);
        shop.tag("a/app", "x", &image);
        let entry = |os, architecture, manifest: &str| {
            let platform = format!(r#", "platform": {{"os": "{os}", "architecture": "{architecture}"}}"#);
            descriptor("application/vnd.oci.image.manifest.v1+json", manifest.as_bytes(), &platform)
        };
        let index = format!(
            r#"{{"schemaVersion": 2, "manifests": [{}, {}]}}"#,
            entry("linux", "amd64", "{}"),
            entry("wasip1", "wasm", &image)
        );
        shop.tag("a/app", "latest", &index);
        shop.tag("a/app", "nested", &format!(r#"{{"manifests": [{}]}}"#, entry("wasi", "wasm", &index)));
        let server = shop.open();
        let bench = Bench::new();
        bench.run(&["run", &format!("oci://{}/a/app", server.address)]).printed("one");
        bench
            .run(&["pull", &format!("oci://{}/a/app", server.address)])
            .printed(&format!("{}\n", digest(index.as_bytes())));
        assert_eq!(server.paths().len(), 4, "the index twice, the manifest, the layer");
        bench.run(&["run", &format!("oci://{}/a/app:nested", server.address)]).failed(&["for several platforms again"]);
    }
}

#[test]
fn layers_without_one_program_are_refused() {
    let (one, two) = (program("one"), program("two"));
    let mut bomb = archive(&[("zeros", &vec![0; 1 << 20])]);
    bomb.truncate(1 << 19);
    for (layer, part) in [
        (archive(&[("a.wasm", b"text")]), "no program of WebAssembly in its layer"),
        (archive(&[("a.wasm", &one), ("b.wasm", &two)]), "several programs in its layer"),
        (b"no archive".repeat(100), "not an archive, or damaged"),
        (bomb, "not an archive, or damaged"),
        (Vec::new(), "no program"),
    ] {
        for (media_type, layer) in [
            ("application/vnd.oci.image.layer.v1.tar", layer.clone()),
            ("application/vnd.oci.image.layer.v1.tar+gzip", gzip(&layer)),
        ] {
            let shop = Shop::default();
            shop.blob("app", &layer);
            shop.tag("app", "tag", &manifest(media_type, &layer));
            let bench = Bench::new();
            bench.run(&["run", &format!("oci://{}/app:tag", shop.open().address)]).failed(&[part]);
            assert_eq!(bench.stored(), [""; 0]);
        }
    }
}

#[test]
fn every_command_takes_references() {
    let one = program("one");
    let component = wat::parse_str(
        r#"(component (core module $m (func (export "f") (result i32) (i32.const 7))) (core instance $i (instantiate $m))
            (func (export "f") (result u32) (canon lift (core func $i "f"))))"#,
    )
    .unwrap();
    let shop = Shop::with(&one);
    shop.blob("a/component", &component);
    shop.tag("a/component", "1.0", &manifest("application/wasm", &component));
    shop.blob("trap", &wat::parse_str("(module (func (export \"_start\") unreachable))").unwrap());
    shop.tag(
        "trap",
        "latest",
        &manifest("application/wasm", &wat::parse_str("(module (func (export \"_start\") unreachable))").unwrap()),
    );
    let server = shop.open();
    let bench = Bench::new();
    let [app, component, trap] =
        ["app:tag", "a/component:1.0", "trap"].map(|name| format!("oci://{}/{name}", server.address));
    bench.run(&["validate", &app]).printed("");
    assert!(bench.run(&["inspect", &app]).out.contains("wasi_snapshot_preview1.fd_write"));
    bench.run(&["compile", "--backend", "singlepass", &app]).printed("");
    bench.run(&["run", "--allow-precompiled", "--backend", "singlepass", "app.wart"]).printed("one");
    let measured = bench.run(&["bench", "--runs", "1", "--backend", "singlepass", "--json", &app]);
    assert!(measured.out.contains(&app), "{measured:?}");
    assert_eq!(server.paths().len(), 2, "it was fetched once");
    bench.run(&["run", "--invoke", "f", &component]).printed("7\n");
    let trapped = bench.run(&["run", &trap]);
    assert!(trapped.code == Some(134) && trapped.err.contains(&format!("`{trap}")), "{trapped:?}");
    let unserved = bench.run(&["serve", &app]);
    assert!(
        unserved.err.contains("is a module, and components answer requests") || cfg!(not(feature = "serve")),
        "{unserved:?}"
    );
}

#[test]
fn what_is_stored_is_looked_after() {
    let one = program("one");
    let server = Shop::with(&one).open();
    let bench = Bench::new();
    let tag = format!("oci://{}/app:tag", server.address);
    bench.run(&["run", &tag]).printed("one");
    assert!(bench.run(&["cache", "stats"]).out.contains(&format!("fetched programs: 1\ntheir bytes: {}\n", one.len())));
    bench.run(&["cache", "prune", "--days", "0"]);
    bench.run(&["run", "--pull", "never", &tag]).printed("one");
    // A disk has forgotten a bit.
    let path = bench.path("cache/packages").join(format!("{}.wasm", sum(&one)));
    let mut damaged = one.clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&path, damaged).unwrap();
    assert_eq!(bench.run(&["pull", &tag]).code, Some(0));
    assert_eq!(fs::read(&path).unwrap(), one);
    bench.run(&["cache", "clean"]);
    assert_eq!(bench.stored(), [""; 0]);
    bench.run(&["run", "--pull", "never", &tag]).failed(&["not stored"]);
    // Where others could have put something, nothing is looked for.
    fs::set_permissions(bench.path("cache/packages"), fs::Permissions::from_mode(0o755)).unwrap();
    bench.run(&["run", &tag]).failed(&["cache/packages` is not used: others may enter it"]);
}

#[test]
fn the_fetching_program_is_started_by_the_command() {
    for words in
        [&["fetch"][..], &["fetch", "x"], &["fetch", "/nowhere/x", "file"], &["fetch", "--again", "x", "y", "z"]]
    {
        let output = Command::new(HELPER).args(words).output().unwrap();
        assert!(output.status.code() == Some(1) && !output.stdout.is_empty(), "{words:?}: {output:?}");
    }
}
