//! The variants and records of `wasi:http/types` as Rust types.

use std::fmt;

use hyper::http::uri;

wasmer_component::variant! {
    /// `method`.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[allow(missing_docs, reason = "named as in the definition")]
    pub(crate) enum Method {
        Get = "get",
        Head = "head",
        Post = "post",
        Put = "put",
        Delete = "delete",
        Connect = "connect",
        Options = "options",
        Trace = "trace",
        Patch = "patch",
        Other(String) = "other",
    }
}

impl From<&hyper::Method> for Method {
    fn from(method: &hyper::Method) -> Method {
        match method.as_str() {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            "CONNECT" => Method::Connect,
            "OPTIONS" => Method::Options,
            "TRACE" => Method::Trace,
            "PATCH" => Method::Patch,
            other => Method::Other(other.to_owned()),
        }
    }
}

impl TryFrom<&Method> for hyper::Method {
    type Error = hyper::http::method::InvalidMethod;

    fn try_from(method: &Method) -> Result<hyper::Method, Self::Error> {
        Ok(match method {
            Method::Get => hyper::Method::GET,
            Method::Head => hyper::Method::HEAD,
            Method::Post => hyper::Method::POST,
            Method::Put => hyper::Method::PUT,
            Method::Delete => hyper::Method::DELETE,
            Method::Connect => hyper::Method::CONNECT,
            Method::Options => hyper::Method::OPTIONS,
            Method::Trace => hyper::Method::TRACE,
            Method::Patch => hyper::Method::PATCH,
            Method::Other(name) => return hyper::Method::from_bytes(name.as_bytes()),
        })
    }
}

wasmer_component::variant! {
    /// `scheme`.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[allow(missing_docs, reason = "named as in the definition")]
    pub(crate) enum Scheme {
        Http = "HTTP",
        Https = "HTTPS",
        Other(String) = "other",
    }
}

impl From<&uri::Scheme> for Scheme {
    fn from(scheme: &uri::Scheme) -> Scheme {
        match scheme.as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => Scheme::Other(other.to_owned()),
        }
    }
}

wasmer_component::record! {
    /// `DNS-error-payload`.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[allow(missing_docs, reason = "named as in the definition")]
    pub struct DnsErrorPayload {
        pub rcode: Option<String> = "rcode",
        pub info_code: Option<u16> = "info-code",
    }
}

wasmer_component::record! {
    /// `TLS-alert-received-payload`.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[allow(missing_docs, reason = "named as in the definition")]
    pub struct TlsAlertReceivedPayload {
        pub alert_id: Option<u8> = "alert-id",
        pub alert_message: Option<String> = "alert-message",
    }
}

wasmer_component::record! {
    /// `field-size-payload`.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[allow(missing_docs, reason = "named as in the definition")]
    pub struct FieldSizePayload {
        pub field_name: Option<String> = "field-name",
        pub field_size: Option<u32> = "field-size",
    }
}

wasmer_component::variant! {
    /// `error-code`.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[allow(missing_docs, reason = "named as in the definition")]
    pub enum ErrorCode {
        DnsTimeout = "DNS-timeout",
        DnsError(DnsErrorPayload) = "DNS-error",
        DestinationNotFound = "destination-not-found",
        DestinationUnavailable = "destination-unavailable",
        DestinationIpProhibited = "destination-IP-prohibited",
        DestinationIpUnroutable = "destination-IP-unroutable",
        ConnectionRefused = "connection-refused",
        ConnectionTerminated = "connection-terminated",
        ConnectionTimeout = "connection-timeout",
        ConnectionReadTimeout = "connection-read-timeout",
        ConnectionWriteTimeout = "connection-write-timeout",
        ConnectionLimitReached = "connection-limit-reached",
        TlsProtocolError = "TLS-protocol-error",
        TlsCertificateError = "TLS-certificate-error",
        TlsAlertReceived(TlsAlertReceivedPayload) = "TLS-alert-received",
        HttpRequestDenied = "HTTP-request-denied",
        HttpRequestLengthRequired = "HTTP-request-length-required",
        HttpRequestBodySize(Option<u64>) = "HTTP-request-body-size",
        HttpRequestMethodInvalid = "HTTP-request-method-invalid",
        HttpRequestUriInvalid = "HTTP-request-URI-invalid",
        HttpRequestUriTooLong = "HTTP-request-URI-too-long",
        HttpRequestHeaderSectionSize(Option<u32>) = "HTTP-request-header-section-size",
        HttpRequestHeaderSize(Option<FieldSizePayload>) = "HTTP-request-header-size",
        HttpRequestTrailerSectionSize(Option<u32>) = "HTTP-request-trailer-section-size",
        HttpRequestTrailerSize(FieldSizePayload) = "HTTP-request-trailer-size",
        HttpResponseIncomplete = "HTTP-response-incomplete",
        HttpResponseHeaderSectionSize(Option<u32>) = "HTTP-response-header-section-size",
        HttpResponseHeaderSize(FieldSizePayload) = "HTTP-response-header-size",
        HttpResponseBodySize(Option<u64>) = "HTTP-response-body-size",
        HttpResponseTrailerSectionSize(Option<u32>) = "HTTP-response-trailer-section-size",
        HttpResponseTrailerSize(FieldSizePayload) = "HTTP-response-trailer-size",
        HttpResponseTransferCoding(Option<String>) = "HTTP-response-transfer-coding",
        HttpResponseContentCoding(Option<String>) = "HTTP-response-content-coding",
        HttpResponseTimeout = "HTTP-response-timeout",
        HttpUpgradeFailed = "HTTP-upgrade-failed",
        HttpProtocolError = "HTTP-protocol-error",
        LoopDetected = "loop-detected",
        ConfigurationError = "configuration-error",
        InternalError(Option<String>) = "internal-error",
    }
}

/// A code as what a stream failed with.
#[derive(Clone, Debug)]
pub struct HttpFailure(pub ErrorCode);

impl fmt::Display for HttpFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP: {:?}", self.0)
    }
}

impl std::error::Error for HttpFailure {}

wasmer_component::variant! {
    /// `header-error`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[allow(missing_docs, reason = "named as in the definition")]
    pub(crate) enum HeaderError {
        InvalidSyntax = "invalid-syntax",
        Forbidden = "forbidden",
        Immutable = "immutable",
    }
}
