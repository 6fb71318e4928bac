//! Clients that keep the server waiting: their connections end, and others are served.

#[path = "../../tests/guest/mod.rs"]
#[allow(dead_code, reason = "other tests have more guests")]
mod guest;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;

use wasmer_component::Component;
use wasmer_runtime::{Backend, Engine};
use wasmer_wasi::WasiCtxBuilder;
use wasmer_wasi_p2::WasiP2;

use super::*;

/// Long enough for a client that does what it should, on a machine with other work.
const SHORT: Duration = Duration::from_millis(400);
/// Longer than any test.
const LONG: Duration = Duration::from_secs(600);

/// Runs something with a server of these timeouts: one request at a time, for which there is time.
fn with_server(timeouts: Timeouts, run: impl FnOnce(SocketAddr)) {
    let engine = Engine::new(Backend::Singlepass.config().unwrap()).unwrap();
    let component = Component::new(&engine, &guest::proxy()).unwrap();
    let app = App::new(&component, || Ok(WasiP2::new(WasiCtxBuilder::new().build().unwrap()))).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Stop::new();
    let options = Options { timeout: LONG, requests_max: 1, grace: Duration::ZERO, ..Options::default() };
    thread::scope(|scope| {
        let served = scope.spawn(|| serve_with(listener, app, options, timeouts, &stop));
        let ends = Ends(&stop);
        run(address);
        drop(ends);
        served.join().unwrap().unwrap();
    });
}

/// Stops a server at once, also when a test fails.
struct Ends<'a>(&'a Stop);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.stop();
        self.0.stop();
    }
}

/// A connection on which this has been sent.
fn connect(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

/// All that comes until the server closes the connection.
fn read_all(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the connection is still open: {error}"),
    }
    bytes
}

const HELLO: &[u8] = b"GET /h HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

fn is_served(address: SocketAddr) {
    let answer = read_all(connect(address, HELLO));
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn headers_that_do_not_come_end_the_connection() {
    with_server(Timeouts { header: SHORT, send: LONG }, |address| {
        // Nothing, the beginning of either protocol, half a header, and a request with nothing behind it.
        let silent = [&b""[..], b"PRI * HT", b"GET /h HTTP/1.1\r\nHo", b"GET /h HTTP/1.1\r\nHost: x\r\n\r\n"];
        let streams = silent.map(|bytes| connect(address, bytes));
        is_served(address);
        let answers = streams.map(read_all);
        for (bytes, answer) in silent.iter().zip(&answers) {
            let answer = String::from_utf8_lossy(answer);
            let is_whole = bytes.ends_with(b"\r\n\r\n");
            assert_eq!(answer.starts_with("HTTP/1.1 200 "), is_whole, "{answer}");
        }
        is_served(address);
    });
}

#[test]
fn connections_of_http_2_without_a_sign_of_life_end() {
    with_server(Timeouts { header: SHORT, send: LONG }, |address| {
        // The preface, and settings without any; pings of the server are not answered.
        let stream = connect(address, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
        let frames = read_all(stream);
        // A ping has the type 6 and eight bytes.
        assert!(frames.windows(4).any(|head| head == [0, 0, 8, 6]), "{frames:?}");
        is_served(address);
    });
}

#[test]
fn answers_that_nobody_takes_end_the_connection() {
    with_server(Timeouts { header: LONG, send: SHORT }, |address| {
        let stream = connect(address, b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
        // The only turn is free again.
        is_served(address);
        drop(stream);
    });
}
