//! `keyway session`, and the connections of one end user.

use std::fs;

use serde_json::json;

use crate::support::{Home, Server};

#[test]
fn a_link_is_shown_once() {
    let home = Home::with_vault();
    let run = home.run(&["session", "create", "--end-user", "ada"]);
    assert_eq!(run.code, 0, "{run:?}");
    let link = run.stdout.trim();
    assert!(link.starts_with("http://127.0.0.1:8081/link/kwl_"), "{run:?}");
    assert_eq!(run.stdout, format!("{link}\n"));
    insta::assert_snapshot!("session_created", home.steady(&run.stderr));
    let code = link.rsplit('/').next().unwrap();
    assert!(!run.stderr.contains(code), "{run:?}");

    let id = home.save(&Server::giving(""));
    let home = home.with("KEYWAY_CONNECT_PUBLIC_URL", "https://connect.example");
    let made = home.json(&["session", "create", "--end-user", "ada", "--reconnect", &id]);
    assert!(made["link"].as_str().unwrap().starts_with("https://connect.example/link/kwl_"), "{made}");
    assert_eq!((&made["tenant"], &made["end_user"]), (&json!("acme"), &json!("ada")));
    let two = ["--provider", "rally", "--provider", "rootly"];
    let made = home.json(&[&["session", "create", "--end-user", "ada"], &two[..]].concat());
    insta::assert_snapshot!("session_created_json", home.steady(&format!("{made:#}")));
    assert_eq!(home.run(&["vault", "verify"]).code, 0);
    home.holds_no_key();
}

#[test]
fn a_link_lasts_as_long_as_the_configuration_says() {
    let home = Home::with_vault();
    let file = home.text("keyway.toml");
    for (config, within, session, link) in [
        ("", "10 minutes", 30 * 60, 10 * 60),
        ("connect.link = '1m'", "1 minute", 30 * 60, 60),
        ("connect.session = '5m'\nconnect.link = '90s'", "90 seconds", 300, 90),
        ("connect.session = '5m'\nconnect.link = '5m'", "5 minutes", 300, 300),
    ] {
        fs::write(home.path("keyway.toml"), config).unwrap();
        let args = ["session", "create", "--end-user", "ada", "--config", &file];
        let run = home.run(&args);
        assert!(run.stderr.contains(&format!("opened once, within {within}:")), "{config}: {run:?}");
        let made = home.json(&args);
        let time = |name: &str| humantime::parse_rfc3339(made[name].as_str().unwrap()).unwrap();
        for (end, lasts) in [("expires_at", session), ("link_expires_at", link)] {
            let is = time(end).duration_since(time("created_at")).unwrap().as_secs_f64();
            // A link ends with a whole second.
            assert!((f64::from(lasts) - is).abs() < 2.0, "{config}: {end} after {is} s");
        }
    }
}

#[test]
fn a_link_is_for_what_is_asked_for() {
    let home = Home::with_vault();
    let id = home.save(&Server::giving(""));
    let back = "https://app.example/back";
    for args in [
        &["--manage", "--provider", "rally", "--return-url", back] as &[&str],
        &["--reconnect", &id, "--allow-other-account"],
    ] {
        let run = home.run(&[&["session", "create", "--end-user", "ada"], args].concat());
        assert_eq!(run.code, 0, "{args:?}: {run:?}");
    }
    for (args, said) in [
        (&["--allow-other-account"] as &[&str], "not provided"),
        (&["--manage", "--reconnect", &id], "cannot be used with"),
    ] {
        let run = home.run(&[&["session", "create", "--end-user", "ada"], args].concat());
        assert!(run.code == 1 && run.stdout.is_empty() && run.stderr.contains(said), "{args:?}: {run:?}");
    }
}

#[test]
fn a_link_leads_to_where_the_configuration_says() {
    let home = Home::with_vault();
    let file = home.text("keyway.toml");
    for (config, more, link) in [
        (
            "connect.public_url = 'https://connect.example'",
            &[] as &[&str],
            "https://connect.example/link/kwl_",
        ),
        ("connect.listen = ['127.0.0.1:9091']", &[], "http://127.0.0.1:9091/link/kwl_"),
        ("", &[], "http://127.0.0.1:8081/link/kwl_"),
        ("", &["--public-url", "https://other.example"], "https://other.example/link/kwl_"),
    ] {
        fs::write(home.path("keyway.toml"), config).unwrap();
        let args = ["session", "create", "--end-user", "ada", "--config", &file];
        let run = home.run(&[&args[..], more].concat());
        assert!(run.code == 0 && run.stdout.starts_with(link), "{config}: {run:?}");
    }
    for (config, said) in [
        ("connect.listen = []", "this configuration serves no connect pages"),
        ("connect.public_url = 'canary'", "line 1: connect.public_url"),
        ("database = 'sqlite:/nowhere/at/all.db'", "there is no vault"),
    ] {
        fs::write(home.path("keyway.toml"), config).unwrap();
        let run = home.run(&["session", "create", "--end-user", "ada", "--config", &file]);
        assert!(
            run.code == 1 && run.stderr.contains(said) && !run.stderr.contains("canary"),
            "{config}: {run:?}"
        );
    }
}

#[test]
fn what_is_wrong_with_a_session_is_said_by_its_flag() {
    let home = Home::with_vault();
    let id = home.save(&Server::giving(""));
    for (tenant, args, said) in [
        ("acme", &["--end-user", ""] as &[&str], "--end-user has 1 to 128 characters"),
        ("acme", &["--end-user", "two\nlines"], "--end-user has 1 to 128 characters"),
        (
            "acme",
            &["--end-user", "ada", "--provider", "canary"],
            "--provider names a provider that is not there",
        ),
        (
            "acme",
            &["--end-user", "ada", "--public-url", "http://canary.example"],
            "--public-url (or KEYWAY_CONNECT",
        ),
        (
            "acme",
            &["--end-user", "ada", "--public-url", "https://a.example/canary"],
            "--public-url (or KEYWAY_CONNECT",
        ),
        ("acme", &["--end-user", "ada", "--return-url", "canary"], "--return-url is https://"),
        ("other", &["--end-user", "ada", "--reconnect", &id], "the tenant has no such connection"),
        ("", &["--end-user", "ada"], "Name the tenant"),
    ] {
        let args = [&["session", "create", "--tenant", tenant], args].concat();
        let run = home.run(&args);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{args:?}");
        assert!(run.stderr.contains(said) && !run.stderr.contains("canary"), "{said}: {run:?}");
    }
}
