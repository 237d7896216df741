//! `keyway providers`.

use serde_json::json;

use crate::support::{keyway, linked};

#[test]
fn the_table() {
    let run = keyway(&["providers"]);
    assert_eq!((run.code, run.stdout.lines().count()), (0, 1 + linked().len()), "{}", run.stdout);
    // The columns are as wide as the widest provider needs.
    let row = |line: &str| {
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join(" | ")
    };
    let shown =
        run.stdout.lines().filter(|line| ["ID", "rally", "rootly"].iter().any(|id| line.starts_with(id)));
    insta::assert_snapshot!(shown.map(row).collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_array_is_sorted_and_whole() {
    let run = keyway(&["providers", "--json"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let json = run.json();
    let providers = json.as_array().unwrap();
    let ids: Vec<&str> = providers.iter().map(|provider| provider["id"].as_str().unwrap()).collect();
    assert_eq!(ids, linked());
    for provider in providers {
        let keys: Vec<&String> = provider.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["id", "links", "methods", "name", "seen_live", "summary"]);
        let links: Vec<&String> = provider["links"].as_object().unwrap().keys().collect();
        assert_eq!(links, ["docs", "keys", "support"]);
    }
    let rally = &providers[ids.iter().position(|id| *id == "rally").unwrap()];
    assert!(rally["seen_live"].is_null(), "nobody has seen it live");
    assert_eq!(
        rally["methods"][0]["fields"],
        json!([
            {
                "id": "host",
                "label": "Rally server",
                "secret": false,
                "optional": false,
                "kind": "choice",
                "default": "rally1.rallydev.com",
                "choices": [
                    { "value": "rally1.rallydev.com", "label": "US (rally1.rallydev.com)" },
                    { "value": "eu1.rallydev.com", "label": "EU (eu1.rallydev.com)" },
                ],
            },
            {
                "id": "api_key",
                "label": "API Key",
                "secret": true,
                "optional": false,
                "kind": "text",
                "default": null,
                "choices": [],
            },
        ])
    );
}
