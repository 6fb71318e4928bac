//! `wasmer serve` as a user meets it. What the server does is tested in `wasi-http`.

#[path = "../../wasi-http/tests/guest/mod.rs"]
mod guest;
#[path = "command/programs.rs"]
mod programs;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

/// The command, with a cache in the folder.
fn command(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasmer"));
    command.args(words).env_clear().env("WASMER_CACHE_DIR", folder.join("cache")).current_dir(folder);
    command
}

/// A server on a port that is free, its address, and what it says.
fn start(folder: &Path, options: &[&str]) -> (Child, String, BufReader<ChildStderr>) {
    start_on("singlepass", folder, options)
}

fn start_on(backend: &str, folder: &Path, options: &[&str]) -> (Child, String, BufReader<ChildStderr>) {
    let words = [&["serve", "--addr", "127.0.0.1:0", "--backend", backend], options, &["proxy.wasm"]].concat();
    let mut child = command(folder, &words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let address = line.strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line}")).trim().to_owned();
    (child, address, said)
}

fn ask(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn signal(child: &Child) {
    // SAFETY: it is a process of this test, which has not been waited for.
    assert_eq!(unsafe { libc::kill(child.id().try_into().unwrap(), libc::SIGTERM) }, 0);
}

#[test]
fn requests_are_answered_until_a_signal_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("proxy.wasm"), guest::proxy()).unwrap();
    let (mut child, address, mut said) = start(folder.path(), &["--access-log", "-", "--timeout", "1s"]);
    assert!(ask(&address, "/h").contains("hello"));
    assert!(ask(&address, "/w").starts_with("HTTP/1.1 504 "));
    assert!(ask(&address, "/t").starts_with("HTTP/1.1 500 "));
    assert!(ask(&address, "/f127.0.0.1:1").starts_with("HTTP/1.1 515 "), "nothing is granted");
    signal(&child);
    let (mut out, mut err) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    said.read_to_string(&mut err).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{err}");
    let log: Vec<&str> = out.lines().collect();
    assert!(log.len() == 4 && log[0].contains("\"GET /h HTTP/1.1\" 200 5 "), "{out}");
    for part in [
        "`proxy.wasm` took longer than 1s to answer a request",
        "failed to answer a request: wasm trap: unreachable",
        "guest backtrace:",
    ] {
        assert!(err.contains(part), "`{part}` is missing in:\n{err}");
    }
}

/// Servers of Rust, Python and JavaScript, as their toolchains make them.
#[test]
fn proxies_of_real_toolchains_answer() {
    for (language, program, backends) in [
        ("rust", "proxy-rust", programs::backends()),
        ("python", "proxy-python", programs::backends_for_large_programs()),
        ("javascript", "proxy-js", programs::backends_for_large_programs()),
    ] {
        for backend in backends {
            let Some(proxy) = programs::program(program) else { continue };
            let folder = tempfile::tempdir().unwrap();
            std::os::unix::fs::symlink(proxy, folder.path().join("proxy.wasm")).unwrap();
            let (mut child, address, _said) = start_on(backend, folder.path(), &[]);
            for _ in 0..2 {
                let answer = ask(&address, "/a/b?c=d");
                assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("content-type: text/plain"), "{answer}");
                let line = format!("{language}: /a/b?c=d ");
                assert!(answer.contains(&line), "{program} on {backend}: {answer}");
            }
            signal(&child);
            assert_eq!(child.wait().unwrap().code(), Some(0), "{program} on {backend}");
        }
    }
}

/// A program that asks an address.
fn client(address: &str) -> Vec<u8> {
    let text = include_str!("../../wasi-http/tests/guest/client.wat").replace("AUTHORITY", address);
    guest::componentize("client", wat::parse_str(text).unwrap())
}

#[test]
fn programs_send_requests_where_they_may() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("proxy.wasm"), guest::proxy()).unwrap();
    let (mut child, address, _said) = start(folder.path(), &[]);
    fs::write(folder.path().join("client.wasm"), client(&address)).unwrap();
    let run = |options: &[&str]| {
        let words = [&["run", "--backend", "singlepass"], options, &["client.wasm"]].concat();
        let output = command(folder.path(), &words).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run(&["--net", &address]), (Some(0), String::new()));
    let words = ["--net", &address, "client.wasm"];
    assert_eq!(command(folder.path(), &words).status().unwrap().code(), Some(0), "without the word `run`");
    // Denied, which the program is told.
    assert_eq!(run(&["--net", "127.0.0.1:1"]), (Some(1), String::new()));
    let (status, err) = run(&[]);
    let part = "it called function `[constructor]fields` of interface `wasi:http/types@0.2.12`, and nothing says where";
    assert!(status == Some(1) && err.contains(part) && err.contains("hint: `--net HOST[:PORT]`"), "{err}");
    signal(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_cannot_be_served_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("module.wat"), "(module)").unwrap();
    fs::write(folder.path().join("empty.wat"), "(component)").unwrap();
    fs::write(folder.path().join("proxy.wasm"), guest::proxy()).unwrap();
    for (words, status, part) in [
        (&["serve", "module.wat"][..], 1, "`module.wat` is a module, and components answer requests"),
        (&["serve", "empty.wat"], 1, "exports no `wasi:http/incoming-handler`"),
        (&["serve", "absent.wasm"], 1, "could not read `absent.wasm`"),
        (&["serve", "--addr", "127.0.0.1", "proxy.wasm"], 2, "--addr"),
        (&["serve", "--addr", "192.0.2.1:80", "proxy.wasm"], 1, "could not listen on `192.0.2.1:80`"),
        (&["serve", "--dir", "absent", "proxy.wasm"], 1, "cannot open the directory `absent`"),
        (&["serve", "--net", "a b", "proxy.wasm"], 1, "`a b` is no part of a network"),
        (&["run", "proxy.wasm"], 1, "wasmer serve"),
    ] {
        let output = command(folder.path(), words).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(status) && err.contains(part), "{words:?}: {err}");
    }
}
