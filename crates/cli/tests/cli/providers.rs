//! `keyway providers`.

use serde_json::json;

use crate::support::keyway;

#[test]
fn the_table() {
    insta::assert_snapshot!(keyway(&["providers"]).shown("keyway providers"));
}

#[test]
fn the_array_is_sorted_and_whole() {
    let run = keyway(&["providers", "--json"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let json = run.json();
    let providers = json.as_array().unwrap();
    let ids: Vec<&str> = providers.iter().map(|provider| provider["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["rally", "rootly"]);
    for provider in providers {
        let keys: Vec<&String> = provider.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["id", "links", "methods", "name", "seen_live", "summary"]);
        assert!(provider["seen_live"].is_null());
        let links: Vec<&String> = provider["links"].as_object().unwrap().keys().collect();
        assert_eq!(links, ["docs", "keys", "support"]);
    }
    assert_eq!(
        json[0]["methods"][0]["fields"],
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
