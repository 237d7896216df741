//! The Transit engine of HashiCorp Vault or OpenBao, addressed and entered as their own command is.

use std::{env, fs, sync::Arc};

use keyway::{
    Origin, Secret,
    http::HttpTransport,
    vault::{KeySource, KmsKeys, Transit},
};

use crate::{
    exit::Failure,
    system::{self, is_set},
};

/// Keys that the service at `address` wraps: `https://HOST:8200/MOUNT/NAME`.
pub(super) fn source(address: &str) -> Result<Arc<dyn KeySource>, Failure> {
    let (origin, mount, name) = parts(address).ok_or_else(|| {
        Failure::because("--key transit: is followed by https://HOST:8200/MOUNT/NAME: the engine's mount, and the key's name")
    })?;
    let mut transport = HttpTransport::builder().allow_private();
    if origin.is_loopback() {
        transport = transport.allow_loopback();
    }
    if is_set("VAULT_CACERT") {
        transport = transport.add_root_certificate(file("VAULT_CACERT")?);
    }
    let transport = transport.build().map_err(|error| Failure::Because(format!("VAULT_CACERT: {error}")))?;
    let transit = Transit::new(Arc::new(transport), origin, mount, name, &token()?)?;
    let transit = match variable("VAULT_NAMESPACE")? {
        Some(namespace) => transit.in_namespace(&namespace)?,
        None => transit,
    };
    Ok(Arc::new(KmsKeys::new(Arc::new(transit))))
}

fn parts(address: &str) -> Option<(Origin, &str, &str)> {
    let (scheme, rest) = address.split_once("://")?;
    let (host, path) = rest.split_once('/')?;
    let (mount, name) = path.rsplit_once('/')?;
    let origin = Origin::parse_loopback(&format!("{scheme}://{host}")).ok()?;
    Some((origin, mount, name))
}

fn token() -> Result<Secret, Failure> {
    if let Some(token) = variable("VAULT_TOKEN")? {
        return Ok(Secret::new(token));
    }
    if !is_set("VAULT_TOKEN_FILE") {
        return Err(Failure::because(
            "the key service wants a token: put it into VAULT_TOKEN, or the name of its file into VAULT_TOKEN_FILE",
        ));
    }
    let text = String::from_utf8(file("VAULT_TOKEN_FILE")?);
    let text = text.map_err(|_| Failure::because("VAULT_TOKEN_FILE: there is no token in it"))?;
    Ok(Secret::new(text.trim()))
}

/// What is in the file that a variable names.
fn file(name: &str) -> Result<Vec<u8>, Failure> {
    let path = env::var_os(name).unwrap_or_default();
    fs::read(path)
        .map_err(|error| Failure::Because(format!("{name} names a file: {}", system::of_reading(&error))))
}

fn variable(name: &str) -> Result<Option<String>, Failure> {
    let value = env::var_os(name).filter(|value| !value.is_empty());
    value
        .map(|value| value.into_string().map_err(|_| Failure::Because(format!("{name} is no text"))))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_ends_in_mount_and_name() {
        let (origin, mount, name) = parts("https://vault.example:8200/teams/keyway/transit/main").unwrap();
        assert_eq!(
            (origin.to_string().as_str(), mount, name),
            ("https://vault.example:8200", "teams/keyway/transit", "main")
        );
        for wrong in [
            "",
            "https://vault.example",
            "https://vault.example/transit",
            "http://vault.example/transit/main",
            "ftp://127.0.0.1/a/b",
            "https://u:p@vault.example/a/b",
        ] {
            assert!(parts(wrong).is_none(), "{wrong}");
        }
    }
}
