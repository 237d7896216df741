# The checks of `.ci/run`, one by one, the benchmark and the soak. `just` lists them. Of the checks, the last three need tools
# that CI runs only where they are there.

_default:
    @just --list

# All of them.
ci: fmt test lint mutants doc features purity newcomer snapshots deny typos

# The formatting.
fmt:
    cargo fmt --all --check

# Everything that README's test command runs.
test:
    cargo test

# The forms in Chromium, with what that needs from npm.
browser:
    npm ci --prefix tests/browser
    CI=1 cargo test -p keyway-tests --test browser

# Clippy, with every warning an error.
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# The documentation, with every warning an error.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# The facade with each of its features alone, and with none.
features:
    for features in "" form http vault watch $(cd providers && ls -d */Cargo.toml | cut -d/ -f1); do \
        cargo check -p keyway --no-default-features --features "$features" || exit 1; \
    done

# Core, providers and test kit pull in neither a runtime nor a client.
purity:
    for package in core testkit $(cd providers && ls -d */Cargo.toml | cut -d/ -f1 | tr _ -); do \
        tree=$(cargo tree -p keyway-$package -e normal --prefix none) || exit 1; \
        if echo "$tree" | grep -E '^(tokio|reqwest|hyper) '; then exit 1; fi; \
    done

# Faults, planted one by one in a copy of the tree: a test must notice each. Minutes.
mutants *names:
    tests/mutations/run {{names}}

# What a newcomer types, without the typing.
newcomer:
    timeout -s INT 20 cargo run -q -- serve --sandbox || test $? -eq 124
    echo '{"api_key":"_madeUpGood00000000000000000000000000000000"}' | cargo run -q -- connect rally --sandbox --values -

# Snapshots that no test looks at any more fail here. Needs cargo-insta.
snapshots:
    cargo insta test --unreferenced reject

# Licences, sources, banned crates. Needs cargo-deny.
deny:
    cargo deny check bans licenses sources

# Spelling. Needs typos-cli.
typos:
    typos

# What Keyway costs, beside the same work by hand and beside others: one table. Nothing in it fails; take a quiet machine.
bench:
    cargo bench -p keyway-bench --bench speed

# What keeping costs: opening, looking up among up to a million connections, rotating. Some minutes, 2 GB of disk.
bench-vault:
    cargo bench -p keyway-bench --bench vault

# How many sessions a second are made and opened, on each engine.
bench-documents:
    cargo bench -p keyway-bench --bench documents

# What a recorded use costs in CPU time.
bench-record:
    cargo bench -p keyway-bench --bench record

# What a request through the gateway costs beside nginx, and what the gateway keeps in memory. Needs nginx, wrk, taskset and
# two cores. Some minutes.
bench-gateway *options="load":
    cargo build --release -p keyway-cli
    cargo bench -p keyway-bench --bench gateway -- {{options}}

# The REST API against a fuzzing client. Needs Python and PyPI.
schemathesis:
    tests/schemathesis/run

# The pictures of the connect pages that the documents show. Needs what `just browser` installs.
pictures:
    #!/usr/bin/env bash
    set -euo pipefail
    cargo build -p keyway-cli
    dir=$(mktemp -d)
    target/debug/keyway serve --sandbox --dir "$dir/sandbox" --port 18400 > "$dir/said" &
    trap 'kill $!' EXIT
    for _ in $(seq 100); do grep -q '^A platform' "$dir/said" && break; sleep 0.1; done
    node tests/browser/pictures.mjs http://127.0.0.1:18401 "$(grep -o 'kwa_[A-Za-z0-9]*' "$dir/said" | head -n 1)"

# What the connect pages cost: the first byte of a form, a page's weight, sessions a second. Seconds.
bench-connect:
    cargo bench -p keyway-bench --bench connect

# The twelve probes, on whatever gateway the options say: `just probes --help`.
probes *options:
    cargo run -p keyway-probes --example probes -- {{options}}

# Kills processes that work on a vault, a thousand times on each engine, and has a store fail one call in five for ten
# minutes. About a quarter of an hour.
soak rounds="1000":
    CI=1 KEYWAY_SOAK={{rounds}} cargo test -p keyway-vault --test vault -- --nocapture n45_killed flaky
