//! Registries, as OCI's distribution specification 1.1 has them: a manifest says which blob is the program.

use std::io::Write as _;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use ureq::http::HeaderMap;
use wasmer_runtime::cache::{PackageSum, Pin};

use super::client::{Answer, Client, is_same_server, shown};
use super::manifest::{ACCEPT, Blob, MANIFEST_BYTES_MAX, Next, Packing, next};
use super::sink::Sink;
use super::{Destination, PROGRAM_BYTES_MAX, image, is_sound, login, signature};
use crate::output::printable;
use crate::package::reference::{Reference, SHA256, Url, is_loopback, short};

/// A name that everybody uses, and the server that it means.
pub(super) const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_SERVER: &str = "registry-1.docker.io";
/// Where it has names without a part in front.
const DOCKER_HUB_FOLDER: &str = "library/";
/// Tokens are short.
const TOKEN_BYTES_MAX: usize = 64 << 10;

/// Fetches what a tag or digest means.
pub(super) fn fetch(
    client: &Client,
    destination: &Destination<'_>,
    reference: &Reference,
    registry: &str,
    name: &str,
    tag: Option<&str>,
) -> anyhow::Result<Pin> {
    let mut registry = Registry::new(client, registry, name)?;
    let (digest, text) = match (&reference.sum, tag) {
        (Some(digest), _) => (*digest, registry.manifest(digest, None)?),
        (None, Some(tag)) => registry.tagged(tag)?,
        (None, None) => bail!("it has neither a tag nor a digest"),
    };
    if let Some(key) = &reference.signer {
        signature::check(&mut registry, &digest, key)?;
    }
    if let Some(pin) = stored(destination, reference, digest)? {
        return Ok(pin);
    }
    let (layer, packing) = match next(&text)? {
        Next::Layer(layer, packing) => (layer, packing),
        Next::Manifest(Blob { sum, bytes }) => match next(&registry.manifest(&sum, Some(bytes))?)? {
            Next::Layer(layer, packing) => (layer, packing),
            Next::Manifest(_) => bail!("the manifest of its platform is one for several platforms again"),
        },
    };
    let content = match packing {
        Packing::None => registry.program(destination, &layer)?,
        Packing::Tar | Packing::TarGz => registry.packed(destination, &layer, packing)?,
    };
    Ok(Pin { digest, content })
}

/// What a digest means, if that is stored and undamaged.
fn stored(destination: &Destination<'_>, reference: &Reference, digest: PackageSum) -> anyhow::Result<Option<Pin>> {
    let known = super::stored(destination.packages, &Reference { signer: None, ..super::pinned(reference, &digest) });
    match known {
        Some((pin, path)) if is_sound(&path, &pin.content)? => Ok(Some(pin)),
        _ => Ok(None),
    }
}

pub(super) struct Registry<'a> {
    client: &'a Client,
    /// As the user calls it.
    registry: &'a str,
    /// `https://SERVER/v2/NAME/`.
    base: Url,
    name: String,
    /// What the server wants to be told with each question.
    authorization: Option<String>,
}

impl<'a> Registry<'a> {
    fn new(client: &'a Client, registry: &'a str, name: &str) -> anyhow::Result<Self> {
        let (server, name) = match registry {
            DOCKER_HUB if name.contains('/') => (DOCKER_HUB_SERVER, name.to_owned()),
            DOCKER_HUB => (DOCKER_HUB_SERVER, format!("{DOCKER_HUB_FOLDER}{name}")),
            server => (server, name.to_owned()),
        };
        let scheme = if is_loopback(server) { "http" } else { "https" };
        let base = Url::parse(&format!("{scheme}://{server}/v2/{name}/"))?;
        Ok(Self { client, registry, base, name, authorization: None })
    }

    /// The manifest that a tag means now, and its digest.
    fn tagged(&mut self, tag: &str) -> anyhow::Result<(PackageSum, Vec<u8>)> {
        let answer = self.ask(&format!("manifests/{tag}"), ACCEPT)?;
        let said = answer.headers().get("docker-content-digest").and_then(|digest| digest.to_str().ok());
        let said = said.map(str::to_owned);
        let text = answer.text(MANIFEST_BYTES_MAX)?;
        let digest = PackageSum(Sha256::digest(&text).into());
        if let Some(said) = said.filter(|said| said.starts_with(SHA256) && *said != format!("{SHA256}{digest}")) {
            bail!(
                "the registry says that the manifest of `{tag}` is `{}`, and sends `{SHA256}{digest}`",
                printable(&short(&said))
            );
        }
        Ok((digest, text))
    }

    /// The manifest of a digest, which has so many bytes if that is known.
    pub(super) fn manifest(&mut self, digest: &PackageSum, bytes: Option<u64>) -> anyhow::Result<Vec<u8>> {
        self.text("manifest", digest, bytes)
    }

    /// A blob that is the text of a signature.
    pub(super) fn payload(&mut self, blob: &Blob) -> anyhow::Result<Vec<u8>> {
        self.text("blob", &blob.sum, Some(blob.bytes))
    }

    fn text(&mut self, kind: &str, digest: &PackageSum, bytes: Option<u64>) -> anyhow::Result<Vec<u8>> {
        let text = self.ask(&format!("{kind}s/{SHA256}{digest}"), ACCEPT)?.text(MANIFEST_BYTES_MAX)?;
        let found = PackageSum(Sha256::digest(&text).into());
        ensure!(
            found == *digest && bytes.is_none_or(|bytes| bytes == text.len() as u64),
            "the registry sends another {kind} than `{SHA256}{digest}`: one of {} bytes with the digest `{SHA256}{found}`",
            text.len()
        );
        Ok(text)
    }

    /// The manifest at a path, if there is one.
    pub(super) fn manifest_if_any(&mut self, path: &str) -> anyhow::Result<Option<Vec<u8>>> {
        self.find(path, ACCEPT)?.map(|answer| answer.text(MANIFEST_BYTES_MAX)).transpose()
    }

    /// Stores a blob that is a program.
    fn program(&mut self, destination: &Destination<'_>, blob: &Blob) -> anyhow::Result<PackageSum> {
        if let Some(path) = destination.packages.find(&blob.sum)
            && is_sound(&path, &blob.sum)?
        {
            return Ok(blob.sum);
        }
        let mut package = destination.packages.begin()?;
        let mut sink = Sink::new(package.file(), blob.bytes);
        self.ask(&format!("blobs/{SHA256}{}", blob.sum), "*/*")?.copy_to(&mut sink)?;
        sink.expect(&blob.sum, blob.bytes)?;
        let content = sink.finish()?;
        destination.packages.add(package, &content)?;
        Ok(content)
    }

    /// Stores the program that is in a blob.
    fn packed(&mut self, destination: &Destination<'_>, blob: &Blob, packing: Packing) -> anyhow::Result<PackageSum> {
        let mut layer = tempfile::tempfile_in(destination.dir).context("could not make a file for its layer")?;
        let mut sink = Sink::new(&mut layer, blob.bytes);
        self.ask(&format!("blobs/{SHA256}{}", blob.sum), "*/*")?.copy_to(&mut sink)?;
        sink.flush()?;
        sink.expect(&blob.sum, blob.bytes)?;
        let mut package = destination.packages.begin()?;
        let mut sink = Sink::new(package.file(), PROGRAM_BYTES_MAX);
        image::unpack(&layer, packing, &mut sink)?;
        let content = sink.finish()?;
        destination.packages.add(package, &content)?;
        Ok(content)
    }

    /// Asks the registry for what must be there.
    fn ask(&mut self, path: &str, accept: &str) -> anyhow::Result<Answer<'a>> {
        let found = self.find(path, accept)?;
        found.with_context(|| format!("`{}` has no `{path}` of `{}`", self.registry, self.name))
    }

    /// Asks the registry, and logs in if it wants that. None if there is no such thing.
    fn find(&mut self, path: &str, accept: &str) -> anyhow::Result<Option<Answer<'a>>> {
        let url = Url { path: format!("{}{path}", self.base.path), ..self.base.clone() };
        let mut answer = self.client.get(&url, accept, self.authorization.as_deref())?;
        if answer.status() == 401 && self.authorization.is_none() && is_same_server(&answer.url, &url) {
            self.authorization = Some(self.log_in(answer.headers())?);
            answer = self.client.get(&url, accept, self.authorization.as_deref())?;
        }
        match answer.status() {
            200 => Ok(Some(answer)),
            401 | 403 => {
                bail!("the registry does not let us have it ({})\n{}", answer.status_text(), self.login_hint())
            }
            404 => Ok(None),
            _ => bail!("`{}` answers `{}`", shown(&answer.url), answer.status_text()),
        }
    }

    fn login_hint(&self) -> String {
        let registry = self.registry;
        format!(
            "hint: if it is private, `docker login {registry}` or `podman login {registry}` notes a name and password that are used here"
        )
    }

    /// What to tell the registry, by what it asks for (RFC 9110, section 11, and the distribution specification's tokens).
    fn log_in(&self, headers: &HeaderMap) -> anyhow::Result<String> {
        let challenges: Vec<_> =
            headers.get_all("www-authenticate").iter().filter_map(|value| value.to_str().ok()).collect();
        if let Some(parameters) = challenges.iter().find_map(|text| of_scheme(text, "bearer")) {
            return self.token(parameters);
        }
        if challenges.iter().any(|text| of_scheme(text, "basic").is_some()) {
            let login = login::of(self.registry)?;
            let login =
                login.with_context(|| format!("the registry wants a name and a password\n{}", self.login_hint()))?;
            return Ok(format!("Basic {login}"));
        }
        bail!("the registry wants something else than a name and password, or a token, which is not supported")
    }

    fn token(&self, parameters: &str) -> anyhow::Result<String> {
        let realm = parameter(parameters, "realm").context("the registry does not say where tokens are")?;
        let realm = Url::parse(&realm).context("the registry says that tokens are where nobody may ask for them")?;
        ensure!(
            realm.is_secure || !self.base.is_secure,
            "the registry says that tokens are at an address without encryption"
        );
        let mut path = realm.path.clone();
        path.push(if path.contains('?') { '&' } else { '?' });
        if let Some(service) = parameter(parameters, "service") {
            path.push_str(&format!("service={}&", encoded(&service)));
        }
        // Whatever it asks for: reading this one name is what is needed.
        path.push_str(&format!("scope={}", encoded(&format!("repository:{}:pull", self.name))));
        let login = login::of(self.registry)?.map(|login| format!("Basic {login}"));
        let answer = self.client.get(&Url { path, ..realm }, "application/json", login.as_deref())?;
        if answer.status() != 200 {
            bail!(
                "`{}` gives no token, but answers `{}`\n{}",
                shown(&answer.url),
                answer.status_text(),
                self.login_hint()
            );
        }
        let answer: Token =
            serde_json::from_slice(&answer.text(TOKEN_BYTES_MAX)?).context("the registry's token is none")?;
        let token = answer.token.or(answer.access_token).context("the registry's token is none")?;
        ensure!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()), "the registry's token is none");
        Ok(format!("Bearer {token}"))
    }
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// The parameters of a challenge, if it is of this scheme.
fn of_scheme<'t>(challenge: &'t str, scheme: &str) -> Option<&'t str> {
    let (name, parameters) = challenge.trim().split_once(' ').unwrap_or((challenge.trim(), ""));
    name.eq_ignore_ascii_case(scheme).then_some(parameters)
}

/// A parameter of a challenge: `name="value"` or `name=value`, between commas.
fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        let (name, behind) = rest.split_once('=')?;
        let (value, behind) = value(behind);
        if name.trim_matches([' ', ',']).eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = behind;
    }
}

/// A value, and what stands behind it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find(',').unwrap_or(text.len()));
        return (value.trim().to_owned(), rest);
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
            letter => value.push(letter),
        }
    }
    (value, "")
}

/// A value in the query of an address.
fn encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read() {
        let challenge = r#"Bearer realm="https://auth/token?a=b,c",service=reg , scope="re\"po:x""#;
        let parameters = of_scheme(challenge, "bearer").unwrap();
        let found = |name| parameter(parameters, name);
        assert_eq!(found("realm").as_deref(), Some("https://auth/token?a=b,c"));
        assert_eq!(found("Service").as_deref(), Some("reg"));
        assert_eq!(found("scope").as_deref(), Some("re\"po:x"));
        assert_eq!(found("other"), None);
        assert_eq!(of_scheme(challenge, "basic"), None);
        assert_eq!(of_scheme("Basic", "basic"), Some(""));
        for broken in ["", "=", "realm", "realm=\"", "realm=\"\\", ",,,=,=", "é=\"é\\é"] {
            let _ = parameter(broken, "x");
        }
    }

    #[test]
    fn registries_are_where_their_names_say() {
        let client = Client::new().unwrap();
        for (registry, name, expected) in [
            ("docker.io", "app", "https://registry-1.docker.io/v2/library/app/"),
            ("docker.io", "a/app", "https://registry-1.docker.io/v2/a/app/"),
            ("example.com:5000", "app", "https://example.com:5000/v2/app/"),
            ("localhost:5000", "app", "http://localhost:5000/v2/app/"),
            ("localhost.example.com", "app", "https://localhost.example.com/v2/app/"),
        ] {
            assert_eq!(Registry::new(&client, registry, name).unwrap().base.to_string(), expected);
        }
    }

    #[test]
    fn queries_contain_nothing_else() {
        assert_eq!(encoded("repository:a/b:pull&x=\r\n\u{e9}"), "repository%3Aa%2Fb%3Apull%26x%3D%0D%0A%C3%A9");
    }
}
