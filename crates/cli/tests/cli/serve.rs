//! `keyway serve`.

use std::{
    fs,
    io::{ErrorKind, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use keyway::{Transport as _, http::HttpTransport};

use crate::support::{Home, KEPT_KEY, Server, Serving, answer as answer_of, ask, get, good, status};

const READY: &str = "Listening on http";

/// A home with a vault, whose gateway may call servers on this machine, on any free port.
fn home() -> Home {
    Home::with_vault()
        .with("KEYWAY_LISTEN", "127.0.0.1:0")
        .with("KEYWAY_CONTROL", "127.0.0.1:0")
        .with("KEYWAY_CONNECT_LISTEN", "127.0.0.1:0")
        .with("KEYWAY_UPSTREAM_ALLOW_LOOPBACK", "true")
}

fn start(home: &Home) -> Serving {
    Serving::start(&mut home.command(&["serve"]), READY)
}

/// A grant for a new connection to a server: the line of a header, and its id.
fn grant(home: &Home, server: &Server) -> ([String; 1], String) {
    let id = home.save(server);
    grant_for(home, &id)
}

fn grant_for(home: &Home, id: &str) -> ([String; 1], String) {
    let made = home.json(&["grant", "create", "--connection", id]);
    let line = format!("zsessionid: {}", made["token"].as_str().unwrap());
    ([line], made["grant"]["id"].as_str().unwrap().to_owned())
}

fn page() -> Vec<u8> {
    answer_of("200 OK", &["content-type: application/json"], "{\"ok\":true}")
}

#[test]
fn check_says_what_will_be() {
    let home =
        Home::with_vault().with("KEYWAY_THREADS", "2").with("KEYWAY_PUBLIC_URL", "https://keyway.example");
    let file =
        "control = 'none'\nlisten = ['[::1]:8443', '127.0.0.1:8443']\nconnect.listen = ['127.0.0.1:8444']";
    fs::write(home.path("keyway.toml"), file).unwrap();
    let run = home.run(&["serve", "--check", "--config", &home.text("keyway.toml")]);
    insta::assert_snapshot!(home.steady(&run.shown("keyway serve --check")));
    let connect = |more: &str| {
        fs::write(home.path("keyway.toml"), more).unwrap();
        let said = home.run(&["serve", "--check", "--config", &home.text("keyway.toml")]).stdout;
        let line = said.lines().find_map(|line| line.strip_prefix("  Connect     "));
        line.unwrap_or_else(|| panic!("{said}")).to_owned()
    };
    assert_eq!(connect("connect.listen = []"), "none");
    assert_eq!(connect("connect.listen = ['127.0.0.1:0']"), "127.0.0.1:0");
    let public = "connect = { listen = ['0.0.0.0:80', '[::]:80'], public_url = 'https://connect.example' }";
    let said = connect(&format!("trusted_proxies = ['10.0.0.1']\n{public}"));
    assert_eq!(said, "https://connect.example, on 0.0.0.0:80, [::]:80");
}

#[test]
fn check_says_all_that_is_wrong_at_once() {
    let home = Home::with_vault();
    let certified = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let (one, other) = (certified("a.example"), certified("b.example"));
    fs::write(home.path("cert.pem"), one.cert.pem()).unwrap();
    fs::write(home.path("other.key"), other.signing_key.serialize_pem()).unwrap();
    fs::write(home.path("no.pem"), "sk_CANARY").unwrap();
    let at = |name: &str| home.text(name);
    let files = [
        (
            "wrong keys",
            "listen = 8080\n[log]\nlevel = 'CANARY'\ncolour = true\n[tls]\ncert = 'CANARY'\n".to_owned(),
        ),
        ("no TOML", "listen = [\n'CANARY'".to_owned()),
        (
            "no such files",
            "providers = 'CANARY'\n[tls]\ncert = 'CANARY'\nkey = 'CANARY'\n[upstream]\nca = 'CANARY'"
                .to_owned(),
        ),
        ("no pair", format!("[tls]\ncert = '{}'\nkey = '{}'", at("cert.pem"), at("other.key"))),
        ("no PEM", format!("tls = {{ cert = '{0}', key = '{0}' }}\nupstream.ca = '{0}'", at("no.pem"))),
        ("no key", "key = 'env:KEYWAY_KEY'".to_owned()),
        ("no database", "database = 'CANARY'".to_owned()),
        (
            "no connect pages",
            format!(
                "plain_http = 'allowed'\n[connect]\nlisten = ['0.0.0.0:8081']\nlogo = '{}'\naccent = 'CANARY'\nlink = '1h'",
                at("no.pem")
            ),
        ),
        ("no proxy", "upstream.proxy = 'http://user:CANARY@'".to_owned()),
        ("no vault", format!("database = 'sqlite:{}'", at("nothing.db"))),
    ];
    let mut shown = Vec::new();
    for (name, text) in files {
        fs::write(home.path("keyway.toml"), text).unwrap();
        for command in [&["serve", "--check"] as &[&str], &["serve"]] {
            let run = home.run(&[command, &["--config", &at("keyway.toml")]].concat());
            assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{name}");
            if command.len() == 2 {
                shown.push(format!("{name}\n{}", run.stderr));
            }
        }
    }
    insta::assert_snapshot!(home.steady(&shown.join("\n")));
    let run = home.run(&["serve", "--config", "CANARY"]);
    assert_eq!(run.stderr, "error: --config: there is no such file\n");
}

/// What is said of the port would come first otherwise: it is somebody else's.
#[test]
fn i7_with_a_wrong_key_no_port_is_opened() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let home = Home::with_vault().with("KEYWAY_LISTEN", &address.to_string());
    let before = fs::read(home.database()).unwrap();
    let said = home.run(&["serve"]);
    let in_use = format!("error: KEYWAY_LISTEN: port {} is in use\n", address.port());
    assert_eq!((said.code, said.stdout.as_str(), said.stderr.as_str()), (1, "", in_use.as_str()));
    let home = home.with("KEYWAY_KEY_SOURCE", "env:KEYWAY_KEY");
    for key in [String::new(), "07".repeat(32), "07".repeat(31)] {
        let home = home.command(&["serve"]).env("KEYWAY_KEY", key).output().unwrap();
        let said = String::from_utf8(home.stderr).unwrap();
        assert_eq!(home.status.code(), Some(1), "{said}");
        assert!(said.contains("key") && !said.contains("port"), "{said}");
    }
    assert_eq!(fs::read(home.database()).unwrap(), before);
}

#[test]
fn a_request_goes_through_and_is_counted() {
    let home = home().with("KEYWAY_LOG_FORMAT", "json").with("KEYWAY_LOG_REQUESTS", "true");
    let server = Server::giving("");
    let (grant, _) = grant(&home, &server);
    server.now_giving(page());
    let serving = start(&home);
    let answer = get(&serving.address(), "/slm/webservice/v2.0/defect", &grant);
    assert!(status(&answer) == 200 && answer.ends_with("{\"ok\":true}"), "{answer}");
    assert!(server.arrived().last().unwrap().contains(KEPT_KEY), "with the key in the grant's place");
    for (path, code) in [("/healthz", 200), ("/readyz", 200), ("/metrics", 200), ("/elsewhere", 404)] {
        assert_eq!(status(&get(&serving.control(), path, &[])), code, "{path}");
    }
    assert!(get(&serving.control(), "/metrics", &[]).contains("rally"), "it is counted");
    assert_eq!(status(&get(&serving.address(), "/", &["authorization: Bearer CANARY".to_owned()])), 401);
    serving.log("a request ended");
    let log = serving.log("a request was refused");
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    assert!(!log.contains("CANARY") && !log.contains("kwg_"), "{log}");
}

/// A session that another process makes is found; a token that is none is not.
#[test]
fn the_connect_pages_and_the_rest_api_are_served_beside_the_gateway() {
    let home = home();
    let serving = Serving::start(&mut home.command(&["serve"]), "__Host- prefix");
    let pages = serving.pages();
    let home = home.with("KEYWAY_CONNECT_PUBLIC_URL", &format!("http://{pages}"));
    let link = home.json(&["session", "create", "--end-user", "ada"])["link"].as_str().unwrap().to_owned();
    let path = link.strip_prefix(&format!("http://{pages}")).unwrap();
    let answer = get(&pages, path, &[]);
    assert_eq!(status(&answer), 200, "{answer}");
    assert!(answer.to_ascii_lowercase().contains("\r\nset-cookie: keyway="), "{answer}");
    assert_eq!(status(&get(&pages, "/link/kwl_nobody", &[])), 404);
    assert_eq!(status(&get(&pages, "/openapi.json", &[])), 200);
    let token = home.json(&["token", "create", "--scope", "connections:read"])["token"].clone();
    let token = format!("authorization: Bearer {}", token.as_str().unwrap());
    assert_eq!(status(&get(&pages, "/v1/connections", &[token])), 200);
    assert_eq!(status(&get(&pages, "/v1/connections", &[])), 401);
    // Each listener has its own.
    assert_eq!(status(&get(&serving.address(), path, &[])), 401);
}

#[test]
fn connect_pages_can_be_left_out() {
    let home = home().with("KEYWAY_CONNECT_LISTEN", "none");
    let serving = Serving::start(&mut home.command(&["serve"]), "Metrics and health");
    assert!(!serving.said().contains("Connect"), "{}", serving.said());
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_when_what_is_in_flight_is_done() {
    let home = home();
    let slow = Slow::start();
    let (grant, _) = grant_for(&home, &home.save_at(&slow.origin));
    for signal in ["-INT", "-TERM"] {
        let serving = start(&home);
        let mut client = ask(&serving.address(), "/slow", &grant);
        let mut idle = TcpStream::connect(serving.address()).unwrap();
        let mut reader = TcpStream::connect(serving.pages()).unwrap();
        slow.arrived();
        serving.signal(signal);
        serving.log("stopping");
        // Whoever asks for nothing is let go of.
        for who in [&mut idle, &mut reader] {
            match who.read(&mut [0]) {
                Ok(length) => assert_eq!(length, 0),
                // Nobody had taken it in yet.
                Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
            }
        }
        slow.answer();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(status(&answer) == 200 && answer.ends_with("late"), "{answer}");
        // Each thread lets go of the port by itself.
        let until = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(serving.address()).is_ok() {
            assert!(Instant::now() < until, "somebody listens still");
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(serving.end().0, Some(0), "{signal}");
    }
    assert_eq!(home.run(&["vault", "verify"]).code, 0);
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_it_at_once() {
    let home = home();
    let slow = Slow::start();
    let (grant, _) = grant_for(&home, &home.save_at(&slow.origin));
    let serving = start(&home);
    let _client = ask(&serving.address(), "/slow", &grant);
    slow.arrived();
    serving.signal("-INT");
    serving.log("stopping");
    serving.signal("-INT");
    assert_eq!(serving.end().0, Some(1));
    assert_eq!(home.run(&["vault", "verify"]).code, 0);
}

#[test]
fn a_grant_that_another_process_revokes_ends_within_a_second() {
    let home = home();
    let server = Server::giving("");
    let connection = home.save(&server);
    server.now_giving(page());
    let serving = start(&home);
    let mut took = Vec::new();
    // A busy machine may be late now and then: one that does not follow is late each time.
    while took.last().is_none_or(|took| *took >= Duration::from_secs(1)) {
        assert!(took.len() < 5, "it took {took:?}");
        let (grant, id) = grant_for(&home, &connection);
        let ask = || status(&get(&serving.address(), "/slm/webservice/v2.0/defect", &grant));
        assert_eq!(ask(), 200);
        assert_eq!(home.run(&["grant", "revoke", &id]).code, 0);
        let revoked = Instant::now();
        while ask() == 200 {
            assert!(revoked.elapsed() < Duration::from_secs(20), "it is revoked, and still good");
            thread::sleep(Duration::from_millis(5));
        }
        took.push(revoked.elapsed());
    }
}

#[cfg(unix)]
#[test]
fn a_certificate_is_read_again() {
    let home = home().with("KEYWAY_CONTROL", "none");
    let certified = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (one, other) = (certified(), certified());
    let [cert, key] = ["cert.pem", "cert.key"].map(|name| home.path(name));
    fs::write(&cert, one.cert.pem()).unwrap();
    fs::write(&key, one.signing_key.serialize_pem()).unwrap();
    let home =
        home.with("KEYWAY_TLS_CERT", cert.to_str().unwrap()).with("KEYWAY_TLS_KEY", key.to_str().unwrap());
    let serving = start(&home);
    // The gateway's, and that of the connect pages.
    let ports = [serving.address(), serving.pages()].map(|at| at.rsplit(':').next().unwrap().to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let is_shown = |pem: String| {
        let transport = HttpTransport::builder().allow_loopback().add_root_certificate(pem).build().unwrap();
        let [gateway, pages] = ports.each_ref().map(|port| {
            let request =
                http::Request::get(format!("https://localhost:{port}/")).body(Bytes::new()).unwrap();
            runtime.block_on(transport.send(request)).is_ok()
        });
        assert_eq!(gateway, pages, "both have the same certificate");
        gateway
    };
    assert!(is_shown(one.cert.pem()) && !is_shown(other.cert.pem()));
    // Half of a pair: the one before stays.
    fs::write(&cert, other.cert.pem()).unwrap();
    serving.signal("-HUP");
    serving.log("the old one stays: tls.key: the key is not that of the certificate");
    assert!(is_shown(one.cert.pem()) && !is_shown(other.cert.pem()));
    // The other half, which nobody tells of.
    fs::write(&key, other.signing_key.serialize_pem()).unwrap();
    serving.log("the certificate was read again");
    assert!(!is_shown(one.cert.pem()) && is_shown(other.cert.pem()));
    fs::remove_file(&key).unwrap();
    serving.log("the old one stays: tls.key: there is no such file");
    assert!(is_shown(other.cert.pem()));
}

/// Rally, which answers `/slow` when it is told to.
struct Slow {
    origin: String,
    arrived: Receiver<()>,
    answer: Sender<()>,
}

impl Slow {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let ((tell, arrived), (answer, told)) = (channel(), channel());
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut chunk = [0; 4096];
                let read = stream.read(&mut chunk).unwrap_or_default();
                let given = if chunk[..read].starts_with(b"GET /slow") {
                    let _ = tell.send(());
                    let _ = told.recv();
                    answer_of("200 OK", &[], "late")
                } else {
                    good()
                };
                let _ = stream.write_all(&given);
            }
        });
        Self { origin, arrived, answer }
    }

    fn arrived(&self) {
        self.arrived.recv_timeout(Duration::from_secs(30)).unwrap();
    }

    fn answer(&self) {
        self.answer.send(()).unwrap();
    }
}
