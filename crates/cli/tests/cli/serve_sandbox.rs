//! `keyway serve --sandbox`.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::Command,
};

use regex::Regex;
use serde_json::Value;

use crate::support::{Folder, Home, Serving, acme_of_the_readmes, get, linked, status};

const READY: &str = "A platform of your own to try it from: ";

/// The sandbox in a folder of a home, on any free port.
fn sandbox(home: &Home, more: &[&str]) -> Command {
    home.command(&[&["serve", "--sandbox", "--port", "0", "--dir", &home.text("sandbox")], more].concat())
}

fn start(home: &Home, more: &[&str]) -> Serving {
    Serving::start(&mut sandbox(home, more), READY)
}

/// The calls of the gateway that are shown, without their program: address, path, headers.
fn calls(said: &str) -> Vec<(String, String, Vec<String>)> {
    let words = Regex::new("'([^']*)'").unwrap();
    let line = |line: &str| {
        let mut words = words.captures_iter(line).map(|word| word[1].to_owned());
        let url = words.next().unwrap();
        let (address, path) = url.split_once("://").unwrap().1.split_once('/').unwrap();
        (address.to_owned(), format!("/{path}"), words.collect())
    };
    said.lines()
        .filter(|line| line.starts_with("  curl") && !line.contains("/v1/sessions'"))
        .map(line)
        .collect()
}

/// Address and path of the link that is shown, or of one that came by JSON.
fn link(said: &str) -> (String, String) {
    let link = Regex::new(r"http://([0-9.:]+)(/link/kwl_[A-Za-z0-9]+)").unwrap();
    let found = link.captures(said).unwrap();
    (found[1].to_owned(), found[2].to_owned())
}

/// A POST with a JSON body: the whole answer.
fn post(address: &str, path: &str, headers: &[String], body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let lines = headers.iter().fold(String::new(), |all, line| all + line + "\r\n");
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n{lines}"
    );
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// All that is shown but the ports, which are others at each start of a test, and the link.
fn without_port(said: &str) -> String {
    let (_, path) = link(said);
    crate::support::without_ports(&said.replace(&path, "/link/…"))
}

#[test]
fn what_it_shows() {
    let home = Home::new();
    insta::assert_snapshot!("sandbox", home.steady(&start(&home, &[]).said()));
    insta::assert_snapshot!("sandbox_tls", home.steady(&start(&home, &["--tls"]).said()));
}

/// One provider that cannot be shown keeps no other from it, and what keeps it is said.
#[test]
fn a_provider_without_a_stand_in_is_left_out_and_says_why() {
    let (descriptor, fixtures) = acme_of_the_readmes();
    let folder = Folder::with(&descriptor);
    for (fixtures, expected) in [
        (None, Some("it has no fixtures.yaml")),
        (Some(fixtures.replace("/me", "/you")), Some("`a good key`: this should have been sent:")),
        (
            Some(fixtures.replace("user: { id: 7, name: Ada }", "id: 7")),
            Some("in `valid`, `body` wants `/user/id`, and the answer has no such member"),
        ),
        (Some(fixtures.replace("verdict: valid", "verdict: valdi")), Some("`valdi` is not a verdict")),
        (Some(fixtures), None),
    ] {
        if let Some(text) = fixtures {
            folder.write_file("acme/fixtures.yaml", &text);
        }
        let home = Home::new();
        let said = start(&home, &["--providers", folder.path()]).said();
        let left_out =
            said.split_once("Acme has no stand-in, so no key of it is taken here: ").map(|(_, why)| why);
        match expected {
            Some(why) => assert!(left_out.is_some_and(|said| said.contains(why)), "{why}: {said}"),
            None => assert_eq!(left_out, None),
        }
        assert!(said.contains(&format!("The providers in {} were read just now", folder.path())), "{said}");
        let shown = linked().len() + usize::from(expected.is_none());
        assert_eq!(calls(&said).len(), 2 * shown, "{said}");
    }
}

/// What is shown works as it stands: for each provider, in the key's place and by the connection.
#[test]
fn every_call_that_it_shows_is_answered() {
    let home = Home::new();
    let serving = start(&home, &[]);
    let calls = calls(&serving.said());
    assert_eq!(calls.len(), 2 * linked().len());
    for (address, path, headers) in &calls {
        let answer = get(address, path, headers);
        assert_eq!(status(&answer), 200, "{path}: {answer}");
        assert!(!answer.contains("keyway-problem"), "{answer}");
        // Its links lead back here, so that a client which follows them needs nothing else.
        let links = answer.matches("http://").count() + answer.matches("https://").count();
        assert!(links > 0 && links == answer.matches(&format!("http://{address}/")).count(), "{answer}");
        let without = get(address, path, &[]);
        assert_eq!(status(&without), 401, "{path}: {without}");
    }
    // The audit log has each, and so it does after the end.
    serving.signal("-INT");
    assert_eq!(serving.end().0, Some(0));
    let vault = ["--database", &format!("sqlite:{}", home.text("sandbox/keyway.db"))].map(str::to_owned);
    let key = format!("file:{}", home.text("sandbox/master.key"));
    let audit = home.run(&["audit", "--tenant", "demo", "--json", &vault[0], &vault[1], "--key", &key]);
    let entries = audit.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let uses: usize = entries.filter_map(|entry| Some(entry["uses"].as_array()?.len())).sum();
    assert_eq!(uses, calls.len(), "{}", audit.stdout);
    assert_eq!(home.run(&["vault", "verify", &vault[0], &vault[1], "--key", &key]).code, 0);
}

/// The link opens the pages, the call makes another one, and so does the platform.
#[test]
fn what_it_shows_of_the_connect_pages_works() {
    let home = Home::new();
    let serving = start(&home, &[]);
    let said = serving.said();
    let (pages, path) = link(&said);
    let answer = get(&pages, &path, &[]);
    assert!(status(&answer) == 200 && answer.contains("<form"), "{answer}");

    let shown = said.lines().find(|line| line.contains("/v1/sessions'")).unwrap();
    let words = Regex::new("'([^']*)'").unwrap();
    let words: Vec<String> = words.captures_iter(shown).map(|word| word[1].to_owned()).collect();
    let [url, authorization, json, body] = &words[..] else { panic!("{words:?}") };
    assert_eq!(*url, format!("http://{pages}/v1/sessions"));
    let headers = [authorization.clone(), json.clone()];
    let made = post(&pages, "/v1/sessions", &headers, body);
    assert_eq!(status(&made), 201, "{made}");
    let (again, path) = link(&made);
    assert_eq!((again.as_str(), status(&get(&pages, &path, &[]))), (pages.as_str(), 200));
    assert_eq!(status(&get(&pages, "/openapi.json", &[])), 200);
    let all = get(&pages, "/v1/connections", std::slice::from_ref(authorization));
    assert_eq!(all.matches("con_").count(), linked().len(), "{all}");

    let platform = said.split_once("try it from: http://").unwrap().1.split('\n').next().unwrap();
    let page = get(platform, "/", &[]);
    assert_eq!(page.matches("<button").count(), 3, "{page}");
    assert!(page.contains(&format!("frame-src http://{pages};")), "{page}");
    for script in ["/platform.js", "/keyway.js"] {
        assert!(get(platform, script, &[]).contains("content-type: text/javascript"), "{script}");
    }
    let of = |origin: &str| ["content-type: application/json".to_owned(), format!("origin: http://{origin}")];
    let json = of(platform);
    for mode in ["page", "popup", "frame"] {
        let made = post(platform, "/sessions", &json, &format!(r#"{{"mode":"{mode}"}}"#));
        assert_eq!(status(&made), 200, "{made}");
        let (address, path) = link(&made);
        let answer = get(&address, &path, &[]);
        assert_eq!((address.as_str(), status(&answer)), (pages.as_str(), 200));
        let may_be_framed = answer.contains(&format!("frame-ancestors http://{platform}"));
        assert_eq!(may_be_framed, mode != "page", "{mode}: {answer}");
    }
    // Other pages cannot send JSON unasked, nor those whose name leads here.
    for (headers, body) in [
        (&json[..1], r#"{"mode":"page"}"#),
        (&of("evil.example")[..], r#"{"mode":"page"}"#),
        (&[][..], r#"{"mode":"page"}"#),
        (&["content-type: text/plain".to_owned()][..], r#"{"mode":"page"}"#),
        (&json[..], r#"{"mode":"other"}"#),
    ] {
        let answer = post(platform, "/sessions", headers, body);
        assert!((400..500).contains(&status(&answer)) && !answer.contains("kwl_"), "{answer}");
    }
}

/// Starts it twice, and takes its ports then; gives what it said first. `None` where somebody else has one.
fn second_start() -> Option<(Home, String, Vec<TcpListener>)> {
    let home = Home::new();
    let first = start(&home, &[]).said();
    let remembered = || fs::read_to_string(home.path("sandbox/sandbox.json")).unwrap();
    let before = remembered();
    let second = start(&home, &[]);
    assert_eq!(without_port(&second.said()), without_port(&first));
    if remembered() != before {
        return None;
    }
    drop(second);
    let before = serde_json::from_str::<Value>(&before).unwrap();
    let taken = ["port", "connect_port", "platform_port"].map(|name| {
        let port = u16::try_from(before[name].as_u64().unwrap()).unwrap();
        TcpListener::bind(("127.0.0.1", port)).ok()
    });
    Some((home, first, taken.into_iter().collect::<Option<_>>()?))
}

#[test]
fn a_second_start_finds_everything_again() {
    // Between two starts its ports are anybody's.
    let (home, first, _taken) =
        (0..3).find_map(|_| second_start()).expect("one of three finds its ports again");
    let third = start(&home, &[]);
    assert_eq!(without_port(&third.said()), without_port(&first));
    for (address, path, headers) in calls(&third.said()) {
        assert_eq!(status(&get(&address, &path, &headers)), 200, "{path}");
    }
    let (address, path) = link(&third.said());
    assert_eq!(status(&get(&address, &path, &[])), 200);
}

#[cfg(unix)]
#[test]
fn what_it_keeps_is_its_owner_s_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let _serving = start(&home, &["--tls"]);
    let mode = |name: &str| home.path(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("sandbox"), 0o700);
    for file in ["keyway.db", "master.key", "sandbox.json", "cert.key"] {
        assert_eq!(mode(&format!("sandbox/{file}")), 0o600, "{file}");
    }
}

#[test]
fn what_keeps_it_from_starting_is_said() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let dir = home.text("sandbox");
    let with = |args: &[&str]| {
        let run = home.run(&[&["serve", "--sandbox"], args].concat());
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{args:?}");
        run.stderr
    };
    let said = with(&["--dir", &dir, "--port", &port]);
    assert_eq!(said, format!("error: port {port} is in use; choose another one, such as --port 8080\n"));
    let running = start(&home, &[]);
    let said = with(&["--dir", &dir, "--port", "0"]);
    assert!(said.starts_with("error: a sandbox runs in this folder already"), "{said}");
    drop(running);
    fs::write(home.path("file"), "").unwrap();
    let said = with(&["--dir", &home.text("file")]);
    assert_eq!(said, "error: --dir takes a folder: there is a file in its place\n");
    fs::write(home.path("sandbox/sandbox.json"), r#"{"canary": 1}"#).unwrap();
    let said = with(&["--dir", &dir, "--port", "0"]);
    assert!(said.contains("it is not what was written") && !said.contains("canary"), "{said}");
}

/// The environment is about other vaults, and other listeners.
#[test]
fn it_leaves_other_vaults_alone() {
    let home = Home::with_vault();
    let entries = || home.json(&["vault", "status"])["entries"].clone();
    let before = entries();
    let home = home.with("KEYWAY_LISTEN", "nowhere").with("KEYWAY_DATABASE", "sqlite:nowhere.db");
    drop(start(&home, &[]));
    let home = home.with("KEYWAY_DATABASE", "");
    assert_eq!(home.json(&["vault", "status"])["entries"], before);
}
