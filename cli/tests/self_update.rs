//! What knows a network, from folders and servers on this machine: `wasmer self-update` and `install.sh`, where the old programs stay and work whatever
//! goes wrong, and programs of registries and addresses ([`packages`]).

#[path = "self_update/attacks.rs"]
mod attacks;
#[path = "self_update/packages.rs"]
mod packages;
#[path = "self_update/registry.rs"]
mod registry;
#[path = "self_update/signatures.rs"]
mod signatures;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;

use flate2::{Compression, write::GzEncoder};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const WASMER: &str = env!("CARGO_BIN_EXE_wasmer");
const HELPER: &str = env!("CARGO_BIN_EXE_wasmer-update");
const OLD: &str = concat!("wasmer ", env!("CARGO_PKG_VERSION"), "\n");
const NEW: &str = "9.9.9";

/// A script that says what `wasmer --version` says.
fn program(version: &str) -> String {
    format!("#!/bin/sh\necho wasmer {version}\n")
}

/// The name of an archive.
fn name(version: &str, variant: &str) -> String {
    format!("wasmer-{version}-{}-{}{variant}.tar.gz", std::env::consts::ARCH, std::env::consts::OS)
}

/// An archive with these programs.
fn archive(programs: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let manual = ("share/man/man1/wasmer.1".to_owned(), ".TH wasmer 1\n", 0o644);
    let programs = programs.iter().map(|(name, text)| (format!("bin/{name}"), *text, 0o755));
    for (path, text, mode) in programs.chain([manual]) {
        let mut header = tar::Header::new_ustar();
        header.set_mode(mode);
        header.set_size(text.len() as u64);
        tar.append_data(&mut header, format!("wasmer-x/{path}"), text.as_bytes()).expect("it is packed");
    }
    tar.into_inner().and_then(GzEncoder::finish).expect("it is packed")
}

/// A release with every program, in the version that the archive's name says.
fn release() -> Vec<u8> {
    archive(&[("wasmer", &program(NEW)), ("wasmer-update", "#!/bin/sh\n"), ("wasmer-llvm", "#!/bin/sh\n")])
}

/// An installation and a release.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("there is room"));
        fs::create_dir(place.bin()).expect("a folder is made");
        fs::create_dir(place.release()).expect("a folder is made");
        for (from, name) in [(WASMER, "wasmer"), (HELPER, "wasmer-update")] {
            let to = place.bin().join(name);
            fs::hard_link(from, &to).or_else(|_| fs::copy(from, &to).map(drop)).expect("the programs are copied");
        }
        place
    }

    fn bin(&self) -> PathBuf {
        self.0.path().join("bin")
    }

    fn release(&self) -> PathBuf {
        self.0.path().join("the release")
    }

    /// Puts an archive into the release.
    fn offer(&self, name: &str, bytes: &[u8]) {
        fs::write(self.release().join(name), bytes).expect("the archive is written");
        let sum: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let list = self.release().join("SHA256SUMS");
        let others = fs::read_to_string(&list).unwrap_or_default();
        fs::write(list, format!("{others}{sum}  {name}\n")).expect("the list is written");
    }

    fn update(&self, from: &str, options: &[&str]) -> Output {
        self.updater(from).args(options).output().expect("the old program starts")
    }

    fn updater(&self, from: &str) -> Command {
        let mut command = Command::new(self.bin().join("wasmer"));
        command.args(["self-update", "--from", from]).env_remove("SSL_CERT_FILE");
        command
    }

    /// What the installed program says.
    fn version(&self) -> String {
        let output = Command::new(self.bin().join("wasmer")).arg("--version").output().expect("a program is there");
        String::from_utf8(output.stdout).expect("text")
    }

    /// That an update failed, said why, and changed nothing.
    #[track_caller]
    fn assert_unchanged(&self, output: &Output, parts: &[&str]) {
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{error}");
        for part in parts {
            assert!(error.contains(part), "`{part}` is missing in: {error}");
        }
        assert_eq!(self.version(), OLD);
        self.assert_tidy();
    }

    #[track_caller]
    fn assert_tidy(&self) {
        let names: Vec<_> =
            fs::read_dir(self.bin()).expect("it is there").map(|entry| entry.expect("an entry").file_name()).collect();
        assert!(names.iter().all(|name| name.to_string_lossy().starts_with("wasmer")), "{names:?}");
    }
}

fn text(output: &Output) -> (Option<i32>, String) {
    (
        output.status.code(),
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
    )
}

/// How a server treats archives.
#[derive(Clone, Copy)]
enum Manner {
    Good,
    /// Sends half of what it announced.
    Interrupted,
    /// Changes a byte.
    Damaged,
    /// Does not have them.
    Missing,
    /// Ends the connection before the answer.
    Silent,
    /// Sends the client to another server.
    Elsewhere,
}

/// Serves a folder on this machine, until the process ends; the address.
fn serve(folder: PathBuf, manner: Manner) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = format!("http://{}", listener.local_addr().expect("it has an address"));
    thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(connection) = connection else { return };
            // A client that leaves early is what some tests are about.
            let _ = answer(connection, &folder, manner);
        }
    });
    address
}

/// The file of a certificate that nobody vouches for, and that of its key.
fn certificate(name: &str) -> [PathBuf; 2] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates");
    ["pem", "key"].map(|ending| folder.join(format!("{name}.{ending}")))
}

/// The same behind TLS, with a certificate; its address.
fn serve_securely(folder: PathBuf, name: &str, manner: Manner) -> String {
    let [certificate, key] = certificate(name);
    let certificate = CertificateDer::from_pem_file(certificate).expect("the certificate is there");
    let key = PrivateKeyDer::from_pem_file(key).expect("its key is there");
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key);
    let config = Arc::new(config.expect("the key belongs to the certificate"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it has an address").port();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(connection) = connection else { return };
            let session = ServerConnection::new(config.clone()).expect("the configuration is whole");
            let mut connection = StreamOwned::new(session, connection);
            if answer(&mut connection, &folder, manner).is_ok() {
                connection.conn.send_close_notify();
                // As above, the client may have left.
                let _ = connection.flush();
            }
        }
    });
    format!("https://localhost:{port}")
}

fn answer(mut connection: impl Read + Write, folder: &Path, manner: Manner) -> std::io::Result<()> {
    let mut lines = BufReader::new(&mut connection).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let name = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    let is_archive = name.ends_with(".tar.gz");
    let Ok(mut bytes) = fs::read(folder.join(&name)) else {
        return connection.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    };
    let len = bytes.len();
    match manner {
        Manner::Interrupted if is_archive => bytes.truncate(len / 2),
        Manner::Damaged if is_archive => bytes[len / 2] ^= 1,
        Manner::Missing if is_archive => {
            return connection.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
        Manner::Silent => return Ok(()),
        Manner::Elsewhere => {
            return connection.write_all(
                b"HTTP/1.1 302 Found\r\nlocation: http://example.com/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            );
        }
        _ => {}
    }
    write!(connection, "HTTP/1.1 200 OK\r\ncontent-length: {len}\r\nconnection: close\r\n\r\n")?;
    connection.write_all(&bytes)
}

#[test]
fn a_newer_release_replaces_the_programs() {
    for by_server in [false, true] {
        let place = Place::new();
        let wasmer = place.bin().join("wasmer");
        // Not the test's own program: its permissions would change.
        let bytes = fs::read(&wasmer).unwrap();
        fs::remove_file(&wasmer).unwrap();
        fs::write(&wasmer, bytes).unwrap();
        fs::set_permissions(&wasmer, fs::Permissions::from_mode(0o750)).unwrap();
        place.offer(&name(NEW, ""), &release());
        place.offer(&name("0.0.1", ""), b"older");
        let from = if by_server { serve(place.release(), Manner::Good) } else { place.release().display().to_string() };
        let output = place.update(&from, &[]);
        assert_eq!(text(&output), (Some(0), format!("wasmer {} is now {NEW}\n", env!("CARGO_PKG_VERSION"))));
        assert_eq!(place.version(), format!("wasmer {NEW}\n"));
        assert_eq!(fs::metadata(wasmer).unwrap().mode() & 0o7777, 0o750);
        assert_eq!(fs::read(place.bin().join("wasmer-update")).unwrap(), b"#!/bin/sh\n");
        // What was not installed is not installed by an update.
        assert!(!place.bin().join("wasmer-llvm").exists());
        place.assert_tidy();
    }
}

#[test]
fn the_compile_worker_is_replaced_with_the_command() {
    let place = Place::new();
    fs::write(place.bin().join("wasmer-llvm"), "old").unwrap();
    place.offer(&name(NEW, ""), &release());
    let from = place.release().display().to_string();
    place.assert_unchanged(&place.update(&from, &[]), &["no archive", "with `wasmer-llvm`"]);
    let without = place.release().join(name(NEW, "")).display().to_string();
    place.assert_unchanged(&place.update(&without, &[]), &["does not contain `wasmer-llvm`", "-llvm.tar.gz"]);
    // An archive that does not hold what its name promises.
    place.offer(&name("9.9.8", "-llvm"), &archive(&[("wasmer", &program("9.9.8")), ("wasmer-update", "")]));
    place.assert_unchanged(&place.update(&from, &[]), &["no `wasmer-llvm`"]);
    assert_eq!(fs::read(place.bin().join("wasmer-llvm")).unwrap(), b"old");
    place.offer(&name(NEW, "-llvm"), &release());
    assert_eq!(place.update(&from, &[]).status.code(), Some(0));
    assert_eq!(place.version(), format!("wasmer {NEW}\n"));
    assert_eq!(fs::read(place.bin().join("wasmer-llvm")).unwrap(), b"#!/bin/sh\n");
}

#[test]
fn damaged_and_interrupted_downloads_change_nothing() {
    for (manner, parts) in [
        (Manner::Damaged, ["another checksum", "nothing was changed"]),
        (Manner::Interrupted, ["wasmer-9.9.9", ""]),
        (Manner::Missing, ["could not fetch", "404"]),
        (Manner::Silent, ["could not fetch", "SHA256SUMS"]),
        (Manner::Elsewhere, ["could not fetch", "302"]),
    ] {
        let place = Place::new();
        place.offer(&name(NEW, ""), &release());
        let address = serve(place.release(), manner);
        place.assert_unchanged(&place.update(&address, &[]), &parts);
    }
    let place = Place::new();
    place.offer(&name(NEW, ""), &release());
    fs::write(place.release().join(name(NEW, "")), b"not what the list says").unwrap();
    let from = place.release().display().to_string();
    place.assert_unchanged(&place.update(&from, &[]), &["another checksum", "nothing was changed"]);
}

/// Servers of a release behind TLS, and what vouches for them.
struct Servers {
    good: String,
    /// Says that it is another.
    posing: String,
    interrupted: String,
    /// The certificate of `good` and `interrupted`.
    its: PathBuf,
    /// The certificate of `posing`.
    another: PathBuf,
}

impl Servers {
    fn of(place: &Place) -> Self {
        let serve = |name, manner| serve_securely(place.release(), name, manner);
        let [[its, _], [another, _]] = ["localhost", "elsewhere"].map(certificate);
        Self {
            good: serve("localhost", Manner::Good),
            posing: serve("elsewhere", Manner::Good),
            interrupted: serve("localhost", Manner::Interrupted),
            its,
            another,
        }
    }
}

#[test]
fn a_server_has_to_be_vouched_for() {
    let place = Place::new();
    place.offer(&name(NEW, ""), &release());
    let Servers { good, posing, interrupted, its, another } = Servers::of(&place);
    let update = |address: &str, certificate: &Path| {
        place.updater(address).env("SSL_CERT_FILE", certificate).output().expect("the old program starts")
    };
    place.assert_unchanged(&place.update(&good, &[]), &["certificate", "UnknownIssuer", "hint:", "SSL_CERT_FILE"]);
    place.assert_unchanged(&update(&good, &another), &["certificate"]);
    place.assert_unchanged(&update(&posing, &another), &["certificate", "localhost"]);
    place.assert_unchanged(&update(&interrupted, &its), &["wasmer-9.9.9"]);
    place.assert_unchanged(&update(&good, Path::new("/nowhere")), &["could not read `/nowhere`", "SSL_CERT_FILE"]);
    place.assert_unchanged(&update(&good, Path::new("/dev/null")), &["no certificate in `/dev/null`"]);
    let output = update(&good, &its);
    assert_eq!(text(&output), (Some(0), format!("wasmer {} is now {NEW}\n", env!("CARGO_PKG_VERSION"))));
    assert_eq!(place.version(), format!("wasmer {NEW}\n"));
}

#[test]
fn what_is_on_this_machine_is_fetched_directly() {
    let place = Place::new();
    place.offer(&name(NEW, ""), &release());
    let address = serve(place.release(), Manner::Good);
    let mut updater = place.updater(&address);
    let output =
        updater.env("http_proxy", "http://127.0.0.1:1").env("ALL_PROXY", "http://127.0.0.1:1").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(place.version(), format!("wasmer {NEW}\n"));
}

#[test]
fn programs_that_do_not_work_are_not_installed() {
    let cases: [(&[(&str, &str)], &str); 4] = [
        (&[("wasmer", "#!/bin/sh\nexit 3\n"), ("wasmer-update", "")], "does not work here"),
        (&[("wasmer", "#!/bin/sh\necho wasmer 1.1.1\n"), ("wasmer-update", "")], "wasmer 1.1.1"),
        (&[("wasmer", "\x7fELF of another machine"), ("wasmer-update", "")], "does not"),
        (&[("wasmer", "#!/bin/sh\n")], "no `wasmer-update`"),
    ];
    for (programs, expected) in cases {
        let place = Place::new();
        place.offer(&name(NEW, ""), &archive(programs));
        let from = place.release().display().to_string();
        place.assert_unchanged(&place.update(&from, &[]), &[expected]);
    }
    let place = Place::new();
    place.offer(&name(NEW, ""), b"not gzip at all");
    place.assert_unchanged(&place.update(&place.release().display().to_string(), &[]), &["could not unpack"]);
}

#[test]
fn nothing_is_done_without_need() {
    let place = Place::new();
    let from = place.release().display().to_string();
    place.offer(&name("0.0.1", ""), b"older");
    assert_eq!(text(&place.update(&from, &[])), (Some(0), format!("{} is newer than the release\n", OLD.trim())));
    place.offer(&name(env!("CARGO_PKG_VERSION"), ""), b"the same");
    assert_eq!(text(&place.update(&from, &[])), (Some(0), format!("{} is up to date\n", OLD.trim())));
    place.offer(&name(NEW, ""), &release());
    let available = format!("wasmer {NEW} is available; this is {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(text(&place.update(&from, &["--check"])), (Some(0), available));
    assert_eq!(place.version(), OLD);
    let older = place.release().join(name("0.0.1", "")).display().to_string();
    place.assert_unchanged(&place.update(&older, &["--force"]), &["could not unpack"]);
}

#[test]
fn wrong_places_are_refused() {
    let place = Place::new();
    place.assert_unchanged(&place.update("/nowhere/at/all", &[]), &["neither a folder nor an archive"]);
    place.assert_unchanged(&place.update("http://example.com/wasmer", &[]), &["without protection", "https://"]);
    place.assert_unchanged(&place.update(&place.release().display().to_string(), &[]), &["SHA256SUMS"]);
    let by_variable = |address: &str| {
        let mut command = Command::new(place.bin().join("wasmer"));
        command.arg("self-update").env("WASMER_UPDATE_URL", address).output().unwrap()
    };
    place.assert_unchanged(&by_variable("http://example.com/"), &["without protection"]);
    if option_env!("WASMER_UPDATE_URL").is_none() {
        place.assert_unchanged(&by_variable(""), &["--from", "WASMER_UPDATE_URL"]);
    }
    fs::remove_file(place.bin().join("wasmer-update")).unwrap();
    place.assert_unchanged(&place.update(".", &[]), &["`wasmer-update` is not beside `wasmer`", "cargo install"]);
}

fn install(from: &str, to: &Path, options: &[&str]) -> Output {
    installer(from, to).args(options).output().expect("there is a shell")
}

fn installer(from: &str, to: &Path) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../install.sh");
    let mut command = Command::new("sh");
    command.arg(script).args(["--from", from, "--to"]).arg(to);
    command.env_remove("WASMER_UPDATE_URL").env_remove("SSL_CERT_FILE");
    command
}

/// Folders to search for programs in: everything that the script needs, and one network client; for each client that is here.
fn clients(place: &Place) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let find =
        |program: &str| std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    let tools = "awk cat chmod cp cut find gzip mkdir mktemp mv rm sha256sum sh sort tar tr uname";
    let folder = |client: &&str| {
        let folder = place.0.path().join(format!("only {client}"));
        find(client)?;
        fs::create_dir(&folder).ok()?;
        for program in tools.split(' ').chain([*client]) {
            std::os::unix::fs::symlink(find(program)?, folder.join(program)).ok()?;
        }
        Some(folder)
    };
    ["curl", "wget"].iter().filter_map(folder).collect()
}

#[test]
fn the_script_installs_from_folders_archives_and_servers() {
    let place = Place::new();
    place.offer(&name(NEW, ""), &release());
    place.offer(&name("9.10.0", ""), &archive(&[("wasmer", &program("9.10.0"))]));
    place.offer(&name(NEW, "-llvm"), &release());
    let folder = place.release().display().to_string();
    let one = place.release().join(name(NEW, "")).display().to_string();
    let mut cases =
        vec![(folder, &[][..], "9.10.0"), (one, &[], NEW), (place.release().display().to_string(), &["--llvm"], NEW)];
    if ["curl", "wget"].iter().any(|program| Command::new(program).arg("--version").output().is_ok()) {
        cases.push((serve(place.release(), Manner::Good), &[], "9.10.0"));
    }
    for (position, (from, options, version)) in cases.iter().enumerate() {
        let to = place.0.path().join(format!("prefix {position}"));
        let output = install(from, &to, options);
        assert!(output.status.success(), "{output:?}");
        let said = Command::new(to.join("bin/wasmer")).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&said.stdout), format!("wasmer {version}\n"));
        assert!(to.join("share/man/man1/wasmer.1").is_file());
        assert_eq!(fs::read_dir(to.join("bin")).unwrap().count(), if *version == NEW { 3 } else { 1 });
    }
}

#[test]
fn the_script_installs_nothing_that_it_cannot_verify() {
    let place = Place::new();
    place.offer(&name(NEW, ""), &release());
    let to = place.0.path().join("prefix");
    let refused = |from: &str, part: &str| {
        let output = install(from, &to, &[]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && error.contains(part), "{from}: {error}");
        assert!(!to.exists(), "{from}");
    };
    refused(&serve(place.release(), Manner::Damaged), "another checksum");
    refused(&serve(place.release(), Manner::Interrupted), "wasmer-9.9.9");
    refused(&serve(place.release(), Manner::Missing), "could not fetch");
    refused("http://example.com/x", "without protection");
    refused("/nowhere", "could not read");
    refused(&place.release().join("wasmer-1.0.0.tar.gz").display().to_string(), "no line for");
    fs::write(place.release().join(name(NEW, "")), b"other").unwrap();
    refused(&place.release().display().to_string(), "another checksum");
    fs::write(place.release().join("SHA256SUMS"), "").unwrap();
    refused(&place.release().display().to_string(), "no archive for");
}

#[test]
fn the_script_fetches_with_either_client_from_servers_that_are_vouched_for() {
    let place = Place::new();
    place.offer(&name(NEW, ""), &release());
    let Servers { good, posing, interrupted, its, another } = Servers::of(&place);
    let near = serve(place.release(), Manner::Good);
    for path in clients(&place) {
        let to = path.join("prefix");
        let run = |from: &str, certificate: Option<&Path>| {
            let mut command = installer(from, &to);
            command.env("PATH", &path).env("http_proxy", "http://127.0.0.1:1");
            if let Some(certificate) = certificate {
                command.env("SSL_CERT_FILE", certificate);
            }
            command.output().expect("there is a shell")
        };
        let refused = |from: &str, certificate: Option<&Path>, part: &str| {
            let output = run(from, certificate);
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.code() == Some(1) && error.contains(part), "{from} by {path:?}: {error}");
            assert!(!to.exists(), "{from}");
        };
        refused(&good, None, "hint: if you trust the server, let `SSL_CERT_FILE`");
        refused(&good, Some(&another), "could not fetch");
        refused(&posing, Some(&another), "could not fetch");
        refused(&interrupted, Some(&its), "could not fetch");
        for (from, certificate) in [(&good, Some(&*its)), (&near, None)] {
            let output = run(from, certificate);
            assert!(output.status.success(), "{from} by {path:?}: {output:?}");
            assert!(to.join("bin/wasmer").is_file());
            fs::remove_dir_all(&to).unwrap();
        }
    }
}

#[test]
fn the_script_says_where_the_programs_are() {
    let place = Place::new();
    place.offer(&name(NEW, ""), &release());
    let mut command = installer(&place.release().display().to_string(), Path::new("here"));
    let output = command.current_dir(place.0.path()).output().unwrap();
    let here = place.0.path().canonicalize().unwrap().join("here/bin");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains(&format!("PATH=\"{}:$PATH\"", here.display())), "{said}");
}

#[test]
fn the_script_keeps_programs_of_one_version() {
    let place = Place::new();
    place.offer(&name(NEW, "-llvm"), &release());
    place.offer(&name("9.10.0", ""), &archive(&[("wasmer", &program("9.10.0"))]));
    let to = place.0.path().join("prefix");
    let from = place.release().display().to_string();
    assert!(install(&from, &to, &["--llvm"]).status.success());
    let output = install(&from, &to, &[]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && error.contains("does not contain `wasmer-llvm`"), "{error}");
    let said = Command::new(to.join("bin/wasmer")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout), format!("wasmer {NEW}\n"));
    // A folder stands where a program goes: what was copied until then is removed.
    fs::remove_file(to.join("bin/wasmer-llvm")).unwrap();
    fs::remove_dir_all(to.join("share")).unwrap();
    fs::write(to.join("share"), "in the way").unwrap();
    assert!(!install(&from, &to, &[]).status.success());
    let names: Vec<_> = fs::read_dir(to.join("bin")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("new")), "{names:?}");
}

#[test]
fn the_command_itself_has_no_network_client() {
    // A message of the client.
    let message = b"invalid peer certificate";
    let has = |program: &str| fs::read(program).unwrap().windows(message.len()).any(|window| window == message);
    assert!(has(HELPER), "what is looked for is there");
    assert!(!has(WASMER), "the command is linked with the client");
}
