//! Asking servers: through TLS, or this machine; as long as there is time; and on to other servers, without what was only for the first one.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use ureq::http::{HeaderMap, Response};
use ureq::tls::TlsConfig;
use ureq::{Agent, Body};

use super::sink::Sink;
use crate::package::reference::Url;
use crate::progress::Status;
use crate::units::parse_duration;
use crate::update::trust::{explain_silence, trusted};

/// How long a server may take to accept a connection, to begin its answer, and to go on with it.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// How long all of it may take.
const TIME_MAX: Duration = Duration::from_secs(30 * 60);
/// Says how long instead.
const TIME_VARIABLE: &str = "WASMER_PULL_TIMEOUT";
/// How often a server may send us on.
const REDIRECTS_MAX: usize = 5;
/// What servers are asked for at a time.
const CHUNK: usize = 64 << 10;

pub(super) struct Client {
    secure: Agent,
    /// For this machine, without encryption and directly.
    near: Agent,
    ends: Instant,
    time: Duration,
    silence_max: Duration,
}

impl Client {
    pub(super) fn new() -> anyhow::Result<Self> {
        Self::with_silence(SILENCE_MAX)
    }

    fn with_silence(silence_max: Duration) -> anyhow::Result<Self> {
        let time = match std::env::var(TIME_VARIABLE) {
            Ok(text) if !text.is_empty() => {
                parse_duration(&text).map_err(|error| anyhow!("`{TIME_VARIABLE}`: {error}"))?
            }
            _ => TIME_MAX,
        };
        let agent = || {
            Agent::config_builder()
                .http_status_as_error(false)
                // Others are followed by hand: each is looked at first.
                .max_redirects(0)
                .user_agent(concat!("wasmer/", env!("CARGO_PKG_VERSION")))
                .timeout_connect(Some(silence_max))
                .timeout_recv_response(Some(silence_max))
                .timeout_per_read(Some(silence_max))
        };
        let tls = TlsConfig::builder().root_certs(trusted()?).build();
        Ok(Self {
            secure: agent().https_only(true).tls_config(tls).build().new_agent(),
            near: agent().proxy(None).build().new_agent(),
            ends: Instant::now()
                .checked_add(time)
                .with_context(|| format!("`{TIME_VARIABLE}`: nobody waits so long"))?,
            time,
            silence_max,
        })
    }

    /// Asks for an address, and those that the answer names instead.
    pub(super) fn get(&self, url: &Url, accept: &str, authorization: Option<&str>) -> anyhow::Result<Answer<'_>> {
        let mut at = url.clone();
        for _ in 0..=REDIRECTS_MAX {
            // Whoever is asked instead does not learn what the first one may know.
            let authorization = authorization.filter(|_| is_same_server(&at, url));
            let asked = self.ask(&at, accept, authorization);
            let response = asked.with_context(|| format!("could not ask `{}`", shown(&at)))?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(Answer { client: self, url: at, response });
            }
            let location = response.headers().get("location").and_then(|location| location.to_str().ok());
            let location =
                location.with_context(|| format!("`{}` says neither what it is nor where else", shown(&at)))?;
            let next = join(&at, location);
            at = next.with_context(|| format!("`{}` leads to where nobody may go", shown(&at)))?;
        }
        bail!("`{}` leads from one address to the next, more than {REDIRECTS_MAX} times", shown(url))
    }

    fn ask(&self, url: &Url, accept: &str, authorization: Option<&str>) -> anyhow::Result<Response<Body>> {
        let left = self.ends.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(self.too_late());
        }
        let agent = if url.is_secure { &self.secure } else { &self.near };
        let mut request = agent.get(url.to_string()).header("accept", accept);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        request.config().timeout_global(Some(left)).build().call().map_err(|error| self.explain(error))
    }

    fn explain(&self, error: ureq::Error) -> anyhow::Error {
        match error {
            ureq::Error::Timeout(_) if self.ends <= Instant::now() => self.too_late(),
            error => explain_silence(error, self.silence_max),
        }
    }

    fn too_late(&self) -> anyhow::Error {
        anyhow!(
            "it takes longer than {:?}\nhint: `{TIME_VARIABLE}` allows more, for instance `{TIME_VARIABLE}=2h`",
            self.time
        )
    }
}

/// What a server answers, as far as it has been read.
pub(super) struct Answer<'a> {
    client: &'a Client,
    /// Who answers, which may be another than was asked.
    pub(super) url: Url,
    response: Response<Body>,
}

impl Answer<'_> {
    pub(super) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(super) fn status_text(&self) -> String {
        self.response.status().to_string()
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// How long it is, if the server says so.
    pub(super) fn len(&self) -> Option<u64> {
        self.response.body().content_length()
    }

    /// All of it, which is not much.
    pub(super) fn text(self, bytes_max: usize) -> anyhow::Result<Vec<u8>> {
        let Self { client, url, response } = self;
        let mut bytes = Vec::new();
        let mut body = response.into_body().into_reader().take(bytes_max as u64 + 1);
        body.read_to_end(&mut bytes)
            .map_err(|error| client.explain(error.into()))
            .with_context(|| format!("could not read `{}`", shown(&url)))?;
        if bytes.len() > bytes_max {
            bail!("`{}` has more than {bytes_max} bytes", shown(&url));
        }
        Ok(bytes)
    }

    /// Writes it to a file.
    pub(super) fn copy_to(self, sink: &mut Sink<'_>) -> anyhow::Result<()> {
        let Self { client, url, response } = self;
        let all = response.body().content_length().map_or_else(String::new, |bytes| format!(" of {}", mib(bytes)));
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; CHUNK];
        let status = Status;
        loop {
            let read = body.read(&mut buffer).map_err(|error| client.explain(error.into()));
            let count = read.with_context(|| format!("could not read `{}`", shown(&url)))?;
            if count == 0 {
                return Ok(());
            }
            sink.write_all(&buffer[..count])?;
            status.say(&format!("fetching from {}: {}{all}", url.authority, mib(sink.bytes())));
        }
    }
}

/// Where a server sends those on who ask for an address.
fn join(from: &Url, location: &str) -> anyhow::Result<Url> {
    let location = location.split('#').next().unwrap_or_default();
    let scheme = if from.is_secure { Url::SECURE } else { Url::PLAIN };
    let folder = from.path.split('?').next().unwrap_or_default().rsplit_once('/').map_or("", |(folder, _)| folder);
    let authority = &from.authority;
    let text = if location.contains("://") {
        location.to_owned()
    } else if let Some(rest) = location.strip_prefix("//") {
        format!("{scheme}{rest}")
    } else if location.starts_with('/') {
        format!("{scheme}{authority}{location}")
    } else {
        format!("{scheme}{authority}{folder}/{location}")
    };
    let url = Url::parse(&text)?;
    ensure!(url.is_secure || !from.is_secure, "it leads from `https://` to an address without encryption");
    Ok(url)
}

/// Whether both lead to the same server.
pub(super) fn is_same_server(one: &Url, other: &Url) -> bool {
    (one.is_secure, &one.authority) == (other.is_secure, &other.authority)
}

/// An address as messages name it: what stands behind `?` may be a secret.
pub(super) fn shown(url: &Url) -> String {
    let path = url.path.split('?').next().unwrap_or_default();
    Url { path: path.to_owned(), ..url.clone() }.to_string()
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::trust::silent_server;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap_or_else(|error| panic!("{error:#}"))
    }

    #[test]
    fn redirects_lead_where_they_may() {
        let from = url("https://host/a/b?c=/d");
        for (location, to) in [
            ("https://other/x", "https://other/x"),
            ("//other/x", "https://other/x"),
            ("/x?y", "https://host/x?y"),
            ("x", "https://host/a/x"),
            ("x#y", "https://host/a/x"),
        ] {
            assert_eq!(join(&from, location).unwrap().to_string(), to, "{location}");
        }
        for location in ["http://127.0.0.1/", "http://other/", "ftp://other/", "https://u:p@other/", "https:// /"] {
            assert!(join(&from, location).is_err(), "{location}");
        }
        let near = url("http://localhost:80/a");
        assert_eq!(join(&near, "https://other/").unwrap().to_string(), "https://other/");
        assert!(
            is_same_server(&near, &join(&near, "/b").unwrap()) && !is_same_server(&near, &url("https://localhost:80/"))
        );
    }

    fn silent(answer: &'static [u8]) -> Url {
        url(&format!("http://{}/a", silent_server(answer)))
    }

    #[test]
    fn servers_that_say_nothing_are_left() {
        let client = Client::with_silence(Duration::from_millis(100)).unwrap();
        let said = |error: anyhow::Error, what: &str| {
            let message = format!("{error:#}");
            assert!(
                message.starts_with(what) && message.ends_with(": the server has sent nothing for 100ms"),
                "{message}"
            );
        };
        for begun in [&b""[..], b"HTTP/1.1 200 OK\r\nContent-"] {
            said(client.get(&silent(begun), "*/*", None).err().unwrap(), "could not ask `http://127.0.0.1:");
        }
        let half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n\0asm";
        let answer = || client.get(&silent(half), "*/*", None).unwrap();
        said(answer().text(100).unwrap_err(), "could not read `http://127.0.0.1:");
        let mut file = tempfile::tempfile().unwrap();
        said(answer().copy_to(&mut Sink::new(&mut file, 100)).unwrap_err(), "could not read `http://127.0.0.1:");
    }

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(shown(&url("https://host/a?token=b")), "https://host/a");
    }
}
