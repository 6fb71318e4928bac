//! Where a release is: a folder, or a server.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use ureq::tls::TlsConfig;
use ureq::{Agent, BodyReader, Timeout};

use super::trust::{explain_silence, trusted};
use crate::package::reference::Url;

/// How long a server may take to accept a connection, to begin its answer, and to go on with it.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// How long a file may take.
const FILE_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// Ending of an address that names one archive of a release.
const ARCHIVE_ENDING: &str = ".tar.gz";

/// A release.
pub(super) enum Source {
    /// Its folder.
    Folder(PathBuf),
    /// A server.
    Web {
        /// The address of its files, without the slash at the end.
        base: String,
        agent: Agent,
        /// How long it may say nothing.
        silence_max: Duration,
    },
}

impl Source {
    /// The release at a place, and the archive if the place names one.
    pub(super) fn new(from: &OsStr) -> anyhow::Result<(Self, Option<String>)> {
        match from.to_str().filter(|text| text.contains("://")) {
            Some(address) => Self::web(address, SILENCE_MAX),
            None => Self::folder(Path::new(from)),
        }
    }

    fn folder(path: &Path) -> anyhow::Result<(Self, Option<String>)> {
        if path.is_dir() {
            return Ok((Self::Folder(path.to_owned()), None));
        }
        match path.file_name().and_then(OsStr::to_str).filter(|name| name.ends_with(ARCHIVE_ENDING)) {
            Some(name) => {
                let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
                Ok((Self::Folder(folder.to_owned()), Some(name.to_owned())))
            }
            None => bail!("`{}` is neither a folder nor an archive (`{ARCHIVE_ENDING}`)", path.display()),
        }
    }

    fn web(address: &str, silence_max: Duration) -> anyhow::Result<(Self, Option<String>)> {
        let secure = address.starts_with("https://");
        if !secure && Url::parse(address).is_err() {
            bail!(
                "`{address}` would be read without protection from others on the way\n\
                 hint: use an address that starts with `https://`, or fetch the files and name their folder"
            );
        }
        let agent = Agent::config_builder().https_only(secure);
        let agent = match secure {
            true => agent.tls_config(TlsConfig::builder().root_certs(trusted()?).build()),
            // Neither a proxy nor another server, which might be anywhere.
            false => agent.proxy(None).max_redirects(0),
        };
        let agent = agent
            .user_agent(concat!("wasmer/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(silence_max))
            .timeout_recv_response(Some(silence_max))
            .timeout_per_read(Some(silence_max))
            .timeout_recv_body(Some(FILE_TIMEOUT))
            .build()
            .new_agent();
        let address = address.trim_end_matches('/');
        let (base, name) = match address.rsplit_once('/') {
            Some((base, name)) if name.ends_with(ARCHIVE_ENDING) => (base, Some(name.to_owned())),
            _ => (address, None),
        };
        Ok((Self::Web { base: base.to_owned(), agent, silence_max }, name))
    }

    /// A file of the release.
    pub(super) fn open(&self, name: &str) -> anyhow::Result<Box<dyn Read>> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                let file = File::open(&path).with_context(|| format!("could not read `{}`", path.display()))?;
                Ok(Box::new(file))
            }
            Self::Web { base, agent, silence_max } => {
                let address = format!("{base}/{name}");
                let failed = || format!("could not fetch `{address}`");
                let answer = agent.get(&address).call().map_err(|error| explain_silence(error, *silence_max));
                let answer = answer.with_context(failed)?;
                if !answer.status().is_success() {
                    bail!("{}: the server answers `{}`", failed(), answer.status());
                }
                Ok(Box::new(Download { body: answer.into_body().into_reader(), silence_max: *silence_max }))
            }
        }
    }
}

/// A file as a server sends it.
struct Download {
    body: BodyReader<'static>,
    silence_max: Duration,
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let explain = |error| match ureq::Error::from(error) {
            ureq::Error::Timeout(Timeout::RecvBody) => anyhow!("it takes longer than {FILE_TIMEOUT:?}"),
            error => explain_silence(error, self.silence_max),
        };
        self.body.read(buffer).map_err(|error| io::Error::other(explain(error)))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "`{}`", folder.display()),
            Self::Web { base, .. } => write!(f, "`{base}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::trust::silent_server;

    #[test]
    fn only_this_machine_is_asked_without_encryption() {
        for good in ["http://127.0.0.1:80/x", "http://localhost/", "http://[::1]:8000"] {
            assert!(Source::new(OsStr::new(good)).is_ok(), "{good}");
        }
        for bad in [
            "http://example.com",
            "http://127.0.0.1.example.com/",
            "http://localhost@example.com/",
            "ftp://localhost/",
            "http://u:p@h/",
        ] {
            assert!(Source::new(OsStr::new(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_server_that_says_nothing_is_left() {
        let silence = "the server has sent nothing for 100ms";
        let source = |answer| {
            let address = format!("http://{}/r", silent_server(answer));
            (Source::web(&address, Duration::from_millis(100)).unwrap().0, address)
        };
        let (begun, address) = source(b"");
        let error = begun.open("SHA256SUMS").err().map(|error| format!("{error:#}"));
        assert_eq!(error, Some(format!("could not fetch `{address}/SHA256SUMS`: {silence}")));
        let (half, _) = source(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf ");
        let mut read = Vec::new();
        let error = half.open("SHA256SUMS").unwrap().read_to_end(&mut read).unwrap_err();
        assert_eq!((read.as_slice(), error.to_string().as_str()), (&b"half "[..], silence));
    }

    #[test]
    fn places_name_a_release_or_one_archive() {
        let place = |text: &str| Source::new(OsStr::new(text)).map(|(source, name)| (source.to_string(), name));
        assert_eq!(place("https://example.com/r/").unwrap(), ("`https://example.com/r`".to_owned(), None));
        let (source, name) = place("https://example.com/r/wasmer-1.tar.gz").unwrap();
        assert_eq!((source.as_str(), name.as_deref()), ("`https://example.com/r`", Some("wasmer-1.tar.gz")));
        assert_eq!(place("x.tar.gz").unwrap(), ("`.`".to_owned(), Some("x.tar.gz".to_owned())));
        assert!(place("/nowhere/at/all").is_err());
    }
}
