//! The server as its clients meet it, over the loopback: good ones and bad ones.

mod guest;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use wasmer_component::{Component, ComponentLinker};
use wasmer_runtime::{Backend, Engine};
use wasmer_wasi::WasiCtxBuilder;
use wasmer_wasi_http::{App, Options, Stop, WasiHttp, add_to_linker, serve};
use wasmer_wasi_p2::{Grants, WasiP2};
use wit_component::dummy_module;
use wit_parser::ManglingAndAbi;

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(Backend::Singlepass.config().unwrap()).unwrap())
}

fn app() -> App {
    static COMPONENT: OnceLock<Component> = OnceLock::new();
    let component = COMPONENT.get_or_init(|| Component::new(engine(), &guest::proxy()).unwrap());
    App::new(component, || Ok(WasiP2::new(WasiCtxBuilder::new().build().unwrap()))).unwrap()
}

/// A server, what it said, and its end.
struct Served {
    address: SocketAddr,
    stop: Stop,
    thread: Option<JoinHandle<std::io::Result<()>>>,
    log: Arc<Mutex<Vec<String>>>,
    failures: Arc<Mutex<Vec<String>>>,
}

impl Served {
    fn new(options: Options) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (log, failures) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (kept, failed) = (Arc::clone(&log), Arc::clone(&failures));
        let options = Options {
            log: Some(Box::new(move |access| kept.lock().unwrap().push(access.to_string()))),
            failed: Some(Box::new(move |error| failed.lock().unwrap().push(error.to_string()))),
            ..options
        };
        let stop = Stop::new();
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || serve(listener, app(), options, &stopped));
        Served { address, stop, thread: Some(thread), log, failures }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Sends a request, and returns all that comes until the server closes the connection.
    #[track_caller]
    fn ask(&self, path: &str) -> String {
        let mut stream = self.connect();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        read_all(&mut stream)
    }

    fn end(&mut self) {
        self.stop.stop();
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if self.thread.is_some() && !std::thread::panicking() {
            self.stop.stop();
            self.end();
        }
    }
}

#[track_caller]
fn read_all(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error}"),
    }
    String::from_utf8(bytes).unwrap()
}

#[track_caller]
fn is_status(answer: &str, status: u16) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
}

/// Everything that the world imports is there and has the standard's types.
#[test]
fn everything_links() {
    let (resolve, world) = guest::world("proxy");
    let module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    let component = Component::new(engine(), &guest::componentize("proxy", module)).unwrap();
    let functions = component.info().imports.iter().filter(|import| import.path[0].starts_with("wasi:http")).count();
    assert!(functions >= 53, "{functions}");
    let mut linker = ComponentLinker::new();
    add_to_linker(&mut linker, |http: &mut WasiHttp| http).unwrap();
    assert_eq!(linker.missing(&component), Vec::<String>::new());
    linker.instantiate_pre(&component).unwrap();
}

#[test]
fn what_answers_no_requests_is_refused() {
    let component = Component::new(engine(), &wat::parse_str("(component)").unwrap()).unwrap();
    let error = App::new(&component, || Ok(WasiP2::new(WasiCtxBuilder::new().build().unwrap()))).unwrap_err();
    assert!(error.to_string().contains("exports no `wasi:http/incoming-handler`"), "{error}");
}

#[test]
fn requests_are_answered_and_logged() {
    let mut served = Served::new(Options::default());
    let mut stream = served.connect();
    // Two on one connection, in one piece.
    let hello = "GET /h HTTP/1.1\r\nHost: x\r\n\r\n";
    write!(stream, "{hello}HEAD /h HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let answers = read_all(&mut stream);
    is_status(&answers, 200);
    assert!(answers.contains("hello"), "{answers}");
    assert_eq!((answers.matches("HTTP/1.1 200").count(), answers.matches("hello").count()), (2, 1), "{answers}");
    is_status(&served.ask("/n"), 404);
    served.end();
    let log = served.log.lock().unwrap();
    assert_eq!(log.len(), 3, "{log:?}");
    assert!(log[0].starts_with("127.0.0.1 - - [") && log[0].contains("] \"GET /h HTTP/1.1\" 200 5 "), "{log:?}");
    assert!(log[2].contains("\"GET /n HTTP/1.1\" 404 0 "), "{log:?}");
    assert_eq!(*served.failures.lock().unwrap(), Vec::<String>::new());
}

#[test]
fn guests_that_fail_are_answered_for() {
    let mut served = Served::new(Options::default());
    is_status(&served.ask("/t"), 500);
    is_status(&served.ask("/x"), 500);
    // What had begun is cut: the last chunk is missing, and the head too if the guest failed before it was sent.
    let cut = served.ask("/c");
    assert!(cut.is_empty() || cut.starts_with("HTTP/1.1 200 "), "{cut}");
    assert!(!cut.ends_with("0\r\n\r\n"), "{cut}");
    is_status(&served.ask("/h"), 200);
    served.end();
    assert_eq!(
        served.failures.lock().unwrap().len(),
        2,
        "one returns without an answer, which is no failure of its own"
    );
    assert!(served.log.lock().unwrap().iter().any(|line| line.ends_with(" cut")));
}

#[test]
fn time_is_limited() {
    let options = Options { timeout: Duration::from_millis(300), requests_max: 1, ..Options::default() };
    let mut served = Served::new(options);
    for path in ["/l", "/w"] {
        is_status(&served.ask(path), 504);
    }
    // Somebody who takes no answer holds nobody's turn.
    let mut stream = served.connect();
    write!(stream, "GET /b HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(500));
    is_status(&served.ask("/h"), 200);
    drop(stream);
    // Nor does somebody whose body does not come: the answer, which has begun, is cut.
    let mut silent = served.connect();
    write!(silent, "POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc").unwrap();
    let answer = read_all(&mut silent);
    is_status(&answer, 200);
    assert!(answer.contains("abc") && !answer.ends_with("\r\n0\r\n\r\n"), "{answer}");
    is_status(&served.ask("/h"), 200);
    served.end();
    assert_eq!(served.failures.lock().unwrap().len(), 4);
}

#[test]
fn bodies_of_any_size_are_streamed() {
    const BYTES: usize = 16 << 20;
    let served = Served::new(Options::default());
    let mut stream = served.connect();
    let mut giver = stream.try_clone().unwrap();
    write!(giver, "POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: {BYTES}\r\nConnection: close\r\n\r\n").unwrap();
    let giving = std::thread::spawn(move || {
        let piece: Vec<u8> = (0..1 << 16).map(|number: u32| number as u8).collect();
        (0..BYTES / piece.len()).for_each(|_| giver.write_all(&piece).unwrap());
    });
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    giving.join().unwrap();
    // Chunks have their lengths between them, so the answer is a bit longer.
    assert!(answer.ends_with(b"\r\n0\r\n\r\n") && answer.len() > BYTES && answer.len() < BYTES + BYTES / 64);
}

#[test]
fn clients_may_close_their_half() {
    let served = Served::new(Options::default());
    let mut stream = served.connect();
    write!(stream, "GET /s HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let answer = read_all(&mut stream);
    is_status(&answer, 200);
    assert!(answer.contains("hello"), "{answer}");
}

#[test]
fn bad_clients_harm_nobody() {
    let served = Served::new(Options { requests_max: 1, ..Options::default() });
    let idle: Vec<TcpStream> = (0..20).map(|_| served.connect()).collect();
    let slow: Vec<TcpStream> = (0..20).map(|_| served.connect()).collect();
    for mut stream in &slow {
        stream.write_all(b"GET /h HTT").unwrap();
    }
    let field = format!("X-A: {}\r\n", "a".repeat(8000));
    for fields in [10, 30] {
        let mut huge = served.connect();
        let header = format!("GET /h HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}\r\n", field.repeat(fields));
        huge.write_all(header.as_bytes()).unwrap();
        is_status(&read_all(&mut huge), 431);
    }
    let mut garbage = served.connect();
    garbage.write_all(b"\x00\xff\x00 hello\r\n\r\n").unwrap();
    is_status(&read_all(&mut garbage), 400);
    // Whoever goes away in the middle of an answer leaves its turn to others.
    let mut gone = served.connect();
    write!(gone, "GET /b HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    gone.read_exact(&mut [0; 1000]).unwrap();
    drop(gone);
    is_status(&served.ask("/h"), 200);
    // And so does who promises a body that does not come.
    let mut silent = served.connect();
    write!(silent, "POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc").unwrap();
    std::thread::sleep(Duration::from_millis(20));
    drop(silent);
    is_status(&served.ask("/h"), 200);
    drop((idle, slow));
}

#[test]
fn requests_are_answered_at_the_same_time() {
    let ask_all = |served: &Served, count: usize| {
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..count {
                scope.spawn(|| is_status(&served.ask("/s"), 200));
            }
        });
        begun.elapsed()
    };
    let many = Served::new(Options::default());
    assert!(ask_all(&many, 60) < Duration::from_millis(2500), "60 times 50 ms");
    let one = Served::new(Options { requests_max: 1, ..Options::default() });
    assert!(ask_all(&one, 3) >= Duration::from_millis(150), "one after the other");
}

/// Guests run on the threads of the network, which others need: who computes gives way, who waits makes room.
#[test]
fn guests_without_end_keep_no_thread_from_others() {
    let count = 2 * std::thread::available_parallelism().unwrap().get();
    for path in ["/l", "/w", "/e"] {
        let mut served = Served::new(Options { timeout: Duration::from_secs(600), ..Options::default() });
        let endless: Vec<TcpStream> = (0..count)
            .map(|_| {
                let mut stream = served.connect();
                write!(stream, "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nConnection: close\r\n\r\nabc")
                    .unwrap();
                stream
            })
            .collect();
        (0..20).for_each(|_| is_status(&served.ask("/h"), 200));
        assert!(served.log.lock().unwrap().iter().all(|line| line.contains("\"GET /h ")), "{path}");
        served.stop.stop();
        served.end();
        assert_eq!(served.failures.lock().unwrap().len(), count, "{path}");
        for mut stream in endless {
            let answer = read_all(&mut stream);
            match path {
                "/e" => assert!(answer.contains("abc") && !answer.ends_with("\r\n0\r\n\r\n"), "{answer}"),
                // The second stop may end the connection before its answer.
                _ => assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 504 "), "{answer}"),
            }
        }
    }
}

#[test]
fn a_stop_waits_for_answers_and_a_second_one_does_not() {
    let mut served = Served::new(Options::default());
    let mut stream = served.connect();
    // However little of the server there is yet, who has asked before the stop is answered.
    write!(stream, "GET /s HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let address = served.address;
    served.end();
    let answer = read_all(&mut stream);
    is_status(&answer, 200);
    assert!(answer.contains("hello"), "{answer}");
    assert!(TcpStream::connect(address).is_err());

    let mut served = Served::new(Options::default());
    let mut stream = served.connect();
    write!(stream, "GET /w HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let begun = Instant::now();
    served.stop.stop();
    served.end();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

/// Answers one connection with these bytes.
fn answers(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"GET / HTTP/1.1\r\n"), "{}", String::from_utf8_lossy(&head));
        stream.write_all(bytes).unwrap();
    });
    address
}

#[test]
fn guests_ask_where_they_may() {
    let denied = Served::new(Options::default());
    // Numbers of `error-code` over 500: 15 is `HTTP-request-denied`, 6 `connection-refused`.
    for target in ["127.0.0.1:1", "localhost:80", "[::1]:80", "10.0.0.1"] {
        is_status(&denied.ask(&format!("/f{target}")), 515);
    }
    let mut net = Grants::none();
    net.allow("127.0.0.1").unwrap();
    let served = Served::new(Options { net, ..Options::default() });
    let good = answers(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nworld");
    let answer = served.ask(&format!("/f{good}"));
    is_status(&answer, 200);
    assert!(answer.contains("world"), "{answer}");
    let chunked = answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nwor\r\n2\r\nld\r\n0\r\n\r\n");
    assert!(served.ask(&format!("/f{chunked}")).contains("wor"));
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    is_status(&served.ask(&format!("/f{unused}")), 506);
    is_status(&served.ask("/f10.0.0.1:80"), 515);
    is_status(&served.ask("/flocalhost:80"), 515);
    // 7 is `connection-terminated`, 35 `HTTP-protocol-error`.
    is_status(&served.ask(&format!("/f{}", answers(b"HTTP/1.1 200"))), 507);
    is_status(&served.ask(&format!("/f{}", answers(b"\xff\xff\r\n\r\n"))), 535);
}

/// The file of a certificate that nobody vouches for, and that of its key.
fn certificate(name: &str) -> [std::path::PathBuf; 2] {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/tests/certificates");
    ["pem", "key"].map(|ending| folder.join(format!("{name}.{ending}")))
}

/// As [`answers`], behind TLS.
fn answers_by_tls() -> SocketAddr {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let [certificate, key] = certificate("localhost");
    let (certificate, key) =
        (CertificateDer::from_pem_file(certificate).unwrap(), PrivateKeyDer::from_pem_file(key).unwrap());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut stream = rustls::StreamOwned::new(rustls::ServerConnection::new(config).unwrap(), stream);
        // Whoever does not trust us says nothing.
        if stream.read(&mut [0; 4096]).is_ok() {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nworld").unwrap();
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    address
}

#[test]
fn guests_ask_by_tls_whom_they_trust() {
    let served = |trusted: Option<&str>| {
        let mut net = Grants::none();
        net.allow("localhost").unwrap();
        let certificates = trusted.map(|name| certificate(name).into_iter().next().unwrap());
        Served::new(Options { net, certificates, ..Options::default() })
    };
    let target = || format!("/glocalhost:{}", answers_by_tls().port());
    let answer = served(Some("localhost")).ask(&target());
    is_status(&answer, 200);
    assert!(answer.contains("world"), "{answer}");
    // 13 is `TLS-certificate-error`, 12 `TLS-protocol-error`.
    is_status(&served(Some("elsewhere")).ask(&target()), 513);
    let builtin = served(None);
    is_status(&builtin.ask(&target()), 513);
    is_status(&builtin.ask(&format!("/glocalhost:{}", answers_garbage().port())), 512);
}

/// Answers one connection with what is no TLS.
fn answers_garbage() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.accept().unwrap().0.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    address
}

#[test]
fn http_2_has_many_requests_on_a_connection() {
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let served = Served::new(Options::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(served.address).await.unwrap();
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (sender, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        let ask = |path: &'static str| {
            let mut sender = sender.clone();
            async move {
                let request = hyper::Request::get(format!("http://x{path}")).body(Empty).unwrap();
                let mut response = sender.send_request(request).await?;
                let mut bytes = Vec::new();
                while let Some(frame) = std::future::poll_fn(|cx| {
                    hyper::body::Body::poll_frame(std::pin::Pin::new(response.body_mut()), cx)
                })
                .await
                {
                    bytes.extend_from_slice(frame?.data_ref().unwrap());
                }
                Ok::<_, hyper::Error>((response.status().as_u16(), bytes))
            }
        };
        let asked: Vec<_> = (0..30).map(|_| tokio::spawn(ask("/s"))).collect();
        for answer in asked {
            assert_eq!(answer.await.unwrap().unwrap(), (200, b"hello".to_vec()));
        }
        assert_eq!(ask("/t").await.unwrap(), (500, Vec::new()));
        // Its stream is reset, which discards a head that has not been read yet.
        let cut = ask("/c").await.unwrap_err();
        assert!(format!("{cut:?}").contains("INTERNAL_ERROR"), "{cut:?}");
        assert_eq!(ask("/h").await.unwrap(), (200, b"hello".to_vec()));
    });
}

/// No body.
struct Empty;

impl hyper::body::Body for Empty {
    type Data = &'static [u8];
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        std::task::Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }
}
