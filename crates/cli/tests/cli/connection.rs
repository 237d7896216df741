//! `keyway connection`: what is kept.

use serde_json::json;

use crate::support::{Home, Server, answer, good, of_somebody_else, refused};

/// An id that nobody has.
const NOBODY_S: &str = "con_aaaaaaaaaaaaaaaaaaaa";

#[test]
fn connections_are_listed_and_shown() {
    let home = Home::with_vault();
    let run = home.run(&["connection", "list"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""));
    assert_eq!(run.stderr, "There are no connections yet; `keyway connect ID --save` makes one.\n");
    let id = home.save(&Server::giving(""));
    let renamed = home.run(&["connection", "rename", &id, " Production "]);
    assert_eq!((renamed.code, renamed.stderr.as_str()), (0, ""));
    insta::assert_snapshot!("renamed", home.steady(&renamed.stdout));
    insta::assert_snapshot!("listed", home.steady(&home.run(&["connection", "list"]).stdout));
    let one = home.json(&["connection", "show", &id]);
    insta::assert_snapshot!("shown_json", home.steady(&format!("{one:#}")));
    assert_eq!(home.json(&["connection", "list"]), json!([one]));
    for name in ["", " ", "two\nlines", &"x".repeat(101)] {
        let run = home.run(&["connection", "rename", &id, name]);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{name:?}");
        assert!(run.stderr.contains("a connection's name has 1 to 100 characters on one line"), "{run:?}");
    }
    // A name that is shown as another one.
    for name in ["nimda\u{202e}", "\u{202e}nimda", "ad\u{200b}min"] {
        let run = home.run(&["connection", "rename", &id, name]);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{name:?}");
        assert!(run.stderr.contains("no characters that cannot be seen"), "{run:?}");
    }
    assert_eq!(home.json(&["connection", "show", &id])["name"], "Production");
    assert_eq!(home.json(&["connection", "rename", &id, "--none"])["name"], json!(null));
    let forgotten = home.run(&["connection", "rename", &id]);
    assert!(forgotten.code == 1 && forgotten.stderr.contains("NAME"), "{forgotten:?}");
    let both = home.run(&["connection", "rename", &id, "x", "--none"]);
    assert!(both.code == 1 && both.stderr.contains("--none"), "{both:?}");
    home.holds_no_key();
}

#[test]
fn n43_one_that_somebody_changed_is_named_and_the_others_are_listed() {
    let home = Home::with_vault();
    let server = Server::giving("");
    let (one, other) = (home.save(&server), home.save(&server));
    home.change(format!("{other}acmerally").as_bytes(), format!("{other}acmerelly").as_bytes());
    let run = home.run(&["connection", "list", "--json"]);
    let listed = run.json();
    let ids: Vec<_> = listed.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!((run.code, ids), (8, vec![&*one]), "{listed}");
    assert!(run.stderr.contains(&format!("connection {other} is not as it was written")), "{}", run.stderr);
    assert_eq!(run.stderr.matches("con_").count(), 1, "{}", run.stderr);
    let run = home.run(&["connection", "list"]);
    assert_eq!((run.code, run.stdout.matches("con_").count()), (8, 1), "{run:?}");
    // Also where none is left, and nothing says that there are none.
    home.change(format!("{one}acmerally").as_bytes(), format!("{one}acmerelly").as_bytes());
    let run = home.run(&["connection", "list"]);
    assert_eq!((run.code, run.stdout.as_str()), (8, ""), "{run:?}");
    assert_eq!(run.stderr.matches("is not as it was written").count(), 2, "{}", run.stderr);
}

#[test]
fn a_check_asks_and_keeps_what_was_said() {
    let home = Home::with_vault();
    let server = Server::giving("");
    let id = home.save(&server);
    for (given, code, verdict, status) in [
        (answer("500 Oh", &[], ""), 6, "unavailable", "active"),
        (refused(), 3, "invalid", "needs_key"),
        (answer("403 No", &[], ""), 4, "forbidden", "needs_key"),
        (answer("429 Wait", &[], ""), 5, "rate_limited", "needs_key"),
        (answer("200 OK", &[], ""), 7, "unknown", "needs_key"),
        (good(), 0, "valid", "active"),
    ] {
        server.now_giving(given);
        let run = home.run(&["connection", "check", &id, "--json"]);
        let said = run.json();
        assert_eq!((run.code, run.stderr.as_str()), (code, ""), "{run:?}");
        assert_eq!((&said["verdict"], &said["connection"]["verdict"]), (&json!(verdict), &json!(verdict)));
        assert_eq!(said["connection"]["status"], status, "{verdict}");
        assert_eq!(home.json(&["connection", "show", &id]), said["connection"]);
    }
    server.now_giving(refused());
    let run = home.run(&["connection", "check", &id]);
    assert_eq!(run.code, 3);
    insta::assert_snapshot!(home.steady(&run.shown("keyway connection check")));
    // Somebody else's account at the other end is not taken over.
    server.now_giving(of_somebody_else());
    let run = home.run(&["connection", "check", &id]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(run.stderr.contains("another account"), "{run:?}");
}

#[test]
fn one_is_removed_when_somebody_says_so() {
    let home = Home::with_vault();
    let id = home.save(&Server::giving(""));
    let run = home.run(&["connection", "remove", &id]);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (1, "error: there is no terminal to ask on; say --yes to remove it\n")
    );
    assert_eq!(home.run(&["connection", "show", &id]).code, 0);
    assert_eq!(home.json(&["connection", "remove", &id, "--yes"]), json!({ "removed": id }));
    assert_eq!(home.run(&["connection", "remove", &id, "--yes"]).code, 1);
    assert_eq!(home.json(&["connection", "list"]), json!([]));
    assert_eq!(home.run(&["vault", "verify"]).code, 0);
}

/// Also the words and the status are those of what does not exist.
#[test]
fn i8_another_tenant_s_connection_is_as_one_that_does_not_exist() {
    let home = Home::with_vault();
    let server = Server::giving("");
    let id = home.save(&server);
    let grant =
        home.json(&["grant", "create", "--connection", &id])["grant"]["id"].as_str().unwrap().to_owned();
    let home = home.with("KEYWAY_TENANT", "other");
    let asked = server.arrived().len();
    let commands = |id: &str| {
        let words =
            |words: &str| -> Vec<String> { words.split(' ').map(|word| word.replace("ID", id)).collect() };
        [
            "connection show ID",
            "connection check ID",
            "connection check ID --json",
            "connection rename ID x",
            "connection remove ID --yes",
            "request --connection ID GET /",
            "grant create --connection ID",
            "grant list --connection ID",
            "connect rally --save --values - --connection ID",
        ]
        .map(words)
    };
    for (theirs, nobodys) in commands(&id).iter().zip(commands(NOBODY_S)) {
        let run = |args: &[String]| home.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let (theirs, nobodys) = (run(theirs), run(&nobodys));
        assert_eq!((theirs.code, theirs.stdout.as_str()), (1, ""), "{theirs:?}");
        assert_eq!(theirs.stderr, "error: there is no such connection or grant\n");
        assert_eq!((theirs.code, theirs.stderr), (nobodys.code, nobodys.stderr));
    }
    let (theirs, nobodys) =
        (home.run(&["grant", "revoke", &grant]), home.run(&["grant", "revoke", "gra_aaaaaaaaaaaaaaaaaaaa"]));
    assert_eq!((theirs.code, &theirs.stderr), (nobodys.code, &nobodys.stderr));
    assert_eq!(server.arrived().len(), asked, "nothing was sent");
    assert_eq!(home.json(&["connection", "list"]), json!([]));
    assert_eq!(home.run(&["audit", "--json"]).stdout, "");
}

#[test]
fn two_processes_share_a_file() {
    let home = Home::with_vault();
    let server = Server::giving(good());
    let origin = server.origin();
    let args = ["connect", "rally", "--save", "--values", "-", "--json", "--origin", &origin];
    let children: Vec<_> = (0..6)
        .map(|_| {
            let mut child = home.command(&args).spawn().unwrap();
            std::io::Write::write_all(
                &mut child.stdin.take().unwrap(),
                crate::support::rally("valid").as_bytes(),
            )
            .unwrap();
            child
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(home.json(&["connection", "list"]).as_array().unwrap().len(), 6);
    let report = home.json(&["vault", "verify"]);
    assert_eq!((&report["problems"], &report["entries"]), (&json!([]), &json!(7)));
}
