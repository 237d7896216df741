# What CI runs, and what helps while working. `just` lists the recipes.

_default:
    @just --list

# All that CI checks.
ci: fmt test lint doc features purity snapshots deny typos

# The formatting.
fmt:
    cargo fmt --all --check

# Everything that README's test command runs.
test:
    cargo test

# Clippy, with every warning an error.
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# The documentation, with every warning an error.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# The facade with each of its features alone, and with none.
features:
    cargo check -p keyway --no-default-features
    cargo check -p keyway --no-default-features --features http
    cargo check -p keyway --no-default-features --features rally
    cargo check -p keyway --no-default-features --features rootly

# Core, providers and test kit pull in neither a runtime nor a client.
purity:
    ! cargo tree -p keyway-core -e normal --prefix none | grep -E '^(tokio|reqwest|hyper) '
    ! cargo tree -p keyway-testkit -e normal --prefix none | grep -E '^(tokio|reqwest|hyper) '
    ! cargo tree -p keyway-rally -e normal --prefix none | grep -E '^(tokio|reqwest|hyper) '
    ! cargo tree -p keyway-rootly -e normal --prefix none | grep -E '^(tokio|reqwest|hyper) '

# Snapshots that no test looks at any more fail here. Needs cargo-insta.
snapshots:
    cargo insta test --unreferenced reject

# Licences, sources, banned crates. Needs cargo-deny.
deny:
    cargo deny check bans licenses sources

# Spelling. Needs typos-cli.
typos:
    typos
