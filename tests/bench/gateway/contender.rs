//! What is measured beside each other: nginx and Keyway, each set up to do the same.

use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    AUTHORIZATION, KEY,
    process::{Proxy, Upstream, free_address},
};

/// A way to the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Contender {
    /// nginx that forwards, and sets the key.
    Nginx,
    /// The same, with a look at who calls, and an access log.
    NginxAuth,
    /// The same, with TLS to the upstream.
    NginxTls,
    /// Keyway, with all that it does.
    Keyway,
    /// Keyway that writes each request down before it sends it.
    KeywayStrict,
    /// Keyway, with TLS to the upstream.
    KeywayTls,
}

/// Where a contender finds things.
pub(crate) struct Place<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) keyway: &'a Path,
    pub(crate) upstream: &'a Upstream,
    /// How many clients there are at once, at most. nginx makes room for all of them when it starts.
    pub(crate) clients: usize,
    /// The certificate of the upstream.
    pub(crate) certificate: &'a Path,
}

/// A contender that is set up, and can be started any number of times.
pub(crate) struct Prepared {
    pub(crate) contender: Contender,
    /// What a caller says who it is: the value of `Authorization`.
    pub(crate) caller: String,
    /// The folder of Keyway's vault.
    pub(crate) folder: PathBuf,
    command: Vec<String>,
    address: SocketAddr,
}

impl Contender {
    pub(crate) const ALL: [Self; 6] =
        [Self::Nginx, Self::NginxAuth, Self::NginxTls, Self::Keyway, Self::KeywayStrict, Self::KeywayTls];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::NginxAuth => "nginx, auth and access log",
            Self::NginxTls => "nginx, TLS upstream",
            Self::Keyway => "Keyway",
            Self::KeywayStrict => "Keyway, strict audit",
            Self::KeywayTls => "Keyway, TLS upstream",
        }
    }

    /// What its costs are divided by.
    pub(crate) fn base(self) -> Self {
        match self {
            Self::NginxTls | Self::KeywayTls => Self::NginxTls,
            _ => Self::Nginx,
        }
    }

    pub(crate) fn is_keyway(self) -> bool {
        matches!(self, Self::Keyway | Self::KeywayStrict | Self::KeywayTls)
    }

    /// The scheme and address of the upstream.
    fn origin(self, place: &Place<'_>) -> (&'static str, SocketAddr) {
        if self.base() == Self::NginxTls {
            ("https", place.upstream.secure)
        } else {
            ("http", place.upstream.plain)
        }
    }

    pub(crate) fn prepare(self, place: &Place<'_>) -> Prepared {
        let folder = place.folder.join(format!("{self:?}"));
        fs::create_dir(&folder).unwrap();
        let address = free_address();
        if self.is_keyway() {
            self.keyway(place, folder, address)
        } else {
            self.nginx(place, folder, address)
        }
    }

    fn nginx(self, place: &Place<'_>, folder: PathBuf, address: SocketAddr) -> Prepared {
        let caller = "Bearer kwg_madeUpGrant00000000000000000000".to_owned();
        let dir = folder.display();
        let (scheme, upstream) = self.origin(place);
        let (map, log, auth) = match self {
            Self::NginxAuth => (
                format!(r#"map $http_authorization $known {{ default ""; "{caller}" 1; }}"#),
                format!("{dir}/access.log"),
                r#"if ($known = "") { return 401; }"#,
            ),
            _ => (String::new(), "off".to_owned(), ""),
        };
        // By its own defaults, nginx would close a connection after 1,000 requests.
        let text = format!(
            "daemon off; worker_processes 1; pid {dir}/pid; error_log stderr;
events {{ worker_connections {}; }}
http {{
  access_log {log};
  keepalive_requests 1000000000;
  client_max_body_size 0; proxy_request_buffering off; proxy_max_temp_file_size 0;
  client_body_temp_path {dir}; proxy_temp_path {dir}; fastcgi_temp_path {dir}; uwsgi_temp_path {dir}; scgi_temp_path {dir};
  {map}
  upstream api {{ server {upstream}; keepalive 64; keepalive_requests 1000000000; }}
  server {{
    listen {address};
    location / {{
      {auth}
      proxy_pass {scheme}://api;
      proxy_http_version 1.1;
      proxy_set_header Host localhost;
      proxy_set_header Connection \"\";
      proxy_set_header Authorization \"{AUTHORIZATION}\";
    }}
  }}
}}
",
            place.clients,
        );
        let conf = folder.join("nginx.conf");
        fs::write(&conf, text).unwrap();
        let command = ["nginx", "-e", "stderr", "-p", path(&folder), "-c", path(&conf)];
        let command = command.map(str::to_owned).to_vec();
        Prepared { contender: self, caller, folder, command, address }
    }

    fn keyway(self, place: &Place<'_>, folder: PathBuf, address: SocketAddr) -> Prepared {
        let (scheme, upstream) = self.origin(place);
        let origin = format!("{scheme}://{upstream}");
        let run = |arguments: &[&str], values: &str| keyway(place, &folder, arguments, values);
        run(&["vault", "init"], "");
        let values = format!(r#"{{"api_key":"{KEY}"}}"#);
        let saved =
            run(&["connect", "rootly", "--save", "--values", "-", "--json", "--origin", &origin], &values);
        let connection = saved["saved"]["connection"]["id"].as_str().expect("a connection").to_owned();
        let grant = run(&["grant", "create", "--json", "--connection", &connection], "");
        let token = grant["token"].as_str().expect("a token");
        let audit = if self == Self::KeywayStrict { "strict" } else { "grouped" };
        let text = format!(
            "listen = [\"{address}\"]\nthreads = 1\naudit = \"{audit}\"\ncontrol = \"none\"\ndatabase = \"{}\"\nkey = \"{}\"\n\n[upstream]\nallow_loopback = true\nca = \"{}\"\n\n[connect]\nlisten = []\n\n[log]\nlevel = \"warn\"\n",
            database(&folder),
            key(&folder),
            place.certificate.display(),
        );
        let conf = folder.join("keyway.toml");
        fs::write(&conf, text).unwrap();
        let command = [path(place.keyway), "serve", "--config", path(&conf)].map(str::to_owned).to_vec();
        Prepared { contender: self, caller: format!("Bearer {token}"), folder, command, address }
    }
}

impl Prepared {
    /// Starts it, and waits until it answers.
    pub(crate) fn start(&self) -> Proxy {
        let command: Vec<&str> = self.command.iter().map(String::as_str).collect();
        let request = format!(
            "GET /v1/incidents HTTP/1.1\r\nhost: {}\r\nauthorization: {}\r\nconnection: close\r\n\r\n",
            self.address, self.caller
        );
        Proxy::start(&command, self.address, &request)
    }
}

pub(crate) fn database(folder: &Path) -> String {
    format!("sqlite:{}/keyway.db", folder.display())
}

pub(crate) fn key(folder: &Path) -> String {
    format!("file:{}/keyway.key", folder.display())
}

/// Runs one command of Keyway's, which prints JSON.
fn keyway(place: &Place<'_>, folder: &Path, arguments: &[&str], values: &str) -> serde_json::Value {
    let mut child = Command::new(place.keyway)
        .args(arguments)
        .env("KEYWAY_DATABASE", database(folder))
        .env("KEYWAY_KEY_SOURCE", key(folder))
        .env("KEYWAY_TENANT", "bench")
        .env("SSL_CERT_FILE", place.certificate)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(values.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "keyway {}: {}", arguments.join(" "), output.status);
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

fn path(path: &Path) -> &str {
    path.to_str().expect("paths here are UTF-8")
}
