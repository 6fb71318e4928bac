//! Which servers are believed to be who they say.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use ureq::tls::{PemItem, RootCerts, parse_pem};

/// Names a file of certificates to trust instead of the built-in ones, as it does for `curl`.
const CERTIFICATES_VARIABLE: &str = "SSL_CERT_FILE";

/// The certificates that servers are compared with: Mozilla's, which are built in, or the user's.
pub(crate) fn trusted() -> anyhow::Result<RootCerts> {
    let Some(path) = std::env::var_os(CERTIFICATES_VARIABLE).filter(|path| !path.is_empty()) else {
        return Ok(RootCerts::WebPki);
    };
    let place = || format!("`{}`, which `{CERTIFICATES_VARIABLE}` names", Path::new(&path).display());
    let text = std::fs::read(&path).with_context(|| format!("could not read {}", place()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&text) {
        if let PemItem::Certificate(certificate) = item.with_context(|| format!("could not read {}", place()))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        bail!("there is no certificate in {}", place());
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

/// What to say of a request that failed, where the server may be silent for so long.
pub(crate) fn explain_silence(error: ureq::Error, silence_max: Duration) -> anyhow::Error {
    match error {
        ureq::Error::Timeout(_) => anyhow::anyhow!("the server has sent nothing for {silence_max:?}"),
        error => explain(error),
    }
}

/// Adds what to do about a server whose certificate is not accepted.
fn explain(error: ureq::Error) -> anyhow::Error {
    let text = error.to_string();
    if text.contains("invalid peer certificate") {
        return anyhow::anyhow!(
            "{text}\nhint: if you trust the server, let `{CERTIFICATES_VARIABLE}` name a file with its certificate, or its authority's; \
             docs/guide/install.md says what it has to be like"
        );
    }
    error.into()
}

/// The address of a server on this machine that sends this to each client and nothing more.
#[cfg(test)]
pub(crate) fn silent_server(answer: &'static [u8]) -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut streams = Vec::new();
        while let Ok((mut stream, _)) = listener.accept() {
            std::io::Write::write_all(&mut stream, answer).unwrap();
            streams.push(stream);
        }
    });
    address
}
