//! `keyway vault export` and `import`.

use std::fs;

use serde_json::json;

use crate::support::{Home, Server, good};

/// A home with something of everything, and the ids of the connection and the grant.
fn full(home: Home, server: &Server) -> (Home, String, String) {
    let id = home.save(server);
    server.now_giving(good());
    assert_eq!(home.run(&["request", "--connection", &id, "GET", "/v1"]).code, 0);
    let grant =
        home.json(&["grant", "create", "--connection", &id])["grant"]["id"].as_str().unwrap().to_owned();
    (home, id, grant)
}

/// What is kept works as it did where it came from.
pub(crate) fn works(home: &Home, server: &Server, id: &str, grant: &str) {
    server.now_giving(good());
    assert_eq!(home.json(&["connection", "list"])[0]["id"], id);
    assert_eq!(home.run(&["connection", "check", id]).code, 0);
    assert_eq!(home.run(&["request", "--connection", id, "GET", "/v1"]).code, 0);
    assert_eq!(home.json(&["grant", "list"])[0]["id"], grant);
    assert_eq!(home.json(&["grant", "revoke", grant])["state"], "revoked");
    assert_eq!(home.json(&["connection", "rename", id, "Moved"])["name"], "Moved");
    assert_eq!(home.json(&["vault", "verify"])["problems"], json!([]));
}

#[test]
fn what_was_exported_is_imported_and_works() {
    let server = Server::giving("");
    let (home, id, grant) = full(Home::with_vault(), &server);
    let file = home.text("export.jsonl");
    let run = home.run(&["vault", "export", &file]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(home.steady(&run.stdout), @r"
    ✓ Exported 1 connection, 1 grant, and 8 entries of the audit log.
      It is sealed as it was: it is of no use without the vault's key, which is not in it.
    ");
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(home.run(&["vault", "export", "-"]).code, 0);

    let run = home.run(&["vault", "export", &file]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(run.stderr.contains("there is such a file already"), "{run:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    assert_eq!(home.json(&["vault", "export", &file, "--force"])["connections"], 1);
    for (place, said) in [("nowhere/canary", "no such folder"), ("data", "there is such a file")] {
        let run = home.run(&["vault", "export", &home.text(place)]);
        assert!(run.code == 1 && run.stderr.contains(said) && !run.stderr.contains("canary"), "{run:?}");
    }
    let beside: Vec<_> =
        fs::read_dir(home.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside.len(), 3, "no draft is left: {beside:?}");

    // There is a vault here; elsewhere there is none, and the key has to come along.
    let run = home.run(&["vault", "import", &file]);
    assert!(run.code == 1 && run.stderr.contains("there is a vault already"), "{run:?}");
    let other = Home::new();
    let run = other.run(&["vault", "import", &file]);
    assert!(run.code == 1 && run.stderr.contains("there is no master key"), "{run:?}");
    assert!(other.run(&["vault", "status"]).stderr.contains("there is no vault"));
    fs::create_dir_all(other.path("config/keyway")).unwrap();
    fs::copy(home.key(), other.key()).unwrap();
    let run = other.run_with(&["vault", "import", "-"], &fs::read_to_string(&file).unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    works(&other, &server, &id, &grant);
    other.holds_no_key();
}

#[test]
fn an_export_that_was_changed_or_cut_off_is_not_imported() {
    let server = Server::giving("");
    let (home, _, _) = full(Home::with_vault(), &server);
    let export = home.run(&["vault", "export", "-"]).stdout;
    let cut = &export[..export.len() / 2];
    let lines: Vec<&str> = export.lines().collect();
    let without = [&lines[..3], &lines[4..]].concat().join("\n");
    let other = Home::new();
    fs::create_dir_all(other.path("config/keyway")).unwrap();
    fs::copy(home.key(), other.key()).unwrap();
    for wrong in ["", "{}", "sk_canary", cut, &without, &export.replacen("active", "retired", 1)] {
        let run = other.run_with(&["vault", "import", "-"], wrong);
        assert!([1, 8].contains(&run.code) && run.stdout.is_empty(), "{run:?}");
        assert!(!run.stderr.contains("canary"), "{run:?}");
        assert!(other.run(&["vault", "status"]).stderr.contains("there is no vault"));
    }
    let run = other.run(&["vault", "import", "no such file"]);
    assert!(run.code == 1 && run.stderr.contains("import takes a file's name"), "{run:?}");
    assert_eq!(other.run_with(&["vault", "import", "-"], &export).code, 0);
}

/// An older export is as a database that was put back.
#[test]
fn anchors_that_know_more_than_an_import_are_said() {
    let server = Server::giving("");
    let home = Home::new();
    let anchors = home.text("anchors");
    let home = home.with("KEYWAY_ANCHORS", &anchors);
    assert_eq!(home.run(&["vault", "init"]).code, 0);
    let (home, _, _) = full(home, &server);
    let export = home.run(&["vault", "export", "-"]).stdout;
    let database = home.text("other.db");
    let import = ["vault", "import", "-", "--database", &format!("sqlite:{database}")];
    home.save(&server);
    let run = home.run_with(&import, &export);
    assert!(run.code == 0 && run.stderr.contains("knows of more than this export"), "{run:?}");
    // A new vault does not begin with the anchors of another.
    let run = home.run(&["vault", "init", "--database", &format!("sqlite:{}", home.text("third.db"))]);
    assert!(run.code == 1 && run.stderr.contains("knows another vault"), "{run:?}");
}

/// The whole way on PostgreSQL, and from SQLite into it.
#[cfg(unix)]
#[test]
fn the_same_on_postgresql() {
    let Some(postgres) = keyway_postgres::shared() else { return };
    let url = postgres.database();
    let server = Server::giving("");
    let home = Home::new().with("KEYWAY_DATABASE", &url);
    assert_eq!(
        home.run(&["vault", "status"]).stderr,
        "error: there is no vault in this database yet; `keyway vault init` makes one\n"
    );
    let run = home.run(&["vault", "init"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    assert_eq!(home.run(&["vault", "init"]).code, 1);
    let (home, id, grant) = full(home, &server);
    assert_eq!(home.json(&["vault", "status"])["engine"], "PostgreSQL");
    assert_eq!(home.json(&["vault", "rotate-key"])["rewrapped"], 1);
    let file = home.text("export.jsonl");
    assert_eq!(home.run(&["vault", "export", &file]).code, 0);
    works(&home, &server, &id, &grant);

    // Into a file, and from there into another database.
    let home = home.with("KEYWAY_DATABASE", "");
    assert_eq!(home.run(&["vault", "import", &file]).code, 0);
    works(&home, &server, &id, &grant);
    let again = postgres.database();
    let home = home.with("KEYWAY_DATABASE", &again);
    assert_eq!(home.run(&["vault", "import", &file]).code, 0);
    works(&home, &server, &id, &grant);

    // A request that cannot be logged is not sent.
    let name = again.split(['/', '?']).nth(3).unwrap();
    postgres.execute("postgres", &format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    let asked = server.arrived().len();
    let run = home.run(&["request", "--connection", &id, "GET", "/v1"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{run:?}");
    assert_eq!(server.arrived().len(), asked);
    assert_eq!(home.json(&["connection", "list"]).as_array().unwrap().len(), 1);
}
