//! `keyway schema`.

use crate::support::{Folder, keyway};

#[test]
fn it_prints_what_the_repository_has_even_beside_a_broken_provider() {
    let broken = Folder::with("name: 7");
    for (file, schema) in [
        ("descriptor", include_str!("../../../../providers/provider.schema.json")),
        ("fixtures", include_str!("../../../../providers/fixtures.schema.json")),
    ] {
        for args in [&["schema", file] as &[&str], &["schema", file, "--providers", broken.path()]] {
            let run = keyway(args);
            assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{args:?}");
            assert!(run.stdout == schema, "{args:?} prints something else");
        }
    }
}
