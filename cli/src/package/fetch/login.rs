//! Names and passwords for registries, where `docker login` and `podman login` leave them.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

/// Larger files are something else.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The part of the file that matters here.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    auths: HashMap<String, Login>,
    creds_store: Option<String>,
    cred_helpers: HashMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Login {
    /// `NAME:PASSWORD` in Base64, as HTTP sends it.
    auth: Option<String>,
    identitytoken: Option<String>,
}

/// Where name and password for a registry are looked for, in this order.
fn files() -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let docker = variable("DOCKER_CONFIG").or_else(|| Some(variable("HOME")?.join(".docker")));
    let podman = variable("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json"));
    let files = [variable("REGISTRY_AUTH_FILE").or(podman), docker.map(|folder| folder.join("config.json"))];
    files.into_iter().flatten().collect()
}

/// What is sent behind `Basic`, if the user has logged in.
pub(super) fn of(registry: &str) -> anyhow::Result<Option<String>> {
    for path in files() {
        if let Some(config) = read(&path)?
            && let Some(auth) = find(&config, registry, &path)?
        {
            return Ok(Some(auth));
        }
    }
    Ok(None)
}

fn read(path: &Path) -> anyhow::Result<Option<Config>> {
    let unreadable = || format!("could not read `{}`", path.display());
    // Nobody has to have logged in.
    let Ok(file) = File::open(path) else { return Ok(None) };
    let mut text = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut text).with_context(unreadable)?;
    Ok(Some(serde_json::from_slice(&text).with_context(unreadable)?))
}

fn find(config: &Config, registry: &str, path: &Path) -> anyhow::Result<Option<String>> {
    let names = names(registry);
    let is_it = |key: &str| names.iter().any(|name| host(key) == name || key == name);
    let path = path.display();
    if let Some(login) = config.auths.iter().find(|(key, _)| is_it(key)).map(|(_, login)| login) {
        if let Some(auth) = login.auth.as_ref().filter(|auth| !auth.is_empty()) {
            let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
            ensure!(auth.bytes().all(is_base64), "the `auth` of `{registry}` in `{path}` is not Base64");
            return Ok(Some(auth.clone()));
        }
        if login.identitytoken.is_some() {
            bail!(
                "`{path}` has an identity token for `{registry}`, and those are not supported\nhint: log in with a name and an access token"
            );
        }
    }
    let helper = config.cred_helpers.iter().find(|(key, _)| is_it(key)).map(|(_, helper)| helper);
    if let Some(helper) = helper.or(config.creds_store.as_ref().filter(|_| config.auths.keys().any(|key| is_it(key)))) {
        bail!(
            "the password for `{registry}` is kept by `docker-credential-{helper}`, as `{path}` says, which is not asked\n\
             hint: `podman login --authfile FILE {registry}` notes it in a file, which `REGISTRY_AUTH_FILE` names"
        );
    }
    Ok(None)
}

/// What a registry is called in the file.
fn names(registry: &str) -> Vec<String> {
    let mut names = vec![registry.to_ascii_lowercase()];
    if names[0] == super::registry::DOCKER_HUB {
        names.push("index.docker.io".to_owned());
    }
    names
}

/// The server in `https://SERVER/v1/`.
fn host(key: &str) -> &str {
    let key = key.split_once("://").map_or(key, |(_, rest)| rest);
    key.split('/').next().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, registry: &str) -> Result<Option<String>, String> {
        let config: Config = serde_json::from_str(text).unwrap();
        find(&config, registry, Path::new("config.json")).map_err(|error| error.to_string())
    }

    #[test]
    fn logins_are_found_as_docker_writes_them() {
        let text = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "aHVi"}, "ghcr.io": {"auth": "Z2g="}, "h:5000": {"auth": "aA==", "x": 1}},
            "HttpHeaders": {"a": "b"}}"#;
        for (registry, auth) in [
            ("docker.io", Some("aHVi")),
            ("ghcr.io", Some("Z2g=")),
            ("h:5000", Some("aA==")),
            ("h", None),
            ("io", None),
        ] {
            assert_eq!(found(text, registry), Ok(auth.map(str::to_owned)), "{registry}");
        }
        assert_eq!(found("{}", "h"), Ok(None));
    }

    #[test]
    fn what_is_not_in_the_file_is_named() {
        for (text, part) in [
            (r#"{"auths": {"h": {}}, "credsStore": "desktop"}"#, "docker-credential-desktop"),
            (r#"{"credHelpers": {"h": "gcr"}}"#, "docker-credential-gcr"),
            (r#"{"auths": {"h": {"identitytoken": "x"}}}"#, "identity token"),
            (r#"{"auths": {"h": {"auth": "a\r\nx: y"}}}"#, "not Base64"),
        ] {
            let error = found(text, "h").unwrap_err();
            assert!(error.contains(part) && error.contains("config.json"), "{error}");
        }
        // Of a store nobody knows what is in it.
        assert_eq!(found(r#"{"credsStore": "desktop"}"#, "h"), Ok(None));
    }
}
