//! What must hold (SECURITY), each as a table of bad inputs.

use std::{collections::BTreeSet, sync::atomic::Ordering};

use keyway_connect::{Limits, Look, NewSession};
use keyway_vault::{ConnectionId, Token, TokenKind};
use reqwest::{Method, StatusCode, header::HeaderMap};

use crate::{
    provider::Provider,
    stage::{Browser, Page, ROOTLY, Stage},
    walk::{Walk, ada, connect, linked, manage},
};

const PARENT: &str = "https://app.example.com";
const FORM: &str = "application/x-www-form-urlencoded";

/// Every page and file of a session, by method, as a table that other tables are made of.
const ADDRESSES: [(Method, &str); 22] = [
    (Method::GET, ""),
    (Method::GET, "?q=x"),
    (Method::GET, "/look.css"),
    (Method::GET, "/logo"),
    (Method::GET, "/providers"),
    (Method::GET, "/providers/rootly"),
    (Method::GET, "/providers/rootly/api_key"),
    (Method::GET, "/providers/nothing"),
    (Method::POST, "/providers/rootly"),
    (Method::POST, "/providers/rootly/api_key"),
    (Method::POST, "/confirm"),
    (Method::POST, "/again"),
    (Method::POST, "/cancel"),
    (Method::POST, "/leave"),
    (Method::POST, "/providers"),
    (Method::GET, "/accounts"),
    (Method::GET, "/accounts?removed=1"),
    (Method::GET, "/accounts/con_aaaaaaaaaaaaaaaaaaaa/remove"),
    (Method::POST, "/accounts/con_aaaaaaaaaaaaaaaaaaaa/remove"),
    (Method::POST, "/accounts/con_aaaaaaaaaaaaaaaaaaaa/check"),
    (Method::POST, "/accounts/con_aaaaaaaaaaaaaaaaaaaa/reconnect"),
    (Method::POST, "/accounts/x/check"),
];

async fn unlimited() -> Stage {
    Stage::with(|builder| {
        let mut limits = Limits::default();
        limits.guesses = u32::MAX;
        builder.limits(limits)
    })
    .await
}

/// Asks as the browser of a page of ours would.
async fn ask(browser: &mut Browser, method: &Method, url: &str, csrf: &str) -> Page {
    if *method == Method::GET {
        browser.get(url).await
    } else {
        browser.post(url, &[("csrf", csrf), ("api_key", ROOTLY)]).await
    }
}

#[tokio::test]
async fn n63_hostile_texts_are_inert() {
    for hostile in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "'><svg/onload=alert(1)>",
        "javascript:alert(1)",
        "{{7*7}}${7*7}<%= 7*7 %>",
        "</title></textarea><script>alert(1)</script>",
        "\u{202e}txt.exe",
    ] {
        let provider = Provider::of(hostile).await;
        provider.leave.add_permits(10);
        let stage = Stage::with(|builder| builder.stand_in(provider.origin())).await;
        let mut look = Look::default();
        look.name = Some(hostile.chars().filter(|c| *c != '\u{202e}').collect());
        let new = NewSession::new(hostile.replace('\u{202e}', ""), manage()).look(look).parent_origin(PARENT);
        let mut walk = Walk::of(&stage, new).await;
        let mut pages = vec![walk.get("").await];
        let query: String = url::form_urlencoded::byte_serialize(hostile.as_bytes()).collect();
        for path in [
            format!("?q={query}"),
            format!("/providers?q={query}"),
            format!("/accounts?checked={query}"),
            format!("/accounts?{query}"),
            format!("/providers/{query}"),
            format!("/providers/rootly/{query}"),
            format!("/{query}"),
        ] {
            pages.push(walk.get(&path).await);
        }
        let (_, page) = walk.rootly(ROOTLY).await;
        pages.push(page);
        pages.push(walk.confirm(&[("name", &format!("{hostile}{}", "x".repeat(101)))]).await);
        let name = hostile.replace('\u{202e}', "");
        pages.push(walk.confirm(&[("name", &name)]).await);
        for path in ["", "/accounts"] {
            pages.push(walk.get(path).await);
        }
        let list = stage.scope("acme").list(None, 10).await.unwrap();
        pages.push(walk.get(&format!("/accounts/{}/remove", list[0].id)).await);
        pages.push(walk.post(&format!("/accounts/{}/check", list[0].id), &[]).await);
        for page in pages {
            let led = ["href=\"javascript:", "src=\"javascript:", "action=\"javascript:", "url=javascript:"];
            let raw = ["<script>alert", "<img src=x", "<svg/onload", "<%=", "\u{202e}"];
            for raw in led.into_iter().chain(raw) {
                assert!(!page.text.contains(raw), "{hostile}: {raw}: {}", page.text);
            }
            assert!(!page.text.contains(">49<") && !page.text.contains("href=\"javascript"), "{hostile}");
            for (_, value) in &page.headers {
                let value = String::from_utf8_lossy(value.as_bytes());
                assert!(!value.contains("alert(1)") && !value.contains('\n'), "{hostile}: {value}");
            }
        }
    }
}

#[tokio::test]
async fn n64_what_is_no_form_of_ours_changes_nothing() {
    let stage = Stage::new().await;
    let mut walk = Walk::new(&stage, connect()).await;
    let mut other = Walk::new(&stage, connect()).await;
    let (csrf, foreign) = (walk.csrf().await, other.csrf().await);
    let own = stage.origin.as_str();
    let upper = own.to_uppercase();
    let port = format!("{own}0");
    let good = format!("csrf={csrf}&api_key={ROOTLY}");
    let token = |token: &str| format!("csrf={token}&api_key={ROOTLY}");
    let cut = &csrf[1..];
    let (no_version, empty) = (csrf.split('.').next().unwrap(), String::new());
    // Headers, body, and what is answered.
    let cases: Vec<Case<'_>> = vec![
        (vec![("content-type", FORM)], good.clone(), 403),
        (vec![("content-type", FORM), ("origin", "null")], good.clone(), 403),
        (
            vec![("content-type", FORM), ("origin", "null"), ("sec-fetch-site", "cross-site")],
            good.clone(),
            403,
        ),
        (
            vec![("content-type", FORM), ("origin", "null"), ("sec-fetch-site", "same-site")],
            good.clone(),
            403,
        ),
        (vec![("content-type", FORM), ("origin", "null"), ("sec-fetch-site", "none")], good.clone(), 403),
        (vec![("content-type", FORM), ("origin", "https://evil.example")], good.clone(), 403),
        (vec![("content-type", FORM), ("origin", &upper)], good.clone(), 403),
        (vec![("content-type", FORM), ("origin", &port)], good.clone(), 403),
        (vec![("content-type", FORM), ("origin", own), ("origin", own)], good.clone(), 403),
        (vec![("content-type", FORM), ("origin", own), ("sec-fetch-site", "cross-site")], good.clone(), 403),
        (
            vec![
                ("content-type", FORM),
                ("origin", own),
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-site", "same-origin"),
            ],
            good.clone(),
            403,
        ),
        (vec![("origin", own)], good.clone(), 415),
        (vec![("content-type", "text/plain"), ("origin", own)], good.clone(), 415),
        (
            vec![("content-type", "application/json"), ("origin", own)],
            format!("{{\"csrf\":\"{csrf}\"}}"),
            415,
        ),
        (vec![("content-type", "multipart/form-data; boundary=x"), ("origin", own)], good.clone(), 415),
        (vec![("content-type", FORM), ("content-type", FORM), ("origin", own)], good.clone(), 415),
        (vec![("content-type", FORM), ("origin", own)], format!("api_key={ROOTLY}"), 403),
        (vec![("content-type", FORM), ("origin", own)], empty, 403),
        (vec![("content-type", FORM), ("origin", own)], token("x"), 403),
        (vec![("content-type", FORM), ("origin", own)], token(cut), 403),
        (vec![("content-type", FORM), ("origin", own)], token(&foreign), 403),
        (vec![("content-type", FORM), ("origin", own)], format!("csrf={csrf}&{good}"), 403),
    ];
    let url = format!("{}/providers/rootly", walk.at);
    let cookie = walk.browser.cookie.clone().unwrap();
    let send = async |headers: &[(&str, &str)], body: &str, url: &str| {
        let mut request = walk.browser.client().post(url).header("cookie", &cookie).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Page::read(request.send().await.unwrap()).await
    };
    for (headers, body, status) in &cases {
        let page = send(headers, body, &url).await;
        assert_eq!(page.status.as_u16(), *status, "{headers:?} {body}");
        is_guarded(&page, &format!("{headers:?}"));
    }
    // A link is not used up by such, either.
    let link = stage.start(NewSession::new("user-1", connect())).await.link.expose().to_owned();
    let mut fresh = walk.browser.clone();
    let token = fresh.get(&link).await.csrf();
    for (headers, body, status) in &cases {
        let page = send(headers, &body.replace(&good, &format!("csrf={token}")), &link).await;
        assert_eq!(page.status.as_u16(), *status, "link: {headers:?} {body}");
    }
    // A form is not sent by GET.
    let shown = walk.browser.clone().get(&format!("{url}?{good}")).await;
    assert_eq!(shown.status, StatusCode::OK);
    assert_eq!(walk.kept().await.1["attempts"], 0);
    // And what is one is taken: as browsers send it from a page without referrer, and with a charset.
    let whole = format!("csrf={no_version}&api_key={ROOTLY}");
    let headers = [
        ("content-type", "Application/X-WWW-form-urlencoded; charset=UTF-8"),
        ("origin", "null"),
        ("sec-fetch-site", "same-origin"),
    ];
    assert_eq!(send(&headers, &whole, &url).await.status, StatusCode::SEE_OTHER);
    assert_eq!(walk.step().await, "checked");
    // A page that is not as the session is any more saves nothing.
    let url = format!("{}/confirm", walk.at);
    assert_eq!(send(&headers, &whole, &url).await.status, StatusCode::SEE_OTHER);
    assert_eq!(walk.step().await, "checked");
}

/// Headers, a body, and what is answered.
type Case<'c> = (Vec<(&'c str, &'c str)>, String, u16);

/// What every answer has.
#[track_caller]
fn is_guarded(page: &Page, what: &str) {
    let policy = policy(&page.headers);
    assert!(policy.contains("default-src 'none'"), "{what}: {policy}");
    assert!(!policy.contains("unsafe-eval") && !policy.contains("script-src 'unsafe"), "{what}: {policy}");
    for (name, value) in [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")] {
        assert_eq!(page.headers.get(name).unwrap_or_else(|| panic!("{what}: {name}")), value, "{what}");
    }
    assert!(page.headers.contains_key("cache-control"), "{what}");
    assert!(!page.headers.contains_key("access-control-allow-credentials"), "{what}");
}

fn policy(headers: &HeaderMap) -> String {
    headers["content-security-policy"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn n65_n69_every_answer_says_whose_frame_it_may_be_in() {
    let stage = unlimited().await;
    for parent in [None, Some(PARENT)] {
        let new = NewSession::new("user-1", manage());
        let new = match parent {
            Some(parent) => new.parent_origin(parent),
            None => new,
        };
        let mut walk = Walk::of(&stage, new).await;
        let csrf = walk.get("/providers/rootly").await.csrf();
        let mut pages = 0;
        for (method, path) in ADDRESSES.iter().filter(|(_, path)| !["/cancel", "/leave"].contains(path)) {
            let page = ask(&mut walk.browser, method, &format!("{}{path}", walk.at), &csrf).await;
            is_guarded(&page, path);
            assert_eq!(page.headers["cache-control"], "no-store", "{path}");
            let policy = policy(&page.headers);
            let is_of_session = page.sent == StatusCode::OK && !path.contains("look");
            if is_of_session {
                pages += 1;
                let ancestors = format!("frame-ancestors {}", parent.unwrap_or("'none'"));
                assert!(policy.ends_with(&ancestors), "{path}: {policy}");
                assert_eq!(page.headers.contains_key("x-frame-options"), parent.is_none(), "{path}");
            } else {
                assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
            }
            assert!(!page.headers.contains_key("access-control-allow-origin"), "{path}");
            assert!(!page.text.contains(ROOTLY), "{path}");
        }
        assert!(pages >= 6, "{pages}");
        let page = walk.browser.get(&walk.link.clone()).await;
        let ancestors = format!("frame-ancestors {}", parent.unwrap_or("'none'"));
        assert!(policy(&page.headers).ends_with(&ancestors));
    }
    let mut browser = Browser::new();
    let large = "x".repeat(600 * 1024);
    for (method, path, body, status) in [
        (Method::GET, "/", "", 404),
        (Method::GET, "/nothing", "", 404),
        (Method::GET, "/assets/nothing.js", "", 404),
        (Method::GET, "/assets/keyway.js", "", 404),
        (Method::GET, "/assets/..%2f..%2fsecret", "", 404),
        (Method::GET, "/providers/nothing/logo.svg", "", 404),
        (Method::GET, "/providers/rootly/logo.svg", "", 200),
        (Method::GET, "/look.css", "", 200),
        (Method::GET, "/keyway.js", "", 200),
        (Method::GET, "/connect/%ff", "", 404),
        (Method::GET, "/link/%ff", "", 404),
        (Method::POST, "/nothing", "", 404),
        (Method::POST, "/keyway.js", "", 405),
        (Method::DELETE, "/link/x", "", 405),
        (Method::PUT, "/connect/x/confirm", "", 405),
        (Method::GET, "/connect/x/confirm", "", 405),
        (Method::OPTIONS, "/connect/x", "", 405),
        (Method::POST, "/link/x", "", 415),
        (Method::POST, "/link/x", &large, 415),
    ] {
        let url = format!("{}{path}", stage.origin);
        let request = browser.client().request(method.clone(), url).body(body.to_owned());
        let page = browser.send(request).await;
        assert_eq!(page.status.as_u16(), status, "{method} {path}");
        is_guarded(&page, path);
        let policy = policy(&page.headers);
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
    }
    // A body that is too large, of a session that is there.
    let mut walk = Walk::new(&stage, connect()).await;
    let csrf = walk.csrf().await;
    let page = walk
        .browser
        .post(&format!("{}/providers/rootly", walk.at), &[("csrf", &csrf), ("api_key", &large)])
        .await;
    assert_eq!(page.status, StatusCode::PAYLOAD_TOO_LARGE);
    is_guarded(&page, "too large");
}

#[tokio::test]
async fn n65_what_came_of_a_link_is_read_by_the_registered_origin_alone() {
    let stage = Stage::new().await;
    let mut walk = Walk::of(&stage, NewSession::new("user-1", connect()).parent_origin(PARENT)).await;
    walk.rootly(ROOTLY).await;
    walk.confirm(&[]).await;
    let mut plain = Walk::new(&stage, connect()).await;
    let unknown = format!("{}/link/{}", stage.origin, Token::of(TokenKind::Link).secret().expose());
    for (link, origin, readers) in [
        (&walk.link, Some(PARENT), Some(PARENT)),
        (&walk.link, Some("https://evil.example"), None),
        (&walk.link, Some("null"), None),
        (&walk.link, Some("https://app.example.com.evil.example"), None),
        (&walk.link, None, None),
        (&plain.link, Some(PARENT), None),
        (&unknown, Some("https://evil.example"), Some("*")),
    ] {
        let mut request = plain.browser.client().get(format!("{link}/result"));
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let mut browser = Browser::new();
        let page = browser.send(request).await;
        let said = page.headers.get("access-control-allow-origin").map(|value| value.to_str().unwrap());
        assert_eq!(said, readers, "{origin:?}");
        assert_eq!(page.headers["vary"], "origin");
        for nobodys in ["acme", "user-1", "ses_"] {
            assert!(!page.text.contains(nobodys), "{}", page.text);
        }
    }
    let created = plain.browser.get(&format!("{}/result", plain.link)).await;
    assert_eq!(created.text, "{\"status\":\"opened\",\"ended\":false}");
}

#[tokio::test]
async fn n66_whatever_cannot_be_gone_on_with_has_one_answer() {
    let stage = unlimited().await;
    let mut stranger = Browser::new();
    stranger.get(stage.start(NewSession::new("user-9", connect())).await.link.expose()).await;
    let used = Walk::new(&stage, manage()).await;
    let id = used.id().to_owned();
    let gone = {
        let walk = Walk::new(&stage, manage()).await;
        let (document, _) = walk.kept().await;
        let past = std::time::SystemTime::now() - std::time::Duration::from_secs(1);
        stage.vault.documents().replace(&document, &document.text, Some(past)).await.unwrap().unwrap();
        walk
    };
    let late = {
        let link = stage.start(NewSession::new("user-1", connect())).await;
        let id = link.session.id.as_str();
        let document = stage.vault.documents().get("session", id).await.unwrap().unwrap();
        let mut kept: serde_json::Value = serde_json::from_slice(&document.text).unwrap();
        kept["link_until"] = 1.into();
        let text = kept.to_string().into_bytes();
        stage.vault.documents().replace(&document, &text, document.expires_at).await.unwrap().unwrap();
        link.link.expose().to_owned()
    };
    let origin = &stage.origin;
    let mut tampered = used.link.clone();
    let last = if tampered.ends_with('x') { 'y' } else { 'x' };
    tampered.pop();
    tampered.push(last);
    let long = format!("{origin}/link/{}", "x".repeat(5000));
    let mut answers = BTreeSet::new();
    let mut count = 0;
    let mut note = |page: &Page, what: &str| {
        let mut headers: Vec<_> = page.headers.iter().filter(|(name, _)| *name != "date").collect();
        headers.sort_by_key(|(name, _)| name.as_str());
        answers.insert(format!("{} {headers:?} {}", page.status, page.text));
        count += 1;
        assert_eq!(answers.len(), 1, "{what}: {answers:#?}");
    };
    let unknown = format!("{origin}/link/{}", Token::of(TokenKind::Link).secret().expose());
    let other = format!("{origin}/link/{}", Token::of(TokenKind::Api).secret().expose());
    // Used by another browser, expired, too late, tampered, unknown, of another kind, nonsense.
    for link in [
        &used.link,
        &gone.link,
        &late,
        &tampered,
        &unknown,
        &other,
        &long,
        &format!("{origin}/link/%00"),
        &format!("{origin}/link/{id}"),
    ] {
        for browser in [&mut stranger.clone(), &mut Browser::new()] {
            note(&ask(browser, &Method::GET, link, "").await, link);
            note(&ask(browser, &Method::POST, link, "x").await, link);
        }
    }
    let nobodys = format!("{origin}/connect/ses_aaaaaaaaaaaaaaaaaaaa");
    let upper = format!("{origin}/connect/{}", id.to_uppercase());
    let cut = &used.at[..used.at.len() - 1];
    let wrong = format!("{origin}/connect/{}", "a".repeat(3000));
    for at in [used.at.as_str(), &nobodys, &upper, cut, &wrong, &format!("{origin}/connect/%00")] {
        for (method, path) in &ADDRESSES {
            for browser in [&mut stranger.clone(), &mut Browser::new()] {
                note(&ask(browser, method, &format!("{at}{path}"), "x").await, &format!("{at}{path}"));
            }
        }
    }
    for (method, path) in &ADDRESSES {
        note(&ask(&mut gone.browser.clone(), method, &format!("{}{path}", gone.at), "x").await, path);
    }
    assert!(count > 250, "{count}");
    // The one whose it is goes on.
    assert_eq!(used.browser.clone().get(&used.at).await.status, StatusCode::OK);
    assert_eq!(used.browser.clone().open(&used.link).await, used.at, "pressed twice");
}

#[tokio::test]
async fn n5_a_token_of_ours_is_shown_to_no_provider() {
    let provider = Provider::of("[Acme Rockets] Ada Lovelace").await;
    let stage = Stage::with(|builder| builder.stand_in(provider.origin())).await;
    let mut walk = Walk::new(&stage, connect()).await;
    let tokens = [TokenKind::Api, TokenKind::Link, TokenKind::Grant].map(Token::of);
    for token in tokens.iter().map(|token| token.secret().expose()) {
        for (form, field) in [("rootly", token.to_owned()), ("rally", format!("_{token}"))] {
            let (csrf, path) = (walk.csrf().await, format!("{}/providers/{form}", walk.at));
            let page = walk.browser.post(&path, &[("csrf", &csrf), ("api_key", &field)]).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", page.text);
            assert!(page.text.contains("no key of the service") && !page.text.contains(token));
        }
    }
    assert_eq!(provider.count.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn i8_somebody_elses_account_is_not_there() {
    let stage = unlimited().await;
    let theirs = linked(&stage, "user-2", ROOTLY).await;
    let mine = ada(&stage).await;
    let entry = stage.registry.get("rootly").unwrap();
    let submission = keyway_core::Submission::new().with("api_key", ROOTLY);
    let credential = entry.accept(&entry.descriptor().methods()[0], &submission).unwrap().credential;
    let new = keyway_vault::New::connection(&credential).end_user("user-1");
    let other_tenants = stage.scope("umbrella").save(new).await.unwrap().connection;
    let nobodys =
        stage.scope("acme").save(keyway_vault::New::connection(&credential)).await.unwrap().connection;
    let mut walk = Walk::new(&stage, manage()).await;
    let mut connects = Walk::new(&stage, connect()).await;
    let csrf = walk.get("/providers/rootly").await.csrf();
    let list = walk.get("/accounts").await.text;
    let mut answers = BTreeSet::new();
    for id in [&theirs.id, &other_tenants.id, &nobodys.id, &ConnectionId::random()] {
        assert!(!list.contains(id.as_str()));
        for (method, path) in [
            (Method::GET, "remove"),
            (Method::POST, "remove"),
            (Method::POST, "check"),
            (Method::POST, "reconnect"),
        ] {
            let url = format!("{}/accounts/{id}/{path}", walk.at);
            let page = ask(&mut walk.browser, &method, &url, &csrf).await;
            answers.insert(format!("{} {}", page.status, page.text));
        }
    }
    // All of them lead to the list, as what was removed a moment ago does.
    assert_eq!(answers.len(), 1, "{answers:#?}");
    // A session that is not for looking after accounts has none.
    let mut answers = BTreeSet::new();
    let csrf = connects.csrf().await;
    for path in ["remove", "check", "reconnect"] {
        let url = format!("{}/accounts/{}/{path}", connects.at, mine.id);
        let page = ask(&mut connects.browser, &Method::POST, &url, &csrf).await;
        answers.insert(format!("{} {}", page.status, page.text));
    }
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert_eq!(stage.scope("acme").list(None, 10).await.unwrap().len(), 3);
    assert_eq!(stage.scope("umbrella").list(None, 10).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn n67_one_connection_comes_of_however_many_clicks() {
    let provider = Provider::of("[Acme Rockets] Ada Lovelace").await;
    let stage = Stage::with(|builder| builder.stand_in(provider.origin())).await;
    let mut walk = Walk::new(&stage, connect()).await;
    let csrf = walk.csrf().await;
    // All of them are there before there is an answer: each page begins, and waits.
    let body = format!("csrf={csrf}&api_key={ROOTLY}");
    let mut begun = Vec::new();
    for _ in 0..64 {
        let request = walk.browser.client().post(format!("{}/providers/rootly", walk.at));
        let request = request.header("origin", &stage.origin).header("content-type", FORM).body(body.clone());
        begun.push(tokio::spawn(request.header("cookie", walk.browser.cookie.clone().unwrap()).send()));
    }
    let mut pages = Vec::new();
    for one in begun {
        pages.push(one.await.unwrap().unwrap());
    }
    provider.leave.add_permits(64);
    for page in pages {
        assert_eq!(page.status(), StatusCode::OK);
        let text = page.text().await.unwrap();
        assert!(text.contains(&format!("0;url=/connect/{}\"", walk.id())), "{text}");
    }
    assert_eq!(provider.count.load(Ordering::SeqCst), 1, "who waited for an answer does not ask again");
    assert_eq!(walk.step().await, "checked");
    let many = async |path: &str, fields: &[(&'static str, &str)]| {
        let mut tasks = Vec::new();
        for _ in 0..64 {
            let (mut browser, url) = (walk.browser.clone(), format!("{}{path}", walk.at));
            let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            tasks.push(tokio::spawn(async move {
                let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let answer = browser.post(&url, &fields).await;
                // Back and refresh, too.
                browser.get(&url).await;
                answer
            }));
        }
        for task in tasks {
            let answer = task.await.unwrap();
            let led = (answer.status, answer.location(&walk.at));
            assert_eq!(led, (StatusCode::SEE_OTHER, walk.at.clone()), "{}", answer.text);
        }
    };
    let csrf = walk.browser.clone().get(&walk.at).await.csrf();
    many("/confirm", &[("csrf", &csrf), ("name", "Rockets")]).await;
    many("/providers/rootly", &[("csrf", &csrf), ("api_key", ROOTLY)]).await;
    many("/confirm", &[("csrf", &csrf)]).await;
    assert_eq!(walk.step().await, "done");
    assert_eq!(stage.scope("acme").list(None, 10).await.unwrap().len(), 1);
    let entries = stage.scope("acme").audit(0, 1000).await.unwrap();
    let kinds: Vec<_> = entries.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(kinds.iter().filter(|kind| kind.starts_with("connection.")).count(), 1, "{kinds:?}");
}

#[tokio::test]
async fn n70_guesses_are_counted_and_good_ones_never() {
    let stage = Stage::with(|builder| {
        let mut limits = Limits::default();
        limits.guesses = 5;
        builder.limits(limits)
    })
    .await;
    let mut walk = Walk::new(&stage, manage()).await;
    let mut guesser = Browser::new();
    let guess = |index: usize| match index % 3 {
        0 => format!("{}/connect/ses_aaaaaaaaaaaaaaaaaaaa", stage.origin),
        1 => format!("{}/link/{}", stage.origin, Token::of(TokenKind::Link).secret().expose()),
        _ => format!("{}/accounts/{}/remove", walk.at, ConnectionId::random()),
    };
    for index in 0..5 {
        assert_eq!(guesser.get(&guess(index)).await.status, StatusCode::NOT_FOUND);
    }
    for index in 0..9 {
        let page = guesser.get(&guess(index)).await;
        assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
        let wait: u64 = page.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=61).contains(&wait), "{wait}");
        is_guarded(&page, "429");
        assert!(page.text.contains("<h1"), "{}", page.text);
    }
    // The address is the same, and what is good goes on.
    for _ in 0..20 {
        assert_eq!(walk.get("").await.status, StatusCode::OK);
    }
    let mut more = Walk::new(&stage, connect()).await;
    more.rootly(ROOTLY).await;
    more.confirm(&[]).await;
    assert_eq!(more.step().await, "done");
}

#[tokio::test]
async fn n58_a_vault_that_cannot_be_asked_is_said_so_on_every_page() {
    let stage = unlimited().await;
    let mut walk = Walk::new(&stage, manage()).await;
    let csrf = walk.get("/providers/rootly").await.csrf();
    stage.vault.clone().close().await;
    for (method, path) in &ADDRESSES {
        let page = ask(&mut walk.browser, method, &format!("{}{path}", walk.at), &csrf).await;
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        is_guarded(&page, path);
        assert!(page.headers.contains_key("retry-after") && page.text.contains("Nothing was lost"), "{path}");
        assert!(!page.text.contains("sqlite") && !page.text.contains("database"), "{path}: {}", page.text);
    }
    let page = ask(&mut walk.browser, &Method::GET, &walk.link, "").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
}
