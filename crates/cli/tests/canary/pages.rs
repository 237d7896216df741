//! The connect pages and the REST API: a link is opened and keys are sent, where they belong and where they do not.

use std::{collections::BTreeMap, net::SocketAddr};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use regex::Regex;
use serde_json::{Value, json};

use crate::{
    server::ask,
    situations::{Circumstance, Situation},
    subject::Subject,
};

/// What the sandbox says last, before an address.
pub(crate) const READY: &str = "A platform of your own to try it from: ";

/// The sandbox, whose pages and API are used by somebody with this key. Its stand-ins know the key that is told to them, and
/// answer 401 to others.
pub(crate) fn through(subject: &Subject) -> Situation {
    let is_good = subject.name() == "canary/header";
    let folder = "{watched}/home/sandbox";
    let arguments = ["serve", "--sandbox", "--port", "0", "--dir", folder, "--providers", "{providers}"];
    Situation {
        name: format!("{}: pages", subject.name()),
        arguments: arguments.map(str::to_owned).to_vec(),
        circumstance: Circumstance::Pages(Box::new(Visit {
            fixtures: is_good.then(|| fixtures(subject)),
            provider: subject.provider.clone(),
            method: subject.method.clone(),
            values: subject.values().clone(),
            field: subject.field().to_owned(),
            secret: subject.secret().to_owned(),
        })),
        // Keys to try are printed for whoever wants to try.
        printed: if is_good { vec![subject.secret().to_owned()] } else { Vec::new() },
        codes: &[0],
        ..Situation::default()
    }
}

/// Fixtures by which the stand-in knows a key.
fn fixtures(subject: &Subject) -> String {
    let request = "GET https://api.canary.example/me\naccept: application/json\naccept-encoding: identity\n\
                   x-canary: {api_key}\n";
    let good = json!({
        "name": "a good key",
        "values": subject.values(),
        "answer": { "status": 200, "body": { "user": { "id": "7", "name": "Ada" } } },
        "verdict": "valid",
        "account": { "id": "7", "label": "Ada" },
        "source": "inferred",
    });
    let method =
        json!({ "secrets": { "api_key": ["header x-canary"] }, "request": request, "checks": [good] });
    json!({ "version": 1, "methods": { &subject.method: method } }).to_string()
}

/// Somebody with a key, in front of the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visit {
    /// What the stand-in knows of the key; nothing where it is to be told that the key is wrong.
    pub(crate) fixtures: Option<String>,
    provider: String,
    method: String,
    values: BTreeMap<String, String>,
    /// The first secret, and its field.
    field: String,
    secret: String,
}

impl Visit {
    /// Does all of it, and gives every answer. `said` is what the sandbox printed; `elsewhere` listens to webhooks.
    pub(crate) fn make(&self, said: &str, elsewhere: &str, is_told: impl Fn() -> bool) -> Vec<Vec<u8>> {
        let link = found(said, r"http://[0-9.:]+/link/kwl_[A-Za-z0-9]+");
        let address = link.split('/').nth(2).unwrap().parse().unwrap();
        let token = found(said, "kwa_[A-Za-z0-9]{36}");
        let mut client = Client::new(address, format!("authorization: Bearer {token}\r\n"));
        client.api("POST", "/v1/webhooks", &json!({ "url": format!("{elsewhere}/hook") }).to_string(), 201);
        let opened = Self::open(&mut client, &link);
        self.astray(&mut client, &opened);
        self.paste(&mut client, &opened);
        self.over_the_api(&mut client);
        client.get(&format!("{}/result", path(&link)));
        if self.fixtures.is_some() {
            assert!(is_told(), "no webhook came");
        }
        client.answers
    }

    /// Opens the link; where the session is then.
    fn open(client: &mut Client, link: &str) -> String {
        let page = client.get(path(link));
        let answer = client.send_form(&form(&page, "/link/"), &[]);
        let session = location(&answer);
        client.get(&session);
        client.get(&format!("{session}/providers"));
        client.get(&format!("{session}/accounts"));
        session
    }

    fn form_at(&self, session: &str) -> String {
        format!("{session}/providers/{}/{}", self.provider, self.method)
    }

    /// The key where it does not belong: every one of these is refused.
    fn astray(&self, client: &mut Client, session: &str) {
        let (field, secret) = (self.field.as_str(), self.secret.as_str());
        let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
        let form = form(&client.get(&self.form_at(session)), session);
        let (zero, twice) = (format!("{secret}\0"), [(field, secret), (field, secret)]);
        for more in
            [&[(field, zero.as_str())][..], &twice, &[("other", secret)], &[(secret, secret)], &[(field, "")]]
        {
            client.send_form(&form, more);
        }
        let forged = Form { hidden: vec![("csrf".to_owned(), secret.to_owned())], ..form.clone() };
        client.send_form(&forged, &[(field, secret)]);
        for kind in ["text/plain", "application/json", "multipart/form-data; boundary=x"] {
            let head = format!("content-type: {kind}\r\norigin: {}\r\n", client.origin());
            client.send("POST", &form.action, &head, secret);
        }
        for path in
            ["/", "/link/", "/link/kwl_", "/connect/", "/connect/ses_", "/assets/", "/v1/", "/v1/sessions/"]
        {
            client.get(&format!("{path}{percent}"));
        }
        for below in ["", "/confirm", "/accounts/", "/providers/"] {
            client.get(&format!("{session}{below}/{percent}?k={percent}"));
        }
        client.get(&format!("/providers/{percent}/logo.svg"));
        for name in
            ["cookie: keyway=", "cookie: other=", "origin: https://", "x-forwarded-for: ", "user-agent: "]
        {
            client.send("GET", session, &format!("{name}{secret}\r\n"), "");
        }
        client.raw(format!("{secret}\r\n\r\n").as_bytes());
    }

    /// The key where it belongs: what is said of it, and to the end where it is good.
    fn paste(&self, client: &mut Client, session: &str) {
        let form = form(&client.get(&self.form_at(session)), session);
        let values: Vec<(&str, &str)> =
            self.values.iter().map(|(id, value)| (id.as_str(), value.as_str())).collect();
        let sent = client.send_form(&form, &values);
        // A slow check is answered by a page that leads on.
        let next = if sent.contains("\r\nlocation: ") { location(&sent) } else { session.to_owned() };
        let page = client.get(&next);
        client.get(session);
        if self.fixtures.is_none() {
            assert!(!page.contains("/confirm\""), "a key that nobody knows is not good");
            return;
        }
        let confirm = form_of(&page, "/confirm");
        let unnamed = client.send_form(&confirm, &[("name", "\u{202e}x")]);
        assert!(!unnamed.contains("\r\nlocation: "), "{unnamed}");
        let done = client.send_form(&confirm, &[("name", "Production")]);
        let page = client.get(&location(&done));
        assert!(page.starts_with("HTTP/1.1 200"), "{page}");
        client.get(session);
        client.get(&self.form_at(session));
    }

    /// The key over the REST API: where it belongs, and where it does not.
    fn over_the_api(&self, client: &mut Client) {
        let secret = self.secret.as_str();
        let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
        let new =
            |values: Value| json!({ "provider": self.provider, "method": self.method, "values": values });
        let good = new(json!(self.values)).to_string();
        let code = if self.fixtures.is_some() { 201 } else { 422 };
        let made = client.api("POST", "/v1/connections", &good, code);
        if let Some(id) = self.fixtures.as_ref().and_then(|_| find(&made, "con_[a-z2-7]{20}")) {
            let one = format!("/v1/connections/{id}");
            client.api("POST", &format!("{one}/check"), "", 200);
            client.api("PATCH", &one, r#"{"name":"Another"}"#, 200);
            client.api("DELETE", &one, "", 204);
        }
        let text = Value::from(secret);
        for body in [
            new(json!({ &self.field: [secret] })).to_string(),
            new(json!({ secret: secret })).to_string(),
            new(text.clone()).to_string(),
            json!({ "provider": secret, "values": self.values }).to_string(),
            json!({ secret: secret }).to_string(),
            good.replace('}', ""),
            format!("{{\"values\": {secret}}}"),
            format!("{{{text}:1,{text}:2}}"),
            secret.to_owned(),
        ] {
            let answer = client.api("POST", "/v1/connections", &body, 0);
            assert!(answer.starts_with("HTTP/1.1 4"), "{}", answer.lines().next().unwrap());
        }
        for path in [
            "/v1/connections?after=",
            "/v1/connections?x=",
            "/v1/connections/",
            "/v1/providers/",
            "/v1/events?after=",
        ] {
            client.api("GET", &format!("{path}{percent}"), "", 0);
        }
        for path in
            ["/v1/connections", "/v1/sessions", "/v1/providers", "/v1/events", "/v1/webhooks", "/v1/grants"]
        {
            client.api("GET", path, "", 0);
            client.send("GET", path, &format!("authorization: Bearer {secret}\r\n"), "");
            client.send("GET", path, &format!("keyway-tenant: {secret}\r\n"), "");
        }
        let kind = "content-type: application/json\r\n";
        let head = format!("{}{kind}idempotency-key: {percent}\r\n", client.token);
        client.send("POST", "/v1/connections", &head, &good);
        client.send("POST", "/v1/connections", &head, &good);
        client.get("/openapi.json");
    }
}

/// A browser and a platform's backend at once.
struct Client {
    address: SocketAddr,
    /// The header of the API.
    token: String,
    /// What the pages set.
    cookie: String,
    answers: Vec<Vec<u8>>,
}

/// A form of a page.
#[derive(Debug, Clone)]
struct Form {
    action: String,
    hidden: Vec<(String, String)>,
}

impl Client {
    fn new(address: SocketAddr, token: String) -> Self {
        Self { address, token, cookie: String::new(), answers: Vec::new() }
    }

    fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    fn raw(&mut self, request: &[u8]) -> String {
        let answer = ask(self.address, request);
        let text = String::from_utf8_lossy(&answer).into_owned();
        self.answers.push(answer);
        text
    }

    fn send(&mut self, method: &str, path: &str, head: &str, body: &str) -> String {
        let (address, length) = (self.address, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n{head}"
        );
        let cookie = if head.contains("\r\ncookie:") { "" } else { &self.cookie };
        let answer = self.raw(format!("{head}{cookie}\r\n{body}").as_bytes());
        if let Some(set) = find(&answer, "set-cookie: keyway=[^;]+") {
            self.cookie = format!("{}\r\n", set.trim_start_matches("set-"));
        }
        answer
    }

    fn get(&mut self, path: &str) -> String {
        self.send("GET", path, "", "")
    }

    fn send_form(&mut self, form: &Form, more: &[(&str, &str)]) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let hidden = form.hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let pairs = hidden.chain(more.iter().copied());
        let pairs: Vec<String> =
            pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        let head =
            format!("content-type: application/x-www-form-urlencoded\r\norigin: {}\r\n", self.origin());
        self.send("POST", &form.action, &head, &pairs.join("&"))
    }

    /// A call of the API, which answers with a status; with any where that is 0.
    fn api(&mut self, method: &str, path: &str, body: &str, status: u16) -> String {
        let kind = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
        let head = format!("{}{kind}", self.token);
        let answer = self.send(method, path, &head, body);
        let first = answer.lines().next().unwrap_or_default();
        let is_right =
            if status == 0 { !first.contains(" 5") } else { first.contains(&format!(" {status}")) };
        assert!(is_right, "{method} {}: {first}, not {status}", path.split('?').next().unwrap_or_default());
        answer
    }
}

/// What of a text a pattern matches first.
fn find(text: &str, pattern: &str) -> Option<String> {
    Regex::new(pattern).unwrap().find(text).map(|found| found.as_str().to_owned())
}

fn found(text: &str, pattern: &str) -> String {
    find(text, pattern).unwrap_or_else(|| panic!("no {pattern} was said"))
}

/// The path of a URL.
fn path(url: &str) -> &str {
    let after = url.find("://").unwrap() + 3;
    &url[after + url[after..].find('/').unwrap()..]
}

/// Where an answer leads.
fn location(answer: &str) -> String {
    let line = answer.lines().find_map(|line| line.strip_prefix("location: "));
    line.unwrap_or_else(|| panic!("it leads nowhere: {}", answer.lines().next().unwrap_or_default()))
        .to_owned()
}

/// The form of a page that is sent to where a path begins so.
fn form(page: &str, start: &str) -> Form {
    forms(page).into_iter().find(|form| form.action.starts_with(start)).expect("a form")
}

/// The form of a page that is sent to where a path ends so.
fn form_of(page: &str, end: &str) -> Form {
    forms(page).into_iter().find(|form| form.action.ends_with(end)).expect("a form")
}

fn forms(page: &str) -> Vec<Form> {
    let [whole, input] = [r"(?s)<form[^>]*>.*?</form>", r#"<input[^>]*type="hidden"[^>]*>"#];
    let (whole, input) = (Regex::new(whole).unwrap(), Regex::new(input).unwrap());
    let attribute = |text: &str, name: &str| {
        let pattern = Regex::new(&format!(r#" {name}="([^"]*)""#)).unwrap();
        pattern.captures(text).map(|found| found[1].to_owned())
    };
    let read = |form: &str| {
        let hidden = input.find_iter(form).filter_map(|input| {
            Some((attribute(input.as_str(), "name")?, attribute(input.as_str(), "value")?))
        });
        let start = form.split('>').next().unwrap_or_default();
        Some(Form { action: attribute(start, "action")?, hidden: hidden.collect() })
    };
    whole.find_iter(page).filter_map(|form| read(form.as_str())).collect()
}
