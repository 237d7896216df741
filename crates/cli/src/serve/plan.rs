//! What will be served: all that can be known before a port is opened.

use std::{num::NonZero, sync::Arc, thread};

use keyway::{
    Origin, Registry,
    http::{Client, Dialer, HttpTransport, HttpTransportBuilder},
    vault::Vault,
};
use keyway_connect::{Connect, ConnectBuilder, Look};
use keyway_hub::{Gateway, PublicUrl};

use super::{
    config::{Audit, Config, Loaded},
    file, logo,
    tls::Certificate,
};
use crate::exit::Failure;

/// What will be served.
pub(super) struct Plan {
    pub(super) config: Config,
    pub(super) certificate: Option<Certificate>,
    pub(super) registry: Arc<Registry>,
    dialer: Dialer,
    /// What credentials are checked over. It is built when one is: that reads the system's certificates.
    checker: HttpTransportBuilder,
    /// What webhooks are sent over: tenants say where they go, so this machine is none of it.
    hooks: HttpTransportBuilder,
    /// How the connect pages look.
    look: Look,
}

impl Plan {
    /// Reads files and providers. `problems` are those that there are already.
    ///
    /// # Errors
    /// All that is wrong.
    pub(super) fn of(loaded: &Loaded, mut problems: Vec<String>) -> Result<Self, Vec<String>> {
        let config = &loaded.config;
        let certificate = certificate(loaded).map_err(|problem| problems.push(problem));
        let registry = crate::registry(config.providers.clone());
        let registry = registry.map_err(|failure| problems.push(loaded.renamed(&failure)));
        let way_out = way_out(loaded).map_err(|problem| problems.push(problem));
        let look = look(loaded).map_err(|problem| problems.push(problem));
        let (Ok(certificate), Ok(registry), Ok(WayOut { dialer, checker, hooks }), Ok(look)) =
            (certificate, registry, way_out, look)
        else {
            return Err(problems);
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            config: config.clone(),
            certificate,
            registry: Arc::new(registry),
            dialer,
            checker,
            hooks,
            look,
        })
    }

    /// Opens the gateway over a vault.
    pub(super) async fn open(&self, vault: &Vault) -> Result<Gateway, Failure> {
        let config = &self.config;
        let mut gateway = Gateway::builder(vault.clone(), Arc::clone(&self.registry))
            .dialer(self.dialer.clone())
            .transport(self.checker.clone())
            .trusted_proxies(config.trusted_proxies.clone())
            .limits(config.limits.clone());
        if let Some(url) = &config.public_url {
            gateway = gateway.public_url(PublicUrl::parse(url)?);
        }
        if config.audit == Audit::Strict {
            gateway = gateway.strict_audit();
        }
        Ok(gateway.open().await?)
    }

    /// The way to providers, when a key is checked.
    pub(super) fn transport(&self) -> Result<HttpTransport, Failure> {
        self.checker.clone().build().map_err(|error| Failure::because(error.to_string()))
    }

    /// The connect pages and the REST API over a vault, for browsers that find them at `url`. `more` is what the
    /// configuration does not say.
    pub(super) fn connect(
        &self,
        vault: &Vault,
        url: &Origin,
        more: impl FnOnce(ConnectBuilder) -> ConnectBuilder,
    ) -> Result<Connect, Failure> {
        let Config { connect, trusted_proxies, limits, .. } = &self.config;
        let mut own = connect.limits();
        own.shutdown = limits.shutdown;
        let hooks = self.hooks.clone().build().map_err(|error| Failure::because(error.to_string()))?;
        let builder =
            Connect::builder(vault.clone(), Arc::clone(&self.registry), Client::from(self.transport()?))
                .webhooks_over(hooks)
                .look(self.look.clone())
                .limits(own)
                .trusted_proxies(trusted_proxies.clone())
                .check_every(connect.check_every);
        Ok(more(builder).build(&url.to_string())?)
    }

    /// How many threads serve.
    pub(super) fn threads(&self) -> usize {
        match self.config.threads {
            0 => thread::available_parallelism().map_or(1, NonZero::get),
            threads => threads,
        }
    }

    /// The scheme that clients speak.
    pub(super) fn scheme(&self) -> &'static str {
        if self.certificate.is_some() { "https" } else { "http" }
    }
}

fn certificate(loaded: &Loaded) -> Result<Option<Certificate>, String> {
    let tls = &loaded.config.tls;
    let Some((cert, key)) = tls.cert.clone().zip(tls.key.clone()) else { return Ok(None) };
    let read = Certificate::read(cert, key);
    read.map(Some).map_err(|(key, why)| format!("{}: {why}", loaded.place(key)))
}

fn look(loaded: &Loaded) -> Result<Look, String> {
    let connect = &loaded.config.connect;
    let mut look = connect.look.clone();
    if let Some(path) = &connect.logo {
        let url = logo::data_url(path);
        look.logo = Some(url.map_err(|why| format!("{}: {why}", loaded.place("connect.logo")))?);
    }
    look.check().map_err(|(field, why)| {
        let key = match field {
            "look.name" => "connect.name",
            "look.accent" => "connect.accent",
            "look.accent_dark" => "connect.accent_dark",
            "look.background" => "connect.background",
            "look.background_dark" => "connect.background_dark",
            _ => "connect.logo",
        };
        format!("{}: it {why}", loaded.place(key))
    })?;
    Ok(look)
}

/// Who connects to providers, who asks them whether a key is good, and who sends webhooks: over the same way.
struct WayOut {
    dialer: Dialer,
    checker: HttpTransportBuilder,
    hooks: HttpTransportBuilder,
}

fn way_out(loaded: &Loaded) -> Result<WayOut, String> {
    let upstream = &loaded.config.upstream;
    let mut dialer = Dialer::builder().connect_timeout(upstream.connect_timeout);
    let mut hooks = HttpTransport::builder().connect_timeout(upstream.connect_timeout);
    if let Some(path) = &upstream.ca {
        let pem = file::bytes(path).map_err(|why| format!("{}: {why}", loaded.place("upstream.ca")))?;
        (dialer, hooks) = (dialer.add_root_certificate(pem.clone()), hooks.add_root_certificate(pem));
    }
    if let Some(url) = &upstream.proxy {
        (dialer, hooks) = (dialer.proxy(url), hooks.proxy(url));
    }
    let mut checker = hooks.clone();
    if upstream.allow_loopback {
        (dialer, checker) = (dialer.allow_loopback(), checker.allow_loopback());
    }
    let unusable = |error: keyway::http::Error| {
        let said = [("upstream.ca", upstream.ca.is_some()), ("upstream.proxy", upstream.proxy.is_some())];
        let keys = said.iter().filter(|(_, is_said)| *is_said).map(|(key, _)| loaded.place(key));
        format!("{}: {error}", keys.collect::<Vec<_>>().join(", "))
    };
    // They read certificate and proxy alike: what the one can use, the other can.
    Ok(WayOut { dialer: dialer.build().map_err(unusable)?, checker, hooks })
}

#[cfg(test)]
mod tests {
    use keyway::TransportErrorKind;

    use super::*;

    #[tokio::test]
    async fn webhooks_never_reach_this_machine_also_where_providers_may() {
        let mut config = Config::default();
        config.upstream.allow_loopback = true;
        let WayOut { checker, hooks, .. } = way_out(&Loaded::of(config)).unwrap();
        for (transport, may) in [(checker, true), (hooks, false)] {
            for (url, refused) in [
                ("http://127.0.0.1:9/", TransportErrorKind::Scheme),
                ("https://127.0.0.1:9/", TransportErrorKind::Address),
            ] {
                let request = http::Request::post(url).body(bytes::Bytes::new()).unwrap();
                let error = transport.clone().build().unwrap().send_for_head(request).await.unwrap_err();
                assert_eq!(error.kind() != refused, may, "{url}: {error}");
            }
        }
    }
}
