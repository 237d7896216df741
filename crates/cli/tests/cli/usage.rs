//! The command line: usage errors, help, and what holds for all commands.

use std::{fs, io::Read as _, process::Stdio};

use crate::support::{ACME, Folder, command, keyway, keyway_with, linked, rally};

#[test]
fn usage_errors_end_with_one() {
    for args in [
        &[] as &[&str],
        &["foo"],
        &["connect"],
        &["connect", "rally", "--jsno"],
        &["connect", "rally", "--sandbox", "--origin", "http://127.0.0.1:1"],
        &["connect", "nothing", "--values", "-"],
        &["connect", "rally", "--method", "nothing", "--values", "-"],
        &["connect", "rally"],
        &["connect", "rally", "--sandbox"],
        &["request", "rally"],
        &["request", "rally", "GET"],
        &["sandbox", "--port", "99999"],
        &["sandbox", "--json"],
        &["completions", "tcsh"],
        &["form", "nothing"],
        &["form", "rally", "--as", "pdf"],
        &["schema"],
        &["schema", "form"],
        &["providers", "--providers", "no such folder"],
        &["vault"],
        &["vault", "open"],
        &["connection"],
        &["connection", "show"],
        &["connection", "show", "con_1"],
        &["grant", "create"],
        &["grant", "revoke", "con_aaaaaaaaaaaaaaaaaaaa"],
        &["token", "create", "--tenant", "acme"],
        &["token", "create", "--tenant", "acme", "--scope", "all"],
        &["token", "rotate", "kwa_1"],
        &["token", "revoke", "con_aaaaaaaaaaaaaaaaaaaa"],
        &["token", "rotate", "kwa_aaaaaaaa", "--overlap", "2years"],
        &["session", "create"],
        &[
            "session",
            "create",
            "--end-user",
            "ada",
            "--reconnect",
            "con_aaaaaaaaaaaaaaaaaaaa",
            "--provider",
            "rally",
        ],
        &["audit", "--after", "-1"],
        &["audit", "--anchor", "--follow"],
        &["vault", "verify", "--anchor", "1:x"],
        &["request", "--connection", "con_aaaaaaaaaaaaaaaaaaaa"],
    ] {
        let run = keyway(args);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{args:?}");
        assert!(!run.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn help_and_version_end_with_zero() {
    for args in [
        &["--help"] as &[&str],
        &["-h"],
        &["help"],
        &["--version"],
        &["connect", "--help"],
        &["request", "--help"],
        &["sandbox", "--help"],
        &["providers", "--help"],
        &["schema", "--help"],
        &["completions", "--help"],
        &["form", "--help"],
        &["vault", "--help"],
        &["connection", "--help"],
        &["grant", "--help"],
        &["token", "--help"],
        &["session", "--help"],
        &["audit", "--help"],
    ] {
        let run = keyway(args);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{args:?}");
        let has_examples = run.stdout.contains("Examples:");
        assert!(has_examples || args.contains(&"--version"), "{args:?}: {}", run.stdout);
    }
}

#[test]
fn help_is_what_it_was() {
    for name in [
        "connect",
        "form",
        "request",
        "sandbox",
        "providers",
        "schema",
        "completions",
        "vault",
        "vault init",
        "vault status",
        "vault verify",
        "vault rotate-key",
        "vault export",
        "vault import",
        "connection",
        "connection list",
        "connection show",
        "connection check",
        "connection rename",
        "connection remove",
        "grant",
        "grant create",
        "grant list",
        "grant revoke",
        "token",
        "token create",
        "token list",
        "token rotate",
        "token revoke",
        "session",
        "session create",
        "audit",
        "serve",
    ] {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_suffix(name.replace(' ', "_"));
        let args: Vec<&str> = name.split(' ').chain(["--help"]).collect();
        settings.bind(|| insta::assert_snapshot!("help", keyway(&args).stdout));
    }
    insta::assert_snapshot!("help", keyway(&["--help"]).stdout);
}

#[test]
fn an_argument_that_may_be_a_key_is_not_repeated() {
    for args in [
        &["_sk_CANARY_4711"] as &[&str],
        &["connect", "rally", "_sk_CANARY_4711"],
        &["connect", "_sk_CANARY_4711"],
        &["connect", "rally", "--api-key=_sk_CANARY_4711"],
        &["connect", "rally", "--api-key", "_sk_CANARY_4711"],
        &["connect", "rally", "--_sk_CANARY_4711"],
        &["connect", "rally", "--json=sk_live_CANARY"],
        &["connect", "rally", "--sandbox=sk_live_CANARY"],
        &["request", "rally", "GET", "/", "--include=sk_live_CANARY"],
        &["request", "rally", "GET", "/", "-i=sk_live_CANARY"],
        &["request", "rally", "GET", "/", "sk_live_CANARY"],
        &["sandbox", "--list=sk_live_CANARY"],
        &["--version=sk_live_CANARY"],
        &["connect", "--help=sk_live_CANARY"],
        &["help", "sk_live_CANARY"],
        &["connect", "rally", "--method", "_sk_CANARY_4711"],
        &["connect", "rally", "--origin", "https://_sk_CANARY_4711@host.example", "--values", "-"],
        &["connect", "rally", "--values", "_sk_CANARY_4711"],
        &["request", "rally", "_sk_CANARY_4711_CANARY", "/", "--values", "-"],
        &["request", "rally", "GET", "_sk_CANARY_4711", "--values", "-"],
        &["sandbox", "--port", "_sk_CANARY_4711"],
        &["completions", "_sk_CANARY_4711"],
        &["schema", "_sk_CANARY_4711"],
        &["vault", "_sk_CANARY_4711"],
        &["vault", "status", "--database", "_sk_CANARY_4711"],
        &["vault", "status", "--key", "_sk_CANARY_4711"],
        &["vault", "verify", "--anchor", "_sk_CANARY_4711"],
        &["connection", "show", "_sk_CANARY_4711"],
        &["connection", "list", "--tenant", "_sk_CANARY_4711 "],
        &["request", "--connection", "_sk_CANARY_4711", "GET", "/"],
        &["grant", "revoke", "_sk_CANARY_4711"],
        &["token", "create", "--platform", "--scope", "_sk_CANARY_4711"],
        &["token", "create", "--platform", "--scope", "sessions,_sk_CANARY_4711"],
        &["token", "create", "--platform", "--scope", "sessions", "--expires", "_sk_CANARY_4711"],
        &["token", "create", "--tenant", "_sk_CANARY_4711 ", "--scope", "sessions"],
        &["token", "revoke", "kwa_CANARY4711CANARY4711CANARY4711CANARY"],
        &["token", "rotate", "kwa_aaaaaaaa", "--overlap", "_sk_CANARY_4711"],
        &["session", "create", "--end-user", "ada", "--provider", "_sk_CANARY_4711"],
        &["session", "create", "--end-user", "ada", "--reconnect", "_sk_CANARY_4711"],
        &["session", "create", "--end-user", "ada", "--public-url", "https://_sk_CANARY_4711/x"],
        &["audit", "--after", "_sk_CANARY_4711"],
    ] {
        let run = keyway_with(args, &rally("valid"));
        assert_eq!(run.code, 1, "{args:?}: {run:?}");
        assert!(!format!("{run:?}").contains("CANARY"), "{args:?}: {run:?}");
    }
}

#[test]
fn an_unknown_provider_lists_the_known_ones() {
    let run = keyway(&["connect", "ralley", "--values", "-"]);
    let known = linked().join(", ");
    let expected = format!("error: there is no such provider; did you mean `rally`? Known here: {known}\n");
    assert_eq!(run.stderr, expected);
}

#[test]
fn origins_are_https_or_loopback() {
    for origin in [
        "http://example.com",
        "ftp://127.0.0.1",
        "https://a@b.example",
        "https://b.example/path",
        "127.0.0.1",
        "127.0.0.1:8080",
        "localhost:8080",
        "",
    ] {
        let run = keyway_with(&["connect", "rally", "--values", "-", "--origin", origin], &rally("valid"));
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{origin}");
        assert!(run.stderr.starts_with("error: --origin: "), "{}", run.stderr);
        assert!(run.stderr.contains("http://127.0.0.1:PORT"), "{}", run.stderr);
    }
    // Private addresses are no loopback: nothing is sent there, also over https.
    for origin in ["https://10.0.0.1", "https://169.254.169.254", "https://[::ffff:10.0.0.1]"] {
        let run = keyway_with(
            &["connect", "rally", "--json", "--values", "-", "--origin", origin],
            &rally("valid"),
        );
        assert_eq!((run.code, &run.json()["errors"][0]["code"]), (7, &"not_sent".into()), "{origin}");
    }
}

#[test]
fn a_closed_pipe_is_no_panic() {
    for args in [
        &["--help"] as &[&str],
        &["providers", "--json"],
        &["sandbox", "--list"],
        &["schema", "fixtures"],
        &["completions", "zsh"],
    ] {
        let mut child = command(args).spawn().unwrap();
        drop(child.stdout.take());
        drop(child.stdin.take());
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said() {
    let full = || Stdio::from(fs::File::options().write(true).open("/dev/full").unwrap());
    let output = command(&["providers", "--json"]).stdout(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "error: stdout cannot be written to: the disk is full\n");
}

#[test]
fn a_folder_adds_providers_and_its_errors_have_positions() {
    let folder = Folder::with(ACME);
    let run = keyway(&["--providers", folder.path(), "providers", "--json"]);
    let ids: Vec<String> = run.json().as_array().unwrap().iter().map(|one| one["id"].to_string()).collect();
    let mut expected: Vec<String> = linked().iter().map(|id| format!("\"{id}\"")).collect();
    expected.push("\"acme\"".to_owned());
    expected.sort();
    assert_eq!(ids, expected);
    let output = command(&["providers"]).env("KEYWAY_PROVIDERS", folder.path()).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.starts_with("ID ") && table.contains("\nacme "), "{table}");
    drop(folder);

    let folder = Folder::with(&ACME.replace("summary", "sumary").replace("GET /me", "POST /me"));
    let run = keyway(&["providers", "--providers", folder.path()]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(run.stderr.contains("provider.yaml:4:1: "), "{}", run.stderr);
    assert!(run.stderr.contains("did you mean `summary`?"), "{}", run.stderr);
}

#[test]
fn an_empty_variable_is_as_good_as_none() {
    for args in [&["providers", "--json"] as &[&str], &["sandbox", "--list"], &["completions", "bash"]] {
        let output = command(args).env("KEYWAY_PROVIDERS", "").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), keyway(args).stdout, "{args:?}");
    }
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = keyway(&["completions", shell]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{shell}");
        for word in
            ["connect", "request", "sandbox", "providers", "schema", "vault", "rotate-key", "--sandbox"]
        {
            let word = if shell == "fish" { word.trim_start_matches('-') } else { word };
            assert!(run.stdout.contains(word), "{shell} {word}");
        }
    }
}
