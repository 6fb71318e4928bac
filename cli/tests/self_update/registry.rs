//! Servers on this machine that are what a test wants: registries, and worse.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sha2::{Digest, Sha256};

use crate::certificate;

/// What a client asks for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// With the query.
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) accept: String,
}

/// What it is answered.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Body,
}

#[derive(Clone)]
pub(crate) enum Body {
    Whole(Vec<u8>),
    /// Ends after these, of twice as many that are announced.
    Half(Vec<u8>),
    /// These, and then nothing, for longer than anybody waits.
    Stalled(Vec<u8>),
    /// These again and again.
    Endless(Vec<u8>),
    /// Instead of any answer.
    Raw(Vec<u8>),
}

impl Reply {
    pub(crate) fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: Vec::new(), body: Body::Whole(bytes.into()) }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::new("") }
    }

    pub(crate) fn body(body: Body) -> Self {
        Self { body, ..Self::new("") }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn redirect(location: impl Into<String>) -> Self {
        Self::status(307).with("location", location)
    }
}

/// A server that goes on until the process ends.
pub(crate) struct Server {
    /// `HOST:PORT`.
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<Request>>>,
}

type Handler = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;

impl Server {
    pub(crate) fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::run("127.0.0.1", handler, |connection| Some(Box::new(connection) as Box<dyn Stream>))
    }

    /// Behind TLS, with the certificate of `localhost`.
    pub(crate) fn secure(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let [certificate, key] = certificate("localhost");
        let certificate = CertificateDer::from_pem_file(certificate).expect("the certificate is there");
        let key = PrivateKeyDer::from_pem_file(key).expect("its key is there");
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key);
        let config = Arc::new(config.expect("the key belongs to the certificate"));
        Self::run("localhost", handler, move |connection| {
            let session = ServerConnection::new(config.clone()).ok()?;
            Some(Box::new(StreamOwned::new(session, connection)))
        })
    }

    fn run(
        host: &str,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
        wrap: impl Fn(TcpStream) -> Option<Box<dyn Stream>> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = format!("{host}:{}", listener.local_addr().expect("it has an address").port());
        let (asked, handler) = (Arc::<Mutex<Vec<Request>>>::default(), Arc::new(handler) as Handler);
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let Some(stream) = connection.ok().and_then(&wrap) else { continue };
                let (handler, log) = (Arc::clone(&handler), Arc::clone(&log));
                // A client that leaves early is what some tests are about.
                thread::spawn(move || drop(answer(stream, &handler, &log)));
            }
        });
        Self { address, asked }
    }

    /// What it was asked since it was asked this the last time.
    pub(crate) fn asked(&self) -> Vec<Request> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// The paths of that.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|request| request.path).collect()
    }
}

trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

fn answer(mut stream: Box<dyn Stream>, handler: &Handler, log: &Mutex<Vec<Request>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(&mut stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let mut headers = BTreeMap::new();
    while let Some(line) = lines.next().transpose()?.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let request = Request {
        path: first.split(' ').nth(1).unwrap_or_default().to_owned(),
        authorization: headers.remove("authorization"),
        accept: headers.remove("accept").unwrap_or_default(),
    };
    log.lock().unwrap().push(request.clone());
    let Reply { status, headers, body } = handler(&request);
    let (bytes, len) = match &body {
        Body::Whole(bytes) => (bytes, Some(bytes.len())),
        Body::Half(bytes) => (bytes, Some(2 * bytes.len())),
        Body::Stalled(bytes) => (bytes, Some(2 * bytes.len() + 1)),
        Body::Endless(bytes) => (bytes, None),
        Body::Raw(bytes) => return stream.write_all(bytes),
    };
    write!(stream, "HTTP/1.1 {status} X\r\nconnection: close\r\n")?;
    for (name, value) in headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    if let Some(len) = len {
        write!(stream, "content-length: {len}\r\n")?;
    }
    stream.write_all(b"\r\n")?;
    stream.write_all(bytes)?;
    stream.flush()?;
    match body {
        Body::Stalled(_) => thread::sleep(Duration::from_secs(60)),
        Body::Endless(bytes) => while stream.write_all(&bytes).is_ok() {},
        _ => {}
    }
    Ok(())
}

pub(crate) fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", sum(bytes))
}

/// What a registry says of a blob.
pub(crate) fn descriptor(media_type: &str, bytes: &[u8], more: &str) -> String {
    format!(r#"{{"mediaType": "{media_type}", "digest": "{}", "size": {}{more}}}"#, digest(bytes), bytes.len())
}

/// The manifest of an artifact with one layer.
pub(crate) fn manifest(media_type: &str, layer: &[u8]) -> String {
    format!(
        r#"{{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": {}, "layers": [{}]}}"#,
        descriptor("application/vnd.wasm.config.v0+json", b"{}", ""),
        descriptor(media_type, layer, "")
    )
}

/// What a registry has, by path.
#[derive(Clone, Default)]
pub(crate) struct Shop(Arc<Mutex<BTreeMap<String, Reply>>>);

impl Shop {
    /// A registry with a program as `app:tag`.
    pub(crate) fn with(program: &[u8]) -> Self {
        let shop = Self::default();
        shop.blob("app", program);
        shop.tag("app", "tag", &manifest("application/wasm", program));
        shop
    }

    pub(crate) fn blob(&self, name: &str, bytes: &[u8]) {
        self.put(&format!("/v2/{name}/blobs/{}", digest(bytes)), Reply::new(bytes));
    }

    pub(crate) fn tag(&self, name: &str, tag: &str, manifest: &str) {
        for reference in [tag, &digest(manifest.as_bytes())] {
            let reply = Reply::new(manifest).with("docker-content-digest", digest(manifest.as_bytes()));
            self.put(&format!("/v2/{name}/manifests/{reference}"), reply);
        }
    }

    pub(crate) fn put(&self, path: &str, reply: Reply) {
        self.0.lock().unwrap().insert(path.to_owned(), reply);
    }

    pub(crate) fn get(&self, request: &Request) -> Reply {
        self.0.lock().unwrap().get(&request.path).cloned().unwrap_or_else(|| Reply::status(404))
    }

    pub(crate) fn open(&self) -> Server {
        let shop = self.clone();
        Server::start(move |request| shop.get(request))
    }
}
