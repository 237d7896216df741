//! `keyway vault`: made, looked at, and opened with the right key or not at all.

use std::fs;

use serde_json::json;

use crate::support::{Home, Run, Server, answer, good, rally};

/// What is in the database, and beside it.
fn bytes(home: &Home) -> Vec<Option<Vec<u8>>> {
    ["", "-wal"].map(|more| fs::read(format!("{}{more}", home.database().display())).ok()).to_vec()
}

#[test]
fn a_vault_is_made_once() {
    let home = Home::new();
    let made = home.run(&["vault", "init"]);
    assert_eq!((made.code, made.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(home.steady(&made.stdout));
    let before = bytes(&home);
    let key = fs::read(home.key()).unwrap();
    let again = home.run(&["vault", "init"]);
    assert_eq!((again.code, again.stdout.as_str()), (1, ""));
    insta::assert_snapshot!(home.steady(&again.stderr), @r"
    error: there is a vault already at sqlite:HOME/data/keyway/keyway.db; nothing was changed
    ");
    // Also where its key is gone: another one would be made for nothing.
    fs::rename(home.key(), home.path("key")).unwrap();
    assert_eq!(home.run(&["vault", "init"]).code, 1);
    assert!(!home.key().exists());
    fs::rename(home.path("key"), home.key()).unwrap();
    assert!(bytes(&home) == before && fs::read(home.key()).unwrap() == key);
    assert_eq!(home.run(&["vault", "status"]).code, 0);
}

#[cfg(unix)]
#[test]
fn what_is_made_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::with_vault();
    let anchors = home.text("anchors");
    assert_eq!(home.run(&["vault", "export", &home.text("export"), "--anchors", &anchors]).code, 0);
    assert_eq!(home.run(&["vault", "rotate-key"]).code, 0);
    let retired = home.path("config/keyway/master.key.retired");
    for file in [home.database(), home.key(), retired, home.path("export"), home.path("anchors")] {
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.display());
    }
}

#[test]
fn it_says_how_it_stands() {
    let home = Home::with_vault();
    let server = Server::giving("");
    home.save(&server);
    insta::assert_snapshot!("status", home.steady(&home.run(&["vault", "status"]).stdout));
    insta::assert_snapshot!("status_json", home.steady(&format!("{:#}", home.json(&["vault", "status"]))));
    let report = home.json(&["vault", "verify"]);
    assert_eq!(report["problems"], json!([]));
    assert_eq!((&report["connections"], &report["entries"]), (&json!(1), &json!(2)));
    home.holds_no_key();
}

#[test]
fn all_of_it_is_json_too() {
    let home = Home::new();
    let made = home.json(&["vault", "init"]);
    insta::assert_snapshot!("init_json", home.steady(&format!("{made:#}")));
    let status = home.json(&["vault", "status"]);
    assert_eq!((&status["vault"], &status["keys"][0]["id"]), (&made["vault"], &made["key_id"]));
    let exported = home.json(&["vault", "export", &home.text("export")]);
    assert_eq!(exported, json!({ "connections": 0, "grants": 0, "documents": 0, "keys": 1, "entries": 2 }));
    let elsewhere = format!("sqlite:{}", home.text("elsewhere.db"));
    let imported = home.json(&["vault", "import", &home.text("export"), "--database", &elsewhere]);
    assert_eq!(imported, exported);
    let rotated = home.json(&["vault", "rotate-key"]);
    assert_eq!((&rotated["rewrapped"], &rotated["retired"]), (&json!(0), &json!([made["key_id"]])));
    assert_eq!(rotated["retired_file"], home.text("config/keyway/master.key.retired"));
}

#[test]
fn without_a_vault_every_command_says_so() {
    let home = Home::new();
    for args in [
        &["vault", "status"] as &[&str],
        &["vault", "verify"],
        &["vault", "rotate-key"],
        &["vault", "export", "-"],
        &["connection", "list"],
        &["connection", "check", "con_aaaaaaaaaaaaaaaaaaaa"],
        &["connect", "rally", "--save", "--values", "-"],
        &["request", "--connection", "con_aaaaaaaaaaaaaaaaaaaa", "GET", "/"],
        &["grant", "list"],
        &["audit"],
        &["audit", "--anchor"],
    ] {
        let run = home.run(args);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{args:?}");
        let said = "error: there is no vault at sqlite:HOME/data/keyway/keyway.db yet; `keyway vault init` makes one\n";
        assert_eq!(home.steady(&run.stderr), said, "{args:?}");
    }
    assert!(!home.database().exists() && !home.key().exists());
}

/// The commands that open the vault, each a bit further in.
const OPENING: [&[&str]; 5] = [
    &["vault", "status"],
    &["vault", "rotate-key"],
    &["connection", "list"],
    &["audit"],
    &["vault", "verify"],
];

#[track_caller]
fn is_refused(home: &Home, said: &str) -> Vec<Run> {
    let before = bytes(home);
    let runs = OPENING.map(|args| home.run(args));
    for run in &runs {
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{run:?}");
        assert!(run.stderr.contains(said), "{said}: {run:?}");
    }
    assert!(bytes(home) == before, "not a byte was changed");
    runs.into()
}

#[cfg(unix)]
#[test]
fn i7_n44_with_a_wrong_key_nothing_opens_and_no_byte_changes() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let home = Home::with_vault();
    home.save(&Server::giving(""));
    let good = fs::read(home.key()).unwrap();
    let write = |text: &[u8]| {
        fs::write(home.key(), text).unwrap();
        fs::set_permissions(home.key(), fs::Permissions::from_mode(0o600)).unwrap();
    };
    fs::remove_file(home.key()).unwrap();
    is_refused(&home, "there is no master key");
    write(b"");
    is_refused(&home, "there is no master key");
    write(format!("{}\n", "5e".repeat(31)).as_bytes());
    is_refused(&home, "error: ");
    write(format!("{}\n", "00".repeat(32)).as_bytes());
    is_refused(&home, "error: ");
    write(format!("{}\n", "0123456789abcdef".repeat(4)).as_bytes());
    for run in is_refused(&home, "this is not the master key of this database: it needs the key ") {
        assert!(!run.stderr.contains("0123456789abcdef01"), "{run:?}");
    }
    // The right one, where others can read it, or where somebody else says where it is.
    write(&good);
    fs::set_permissions(home.key(), fs::Permissions::from_mode(0o644)).unwrap();
    is_refused(&home, "the master key is not safe where it is");
    fs::rename(home.key(), home.path("real")).unwrap();
    fs::set_permissions(home.path("real"), fs::Permissions::from_mode(0o600)).unwrap();
    symlink(home.path("real"), home.key()).unwrap();
    is_refused(&home, "error: ");
    fs::remove_file(home.key()).unwrap();
    write(&good);
    assert_eq!(home.run(&["connection", "list"]).code, 0);
    // Another one, named.
    let source = format!("file:{}", home.text("elsewhere"));
    let run = home.run(&["vault", "status", "--key", &source]);
    assert!(run.code == 1 && run.stderr.contains("there is no master key"), "{run:?}");
}

#[test]
fn a_key_may_come_from_a_variable() {
    let key = "c0ffee00".repeat(8);
    let home = Home::new().with("KEYWAY_KEY", &key);
    let made = home.run(&["vault", "init"]);
    assert!(made.code == 0 && made.stdout.contains("the variable KEYWAY_KEY"), "{made:?}");
    assert!(!format!("{made:?}").contains("c0ffee00"), "{made:?}");
    assert!(!home.key().exists());
    home.save(&Server::giving(""));

    // A rotation needs another one, and cannot take the old one away.
    let stuck = home.run(&["vault", "rotate-key"]);
    assert!(stuck.code == 1 && stuck.stderr.contains("KEYWAY_KEY=NEW,OLD"), "{stuck:?}");
    let home = home.with("KEYWAY_KEY", &format!("{},{key}", "decaf000".repeat(8)));
    let rotated = home.json(&["vault", "rotate-key"]);
    assert_eq!((&rotated["rewrapped"], &rotated["resumed"]), (&json!(1), &json!(false)));
    assert_eq!((&rotated["to_forget"], &rotated["retired_file"]), (&rotated["retired"], &json!(null)));
    let home = home.with("KEYWAY_KEY", &"decaf000".repeat(8));
    assert_eq!(home.json(&["connection", "list"]).as_array().unwrap().len(), 1);

    // The old key alone opens nothing any more.
    let home = home.with("KEYWAY_KEY", &key);
    is_refused(&home, "this is not the master key of this database");
    let home = home.with("MINE", &"decaf000".repeat(8)).with("KEYWAY_KEY_SOURCE", "env:MINE");
    assert_eq!(home.run(&["vault", "status"]).code, 0);
}

#[cfg(unix)]
#[test]
fn a_key_is_rotated_and_the_old_one_is_gone() {
    let home = Home::with_vault();
    let server = Server::giving("");
    let id = home.save(&server);
    let old = fs::read(home.key()).unwrap();
    let rotated = home.run(&["vault", "rotate-key"]);
    assert_eq!((rotated.code, rotated.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(home.steady(&rotated.stdout));
    let keys = home.json(&["vault", "status"])["keys"].clone();
    assert_eq!((&keys[0]["state"], &keys[1]["state"]), (&json!("retired"), &json!("active")));
    assert_eq!(home.run(&["connection", "check", &id]).code, 0);
    fs::write(home.key(), old).unwrap();
    is_refused(&home, "this is not the master key of this database");
}

/// Two vaults that nobody gave a key of its own each, or one and its copy.
#[cfg(unix)]
#[test]
fn n44_a_vault_that_shared_a_key_which_was_rotated_opens_again() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::with_vault();
    let second = format!("sqlite:{}", home.text("second.db"));
    let made = home.run(&["vault", "init", "--database", &second]);
    insta::assert_snapshot!("init_again", home.steady(&made.stdout));
    let third = format!("sqlite:{}", home.text("third.db"));
    assert_eq!(home.json(&["vault", "init", "--database", &third])["key_was_there"], true);
    let own = format!("file:{}", home.text("own.key"));
    let args = ["vault", "init", "--database", &format!("sqlite:{}", home.text("fourth.db")), "--key", &own];
    assert_eq!(home.json(&args)["key_was_there"], false);
    let id = home.save(&Server::giving(""));
    let export = home.text("export");
    assert_eq!(home.run(&["vault", "export", &export]).code, 0);

    let old = home.json(&["vault", "rotate-key"])["retired"][0].as_str().unwrap().to_owned();
    let refused = home.run(&["vault", "status", "--database", &second]);
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
    insta::assert_snapshot!("key_was_retired", home.steady(&refused.stderr));
    let imported = format!("sqlite:{}", home.text("imported.db"));
    let import = ["vault", "import", &export, "--database", &imported];
    let refused = home.run(&import);
    assert!(refused.code == 1 && refused.stderr.contains("that ends with `.retired`"), "{refused:?}");
    // What was typed is not said again, and where nothing was retired there is no such hint.
    let typed = format!("file:{}", home.key().display());
    let refused = home.run(&["vault", "status", "--database", &second, "--key", &typed]);
    assert!(refused.stderr.contains("`.retired`") && !refused.stderr.contains("master.key"), "{refused:?}");
    let refused = home.run(&["vault", "status", "--database", &second, "--key", &own]);
    assert!(refused.code == 1 && !refused.stderr.contains(".retired"), "{refused:?}");

    // As the vault's README has it.
    let steps = r#"umask 077; grep -A 1 "$1" "$2.retired" > "$3""#;
    let (from, to) = (home.key(), home.path("second.key"));
    let done = std::process::Command::new("sh").args(["-c", steps, "sh", &old]).args([&from, &to]).status();
    assert!(done.unwrap().success());
    assert_eq!(to.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let key = format!("file:{}", to.display());
    let status = home.json(&["vault", "status", "--database", &second, "--key", &key]);
    assert_eq!(status["keys"][0]["id"], old);
    assert_eq!(home.json(&["vault", "rotate-key", "--database", &second, "--key", &key])["retired"][0], old);
    // The retired ones are a key file themselves.
    let key = format!("file:{}.retired", from.display());
    assert_eq!(home.run(&[&import as &[&str], &["--key", &key]].concat()).code, 0);
    assert_eq!(home.run(&["connection", "show", &id, "--database", &imported, "--key", &key]).code, 0);
    assert_eq!(home.run(&["connection", "show", &id]).code, 0);
    home.holds_no_key();
}

#[test]
fn what_was_put_back_is_seen_against_the_anchors() {
    let home = Home::new();
    let anchors = home.text("anchors");
    let home = home.with("KEYWAY_ANCHORS", &anchors);
    assert_eq!(home.run(&["vault", "init"]).code, 0);
    home.save(&Server::giving(""));
    let lines = || fs::read_to_string(&anchors).unwrap();
    assert_eq!(lines().lines().count(), 2);
    assert_eq!(home.run(&["audit", "--anchor"]).stdout, lines().lines().last().unwrap().to_owned() + "\n");
    let first = lines().lines().next().unwrap().to_owned();
    let report = home.json(&["vault", "verify", "--anchor", &first]);
    assert_eq!((&report["anchors"], &report["problems"]), (&json!(3), &json!([])));

    let older = fs::read(home.database()).unwrap();
    home.save(&Server::giving(""));
    let latest = lines().lines().last().unwrap().to_owned();
    fs::write(home.database(), older).unwrap();
    let _ = fs::remove_file(home.path("data/keyway/keyway.db-wal"));
    let run = home.run(&["connection", "list"]);
    assert_eq!((run.code, run.stdout.as_str()), (8, ""), "{run:?}");
    assert!(run.stderr.contains("is not that of the anchor"), "{run:?}");
    let run = home.run(&["vault", "verify"]);
    assert_eq!(run.code, 8);
    insta::assert_snapshot!(home.steady(&run.stdout));
    // Without the file it looks well, but for an anchor that somebody kept.
    let home = home.with("KEYWAY_ANCHORS", "");
    assert_eq!(home.run(&["vault", "verify"]).code, 0);
    let run = home.run(&["vault", "verify", "--json", "--anchor", &latest]);
    assert_eq!((run.code, &run.json()["problems"][0]["code"]), (8, &json!("anchor")));
}

#[cfg(unix)]
#[test]
fn anchors_that_cannot_be_written_are_said_and_the_change_is_done() {
    let home = Home::with_vault();
    let server = Server::giving(good());
    let (origin, anchors) = (server.origin(), home.text("anchors"));
    // It could be a new file, and cannot be made.
    std::os::unix::fs::symlink(home.path("nowhere/anchors"), &anchors).unwrap();
    let args = ["connect", "rally", "--save", "--values", "-", "--origin", &origin, "--anchors", &anchors];
    let run = home.run_with(&args, &rally("valid"));
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.starts_with("The file of --anchors cannot be written."), "{run:?}");
    assert_eq!(home.json(&["connection", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn anchors_that_cannot_be_kept_or_read_stop_everything() {
    let home = Home::new();
    let nowhere = home.text("nowhere/anchors");
    let run = home.run(&["vault", "init", "--anchors", &nowhere]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{run:?}");
    assert!(run.stderr.contains("the file's folder is not there"), "{run:?}");
    assert!(!home.database().exists() && !home.key().exists(), "nothing was made");
    assert_eq!(home.run(&["vault", "init"]).code, 0);
    let id = home.save(&Server::giving(""));
    let before = bytes(&home);
    // What is no file of anchors is not written to.
    for (place, said) in [
        (nowhere, "the file's folder is not there"),
        (home.text("."), "it is a folder"),
        (home.text("config/keyway/master.key"), "no anchors"),
    ] {
        let run = home.run(&["connection", "rename", &id, "x", "--anchors", &place]);
        assert!(run.code == 1 && run.stderr.contains(said), "{run:?}");
    }
    assert!(bytes(&home) == before, "not a byte was changed");
    for args in [&["vault", "verify"] as &[&str], &["vault", "verify", "--json"]] {
        let run = home.run(&[args, &["--anchors", &home.text("anchors")]].concat());
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{run:?}");
        assert!(run.stderr.contains("there is no such file"), "{run:?}");
    }
}

#[test]
fn n43_what_keeps_a_vault_from_opening_is_reported() {
    let home = Home::with_vault();
    home.save(&Server::giving(""));
    let anchor = home.run(&["audit", "--anchor"]).stdout;
    let hex = anchor.trim().split_once(':').unwrap().1;
    let mac: Vec<u8> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    let forged: Vec<u8> = mac.iter().map(|byte| byte ^ 1).collect();
    home.change(&mac, &forged);
    assert_eq!(home.run(&["connection", "list"]).code, 8);
    let run = home.run(&["vault", "verify", "--json"]);
    assert_eq!((run.code, run.stderr.as_str()), (8, ""), "{run:?}");
    assert_eq!(run.json()["problems"][0]["what"], "entry 2 of the audit log");
    let run = home.run(&["vault", "verify"]);
    assert!(run.code == 8 && run.stdout.contains("changed entry 2 of the audit log"), "{run:?}");
}

#[test]
fn what_somebody_changed_is_named() {
    let home = Home::with_vault();
    let id = home.save(&Server::giving(""));
    home.change(b"https", b"ftpxx");
    home.change(b"http:", b"ftpx:");
    let run = home.run(&["vault", "verify", "--json"]);
    assert_eq!(run.code, 8, "{run:?}");
    let problems = run.json()["problems"].clone();
    assert!(
        problems.as_array().unwrap().iter().any(|one| one["what"] == format!("connection {id}")),
        "{problems}"
    );
    for args in [
        &["connection", "show", &id] as &[&str],
        &["connection", "list"],
        &["request", "--connection", &id, "GET", "/"],
    ] {
        let run = home.run(args);
        assert_eq!((run.code, run.stdout.as_str()), (8, ""), "{args:?}: {run:?}");
        assert!(run.stderr.contains("is not as it was written"), "{run:?}");
    }
    assert_eq!(home.run(&["connection", "remove", &id, "--yes"]).code, 0);
}

#[test]
fn where_it_is_is_said_in_a_way_that_is_understood() {
    let home = Home::new();
    for (flag, value, said) in [
        ("--database", "canary", "--database (or KEYWAY_DATABASE): "),
        ("--database", "mysql:canary", "--database (or KEYWAY_DATABASE): "),
        ("--database", "postgres://u:canary@[/x", "--database (or KEYWAY_DATABASE): "),
        ("--key", "canary", "a key itself is never typed here"),
        ("--key", "hex:canary", "a key itself is never typed here"),
        ("--key", "file:", "never the key itself"),
        ("--key", "env:canary canary", "never the key itself"),
        ("--key", "transit:canary", "is followed by https://"),
        ("--key", "transit:http://canary.example/transit/main", "is followed by https://"),
        ("--key", "transit:https://canary.example:8200/transit/main", "VAULT_TOKEN"),
        ("--tenant", "can ary", "a tenant is named by"),
        ("--tenant", "", "whose connections?"),
    ] {
        let run = home.run(&["connection", "list", flag, value]);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{value}");
        assert!(run.stderr.contains(said), "{value}: {run:?}");
        assert!(!run.stderr.contains("canary") && !run.stderr.contains("can ary"), "{run:?}");
    }
    let home = home.with("KEYWAY_DATABASE", "postgres://u:canary@db.example/x?sslmode=canary");
    let run = home.run(&["vault", "status"]);
    assert!(run.code == 1 && !run.stderr.contains("canary"), "{run:?}");
}

/// A key service that is not there is asked nothing of, and nothing is made.
#[test]
fn a_key_service_that_does_not_answer_stops_everything() {
    let server = Server::giving(answer("403 No", &[], r#"{"errors":["permission denied"]}"#));
    let home = Home::new().with("KEYWAY_KEY_SOURCE", &format!("transit:{}/transit/main", server.origin()));
    let home = home.with("VAULT_TOKEN", "hvs.CANARY-of-a-token");
    let run = home.run(&["vault", "init"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{run:?}");
    assert!(run.stderr.contains("HashiCorp Vault's Transit engine"), "{run:?}");
    let (line, headers, _) = server.only();
    assert_eq!(line, "POST /v1/transit/encrypt/main HTTP/1.1");
    assert!(headers.contains(&("x-vault-token".to_owned(), "hvs.CANARY-of-a-token".to_owned())));
    let run = home.run(&["vault", "status"]);
    assert!(run.code == 1 && run.stderr.contains("there is no vault"), "{run:?}");
}
