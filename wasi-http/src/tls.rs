//! TLS of connections that guests ask for.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::types::{ErrorCode, TlsAlertReceivedPayload};

/// Connections that trust the certificates of a file, or else the built-in list, which is that of Mozilla.
pub(crate) fn connector(certificates: Option<&Path>) -> io::Result<TlsConnector> {
    let roots = match certificates {
        Some(path) => trusted(path)?,
        None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(io::Error::other)?.with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn trusted(path: &Path) -> io::Result<RootCertStore> {
    let unreadable = |error: &dyn std::fmt::Display| {
        io::Error::other(format!("could not read the certificates of `{}`: {error}", path.display()))
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))? {
        let certificate = certificate.map_err(|error| unreadable(&error))?;
        roots.add(certificate).map_err(|error| unreadable(&error))?;
    }
    if roots.is_empty() { Err(unreadable(&"there are none")) } else { Ok(roots) }
}

/// Secures a connection to a host.
pub(crate) async fn secure(
    connector: &TlsConnector,
    host: &str,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, ErrorCode> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
    connector.connect(name, stream).await.map_err(|error| code_of(&error))
}

fn code_of(error: &io::Error) -> ErrorCode {
    match error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            ErrorCode::TlsCertificateError
        }
        Some(rustls::Error::AlertReceived(alert)) => ErrorCode::TlsAlertReceived(TlsAlertReceivedPayload {
            alert_id: Some(u8::from(*alert)),
            alert_message: Some(format!("{alert:?}")),
        }),
        Some(_) => ErrorCode::TlsProtocolError,
        None => ErrorCode::ConnectionTerminated,
    }
}
