//! Every key: at its default, said in a file, said in a variable, and wrong in each way.

use super::*;

const EXAMPLE: &str = include_str!("../../../keyway.example.toml");

fn read(file: &str, variables: &[(&str, &str)]) -> (Loaded, Vec<String>) {
    let variable = |name: &str| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
    };
    Loaded::read(&Sources { file: Some(file), variable: &variable, flags: BTreeMap::new() })
}

#[track_caller]
fn config(file: &str, variables: &[(&str, &str)]) -> Config {
    let (loaded, problems) = read(file, variables);
    assert_eq!(problems, [""; 0]);
    loaded.config
}

#[track_caller]
fn problems(file: &str, variables: &[(&str, &str)]) -> Vec<String> {
    read(file, variables).1
}

/// The example with its keys: `#key = …` is one, `# Words` are not.
fn uncommented() -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(key) if !key.starts_with(' ') => format!("{key}\n"),
        _ => format!("{line}\n"),
    };
    EXAMPLE.lines().map(line).collect()
}

#[test]
fn the_example_shows_every_key_at_its_default() {
    let text = uncommented();
    let shown = file::lines(&text);
    assert_eq!(shown.problems, [""; 0]);
    let mut shown: Vec<&str> = shown.lines.keys().map(String::as_str).collect();
    let mut known: Vec<&str> = SETTINGS.iter().map(|setting| setting.key).collect();
    shown.sort_unstable();
    known.sort_unstable();
    assert_eq!(shown, known);
    assert!(config(&text, &[]) == Config::default(), "what the example shows is the default");
    assert!(config(EXAMPLE, &[]) == Config::default(), "the example says nothing");
}

/// For each key: how a file says something, how its variable does, what of the configuration tells that it was heard, and
/// what may not be said. `canary` stands in each value that is wrong.
type Row =
    (&'static str, &'static str, &'static str, fn(&Config) -> bool, &'static [(&'static str, &'static str)]);

const TEXT: (&str, &str) = ("7", "takes a text in quotes");

const ROWS: &[Row] = &[
    (
        "listen",
        r#"["[::1]:1", "127.0.0.1:2"]"#,
        "[::1]:1, 127.0.0.1:2",
        |config| config.listen.len() == 2,
        &[
            (r#""127.0.0.1:2""#, "takes texts between brackets"),
            (r#"["canary:80"]"#, "takes addresses with ports"),
            (r#"["127.0.0.1"]"#, "takes addresses with ports"),
            ("[80]", "takes texts between brackets"),
            ("[]", "needs an address at least"),
            (r#"["127.0.0.1:1", "127.0.0.1:1"]"#, "names an address twice"),
            (r#"["0.0.0.0:1"]"#, "not loopback"),
        ],
    ),
    (
        "control",
        r#""none""#,
        "none",
        |config| config.control.is_none(),
        &[
            TEXT,
            (r#""canary""#, r#"or "none""#),
            (r#""127.0.0.1:8080""#, "is an address of `listen`"),
            (r#""127.0.0.1:8081""#, "is an address of `connect.listen`"),
        ],
    ),
    (
        "public_url",
        r#""https://keyway.example""#,
        "https://keyway.example",
        |config| config.public_url.as_deref() == Some("https://keyway.example"),
        &[
            TEXT,
            (r#""canary""#, "takes where clients find the gateway"),
            (r#""https://canary?canary""#, "takes where"),
            (r#""https://canary:canary@keyway.example""#, "takes where"),
            (r#""ftp://canary""#, "takes where"),
        ],
    ),
    (
        "plain_http",
        r#""allowed""#,
        "allowed",
        |config| config.plain_http == PlainHttp::Allowed,
        &[TEXT, (r#""canary""#, "takes one of loopback, allowed"), ("true", "takes a text")],
    ),
    (
        "trusted_proxies",
        r#"["10.0.0.0/8", "fd00::1"]"#,
        "10.0.0.0/8,fd00::1",
        |config| config.trusted_proxies.len() == 2,
        &[
            TEXT_LIST,
            (r#"["canary"]"#, "takes networks and addresses"),
            (r#"["10.0.0.0/99"]"#, "takes networks"),
        ],
    ),
    (
        "threads",
        "3",
        "3",
        |config| config.threads == 3,
        &[
            (r#""canary""#, "takes a number"),
            ("-1", "from 0 to 1024"),
            ("9_999", "from 0 to 1024"),
            ("1.5", "takes a number"),
        ],
    ),
    (
        "database",
        r#""sqlite:there.db""#,
        "",
        |config| config.database.is_some(),
        &[TEXT, (r#""canary://x""#, "takes a database")],
    ),
    (
        "database_connections",
        "4",
        "4",
        |config| config.database_connections == 4,
        &[
            (r#""canary""#, "takes a number"),
            ("3", "takes a number from 4 to 1000"),
            ("1001", "takes a number from 4 to 1000"),
        ],
    ),
    (
        "key",
        r#""env:SOME_KEY""#,
        "",
        |config| config.key.is_some(),
        &[TEXT, (r#""canary""#, "file:PATH, env:NAME")],
    ),
    ("anchors", r#""there""#, "", |config| config.anchors.is_some(), &[TEXT]),
    ("providers", r#""there""#, "", |config| config.providers.is_some(), &[TEXT]),
    (
        "audit",
        r#""strict""#,
        "strict",
        |config| config.audit == Audit::Strict,
        &[TEXT, (r#""canary""#, "takes one of grouped, strict")],
    ),
    ("limits.connections", "7", "7", |config| config.limits.connections == 7, NUMBER),
    (
        "limits.head",
        r#""64KiB""#,
        "64 KiB",
        |config| config.limits.head == 65536,
        &[
            (r#""canary""#, "from 1KiB to 1MiB"),
            ("1023", "from 1KiB"),
            (r#""2MiB""#, "to 1MiB"),
            ("true", "takes a number of bytes"),
        ],
    ),
    ("limits.head_time", r#""1s""#, "1s", |config| config.limits.head_time == Duration::from_secs(1), TIME),
    ("limits.idle", r#""1m""#, "1m", |config| config.limits.idle == Duration::from_secs(60), TIME),
    ("limits.request_body", "7", "7", |config| config.limits.request_body == 7, SIZE),
    ("limits.answer_body", "7", "7", |config| config.limits.answer_body == 7, SIZE),
    (
        "limits.seen_body",
        "7",
        "7",
        |config| config.limits.seen_body == 7,
        &[
            (r#""canary""#, "of 1GiB at most"),
            (r#""2GiB""#, "of 1GiB at most"),
            ("[]", "takes a number of bytes"),
        ],
    ),
    ("limits.body_time", r#""1s""#, "1s", |config| config.limits.body_time == Duration::from_secs(1), TIME),
    (
        "limits.answer_time",
        r#""1s""#,
        "1s",
        |config| config.limits.answer_time == Duration::from_secs(1),
        TIME,
    ),
    ("limits.turn", r#""1s""#, "1s", |config| config.limits.turn == Duration::from_secs(1), TIME),
    ("limits.routes", "7", "7", |config| config.limits.routes == 7, NUMBER),
    ("limits.pool", "7", "7", |config| config.limits.pool == 7, NUMBER),
    ("limits.pool_idle", r#""1s""#, "1s", |config| config.limits.pool_idle == Duration::from_secs(1), TIME),
    ("limits.shutdown", r#""1s""#, "1s", |config| config.limits.shutdown == Duration::from_secs(1), TIME),
    (
        "connect.listen",
        r#"["[::1]:1", "127.0.0.1:2"]"#,
        "[::1]:1,127.0.0.1:2",
        |config| config.connect.listen.len() == 2,
        &[
            (r#""canary""#, "takes texts between brackets"),
            (r#"["canary:80"]"#, "takes addresses with ports"),
            (r#"["none", "127.0.0.1:1"]"#, "takes addresses with ports"),
            (r#"["127.0.0.1:1", "127.0.0.1:1"]"#, "names an address twice"),
            (r#"["127.0.0.1:8080"]"#, "has an address of `listen`"),
        ],
    ),
    (
        "connect.public_url",
        r#""https://connect.example""#,
        "https://connect.example",
        |config| config.connect.public_url.as_ref().is_some_and(|url| url.host() == "connect.example"),
        &[
            TEXT,
            (r#""canary""#, "takes where browsers find"),
            (r#""http://canary.example""#, "http on loopback alone"),
            (r#""https://canary.example/canary""#, "takes where browsers"),
            (r#""https://canary:canary@connect.example""#, "takes where browsers"),
        ],
    ),
    (
        "connect.name",
        r#""Acme Rockets""#,
        "Acme Rockets",
        |config| config.connect.look.name.as_deref() == Some("Acme Rockets"),
        &[TEXT, (LONG_NAME, "60 characters at most")],
    ),
    ("connect.logo", r#""there.svg""#, "there.svg", |config| config.connect.logo.is_some(), &[TEXT]),
    ("connect.accent", r##""#3355cc""##, "#3355cc", |config| config.connect.look.accent.is_some(), COLOUR),
    (
        "connect.accent_dark",
        r##""#3355CC""##,
        "#3355CC",
        |config| config.connect.look.accent_dark.is_some(),
        COLOUR,
    ),
    (
        "connect.background",
        r##""#ffffff""##,
        "#ffffff",
        |config| config.connect.look.background.is_some(),
        COLOUR,
    ),
    (
        "connect.background_dark",
        r##""#000000""##,
        "#000000",
        |config| config.connect.look.background_dark.is_some(),
        COLOUR,
    ),
    (
        "connect.check_every",
        r#""off""#,
        "7days",
        |config| config.connect.check_every != Some(Duration::from_secs(24 * 60 * 60)),
        &[
            TEXT,
            (r#""canary""#, "from a minute to 30 days"),
            (r#""59s""#, "from a minute"),
            (r#""31days""#, "to 30 days"),
        ],
    ),
    (
        "connect.checks_per_minute",
        "600",
        "600",
        |config| config.connect.checks_per_minute == 600,
        &[
            (r#""canary""#, "takes a number"),
            ("0", "takes a number from 1 to 60000"),
            ("60001", "takes a number from 1 to 60000"),
        ],
    ),
    (
        "connect.session",
        r#""20m""#,
        "20m",
        |config| config.connect.session == Duration::from_secs(20 * 60),
        &[
            TEXT,
            (r#""canary""#, "of 30 minutes at most"),
            (r#""31m""#, "of 30 minutes at most"),
            (r#""0s""#, "takes a time"),
        ],
    ),
    (
        "connect.link",
        r#""5m""#,
        "5m",
        |config| config.connect.link == Duration::from_secs(5 * 60),
        &[TEXT, (r#""canary""#, "of 10 minutes at most"), (r#""11m""#, "of 10 minutes at most")],
    ),
    (
        "upstream.proxy",
        r#""http://there:3128""#,
        "http://there:3128",
        |config| config.upstream.proxy.is_some(),
        &[TEXT, (r#""canary:3128""#, "takes a proxy's URL"), (r#""ftp://canary""#, "takes a proxy's URL")],
    ),
    ("upstream.ca", r#""there""#, "there", |config| config.upstream.ca.is_some(), &[TEXT]),
    (
        "upstream.connect_timeout",
        r#""1s""#,
        "1s",
        |config| config.upstream.connect_timeout == Duration::from_secs(1),
        TIME,
    ),
    (
        "upstream.allow_loopback",
        "true",
        "true",
        |config| config.upstream.allow_loopback,
        &[(r#""canary""#, "takes true or false"), ("1", "takes true or false")],
    ),
    (
        "log.format",
        r#""json""#,
        "json",
        |config| config.log.format == Format::Json,
        &[TEXT, (r#""canary""#, "takes one of text, json")],
    ),
    (
        "log.level",
        r#""debug""#,
        "debug",
        |config| config.log.level == LevelFilter::DEBUG,
        &[TEXT, (r#""canary""#, "takes one of off, error, warn, info, debug, trace")],
    ),
    ("log.requests", "true", "true", |config| config.log.requests, &[(r#""canary""#, "takes true or false")]),
];

const LONG_NAME: &str = r#""sixty-one characters, which are more than fit on a page's head""#;
const COLOUR: &[(&str, &str)] = &[
    TEXT,
    (r#""canary""#, "takes a colour"),
    (r##""#fff""##, "takes a colour"),
    (r##""#3355cg""##, "takes a colour"),
    (r#""3355cc""#, "takes a colour"),
];
const TEXT_LIST: (&str, &str) = (r#""canary""#, "takes texts between brackets");
const NUMBER: &[(&str, &str)] = &[
    (r#""canary""#, "takes a number"),
    ("0", "takes a number from 1 to 1000000"),
    ("9999999999999999999999", "takes a number"),
];
const SIZE: &[(&str, &str)] = &[
    (r#""canary""#, "takes a number of bytes"),
    (r#""7 canaries""#, "units are KiB, MiB, GiB"),
    ("0", "takes a number of bytes"),
    (r#""99999999999GiB""#, "takes a number of bytes"),
    ("{ canary = 1 }", "is no key of the configuration"),
];
const TIME: &[(&str, &str)] = &[
    ("30", "takes a text in quotes"),
    (r#""30""#, "takes a time with its unit"),
    (r#""canary""#, "takes a time with its unit"),
    (r#""0s""#, "takes a time"),
    (r#""2days""#, "of a day at most"),
];

#[test]
fn each_key_is_heard_and_is_wrong_in_each_way() {
    // The pair of files is in the test below.
    let rows = ROWS.iter().map(|row| row.0).chain(["tls.cert", "tls.key"]);
    let (mut rows, mut keys): (Vec<&str>, Vec<&str>) =
        (rows.collect(), SETTINGS.iter().map(|known| known.key).collect());
    rows.sort_unstable();
    keys.sort_unstable();
    assert_eq!(rows, keys);
    for (key, said, variable, is_heard, wrong) in ROWS {
        assert!(!is_heard(&Config::default()), "{key}: the default tells nothing");
        assert!(is_heard(&config(&format!("{key} = {said}"), &[])), "{key} in the file");
        let name = SETTINGS.iter().find(|setting| setting.key == *key).unwrap().variable();
        if !variable.is_empty() {
            assert!(is_heard(&config("", &[(&name, variable)])), "{name}");
            // It wins, also over what is wrong.
            assert!(is_heard(&config(&format!("{key} = {}", wrong[0].0), &[(&name, variable)])), "{name}");
        }
        for (value, why) in *wrong {
            let said = problems(&format!("# A comment.\n{key} = {value}"), &[]);
            let [problem] = &said[..] else { panic!("{key} = {value}: {said:?}") };
            assert!(problem.starts_with("line 2: ") && problem.contains(key), "{key} = {value}: {problem}");
            assert!(problem.contains(why), "{key} = {value}: {problem}");
            // A key's name is no value.
            assert!(!problem.contains("canary") || value.starts_with('{'), "{key} = {value}: {problem}");
            let Some(text) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) else {
                continue;
            };
            if variable.is_empty() || *why == TEXT_LIST.1 || why.contains("brackets") {
                continue;
            }
            let said = problems("", &[(&name, text)]);
            let [problem] = &said[..] else { panic!("{name}={text}: {said:?}") };
            assert!(problem.starts_with(&format!("{name} ")) && !problem.contains("canary"), "{problem}");
        }
    }
}

#[test]
fn what_was_said_by_a_flag_wins_and_is_named_by_it() {
    let none = |_: &str| None;
    for (said, is_good) in [("sqlite:flag.db", true), ("canary://", false)] {
        let flags = BTreeMap::from([("database", OsString::from(said))]);
        let sources = Sources { file: Some("database = 'sqlite:file.db'"), variable: &none, flags };
        let (loaded, problems) = Loaded::read(&sources);
        if is_good {
            assert!(loaded.config.database.unwrap() == said);
        } else {
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].starts_with("--database (or KEYWAY_DATABASE) takes"), "{problems:?}");
        }
    }
}

#[test]
fn a_certificate_and_its_key_come_together() {
    let both = config("tls = { cert = 'a', key = 'b' }", &[]);
    assert!(both.tls.cert.is_some() && both.tls.key.is_some());
    assert_eq!(problems("tls.cert = 'a'", &[]), ["line 1: tls.cert needs tls.key beside it"]);
    assert_eq!(problems("", &[("KEYWAY_TLS_KEY", "b")]), ["KEYWAY_TLS_KEY needs tls.cert beside it"]);
    assert_eq!(problems("[tls]\ncert = 7", &[]), ["line 2: tls.cert takes a text in quotes"]);
}

#[test]
fn plain_http_beyond_loopback_is_asked_for() {
    let open = "listen = ['0.0.0.0:80']\n";
    for (more, is_good) in [
        ("", false),
        ("plain_http = 'allowed'", true),
        ("trusted_proxies = ['10.0.0.1']", true),
        ("tls = { cert = 'a', key = 'b' }", true),
        ("public_url = 'https://keyway.example'", false),
    ] {
        let said = problems(&format!("{open}{more}"), &[]);
        assert_eq!(said.is_empty(), is_good, "{more}: {said:?}");
        assert!(
            is_good || said[0].starts_with("line 1: listen has an address that is not loopback"),
            "{said:?}"
        );
    }
    let said = problems("", &[("KEYWAY_LISTEN", "[::]:80")]);
    assert!(said[0].starts_with("KEYWAY_LISTEN has an address"), "{said:?}");
}

/// The defaults are three ports; a fourth is nobody's.
#[test]
fn connect_pages_are_found_where_only_this_machine_is_or_where_it_is_said() {
    let open = "plain_http = 'allowed'\nconnect.listen = ['0.0.0.0:80']\n";
    for (file, said) in [
        ("connect.listen = []", ""),
        ("connect.listen = ['none']\nconnect.public_url = 'https://connect.example'", ""),
        ("connect.listen = ['[::1]:0']", ""),
        (open, "connect.public_url has to say where browsers find the connect pages"),
        (&format!("{open}connect.public_url = 'https://connect.example'"), ""),
        (&format!("{open}connect.public_url = 'http://localhost:8081'"), ""),
        ("connect.listen = ['0.0.0.0:80', '127.0.0.1:80']\nplain_http = 'allowed'", ""),
        ("tls = { cert = 'a', key = 'b' }\nconnect.public_url = 'https://localhost:8443'", ""),
        (
            "tls = { cert = 'a', key = 'b' }\nconnect.public_url = 'http://localhost:8081'",
            "line 2: connect.public_url is http, and with `tls` the connect pages speak https alone",
        ),
        (
            "connect.public_url = 'https://connect.example'\nconnect.listen = ['0.0.0.0:80']",
            "line 2: connect.listen has an address that is not loopback, where people's keys would travel",
        ),
    ] {
        let problems = problems(file, &[]);
        match &problems[..] {
            [] => assert_eq!(said, "", "{file}"),
            [problem] => assert!(!said.is_empty() && problem.starts_with(said), "{file}: {problem}"),
            more => panic!("{file}: {more:?}"),
        }
    }
    assert!(config("", &[("KEYWAY_CONNECT_LISTEN", "none")]).connect.listen.is_empty());
    assert!(problems(r#"connect.name = "two\nlines""#, &[])[0].contains("on one line"));
    assert!(config("connect.check_every = 'off'", &[]).connect.check_every.is_none());
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let file =
        "listn = []\nthreads = 'x'\n\n[limits]\nhead = 1\nroutes = 0\n[limts]\nsk_live_CANARY = 'canary'\n";
    let said = problems(file, &[("KEYWAY_AUDIT", "canary")]);
    insta::assert_snapshot!(said.join("\n"), @r#"
    KEYWAY_AUDIT takes one of grouped, strict
    line 1: `listn` is no key of the configuration; did you mean `listen`?
    line 2: threads takes a number
    line 5: limits.head takes a size from 1KiB to 1MiB, such as "64KiB"
    line 6: limits.routes takes a number from 1 to 1000000
    line 8: this is no key of the configuration; keyway.example.toml shows all keys
    "#);
}

#[test]
fn what_is_no_toml_is_said_by_its_line() {
    for (file, line) in [
        ("a = 1\ncanary", 2),
        ("= canary", 1),
        ("\n\nlisten = [", 3),
        ("threads = 1\nthreads = 2", 2),
        ("listen = canary", 1),
    ] {
        let said = problems(file, &[]);
        assert!(said[0].starts_with(&format!("line {line}: this is not TOML: ")), "{file}: {said:?}");
        assert!(!said.join("").contains("canary"), "{said:?}");
    }
    assert_eq!(problems("\u{feff}threads = 1", &[]), [""; 0]);
    assert_eq!(problems("[limits]\n[log]", &[]), [""; 0]);
}
