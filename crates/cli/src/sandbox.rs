//! `keyway sandbox`: stand-ins on this machine.

use keyway::{Entry, Origin, Registry};
use keyway_testkit::MethodFixtures;
use owo_colors::OwoColorize as _;

use crate::{
    args::Sandbox,
    exit::{Exit, Failure},
    keys, output, place,
    stop::Stop,
};

/// A provider, and the fixtures of one of its methods.
type Known<'r> = (&'r Entry, MethodFixtures);

/// Runs the command.
pub(crate) async fn sandbox(registry: &Registry, args: &Sandbox) -> Result<Exit, Failure> {
    let mut known: Vec<Known<'_>> = Vec::new();
    for entry in registry.entries() {
        known.extend(keys::fixtures(entry)?.into_iter().map(|fixtures| (entry, fixtures)));
    }
    if args.list {
        list(&known, args.json || !output::shows_result())?;
    } else {
        serve(&known, args.port).await?;
    }
    Ok(Exit::Done)
}

fn list(known: &[Known<'_>], json: bool) -> Result<(), Failure> {
    if json {
        let keys = known.iter().flat_map(|(entry, fixtures)| keys::keys(entry, fixtures));
        return output::json(&keys.collect::<Vec<_>>());
    }
    let tables = known.iter().map(keys_of).collect::<Result<Vec<_>, _>>()?;
    output::result(&tables.join("\n"))
}

async fn serve(known: &[Known<'_>], port: u16) -> Result<(), Failure> {
    let mut entries: Vec<&Entry> = known.iter().map(|(entry, _)| *entry).collect();
    // A provider stands here once for each of its methods.
    entries.dedup_by_key(|entry| entry.descriptor().id());
    let mut stop = Stop::listen()?;
    let sandbox = place::start(&entries, port).await?;
    let origin = sandbox.origin();
    let mut text = format!(
        "Stand-ins are listening on {}\nA key that is not listed is answered 401. Ctrl-C stops them.\n",
        origin.to_string().bold()
    );
    for known in known {
        text += &format!("\n{}{}", keys_of(known)?, commands(known, &origin));
    }
    output::result(&text)?;
    stop.wait().await;
    Ok(())
}

fn keys_of((entry, fixtures): &Known<'_>) -> Result<String, Failure> {
    let descriptor = entry.descriptor();
    let method = keys::method(entry, fixtures)?;
    let mut head = format!("{} ({})", descriptor.name().bold(), descriptor.id());
    if descriptor.methods().len() > 1 {
        head += &format!(", {} ({})", method.label(), method.id());
    }
    Ok(format!("{head}\n{}", keys::table(method, fixtures, "  ")))
}

/// Commands to copy: one of keyway, and one of curl with a good key.
fn commands((entry, fixtures): &Known<'_>, origin: &Origin) -> String {
    let id = entry.descriptor().id();
    let mut out = format!("\n  keyway connect {id} --origin {origin}");
    if entry.descriptor().methods().len() > 1 {
        out += &format!(" --method {}", fixtures.method());
    }
    out.push('\n');
    out += &curl((entry, fixtures), origin).unwrap_or_default();
    out
}

fn curl((entry, fixtures): (&Entry, &MethodFixtures), origin: &Origin) -> Option<String> {
    let method = keys::method(entry, fixtures).ok()?;
    let accepted = entry.accept(method, &fixtures.good()?.submission()).ok()?;
    let request = accepted.credential.at_origin(origin.clone()).check_request().ok()?;
    let mut out = format!("  curl {}", quoted(&request.uri().to_string()));
    for (name, value) in request.headers() {
        // The value is marked as sensitive; it is a made-up key.
        out += &format!(" -H {}", quoted(&format!("{name}: {}", value.to_str().ok()?)));
    }
    out.push('\n');
    Some(out)
}

/// A shell's word.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;

    #[test]
    fn what_is_shown_of_each_provider() {
        let registry = Registry::linked().unwrap();
        let origin = Origin::parse_loopback("http://127.0.0.1:8080").unwrap();
        for entry in registry.entries() {
            let known = (entry, keys::fixtures(entry).unwrap().remove(0));
            let shown = keys_of(&known).unwrap() + &commands(&known, &origin);
            let mut settings = insta::Settings::clone_current();
            settings.set_snapshot_suffix(entry.descriptor().id().as_str());
            settings.set_prepend_module_to_snapshot(false);
            settings.bind(|| insta::assert_snapshot!("sandbox", strip_str(&shown).to_string()));
        }
    }

    #[test]
    fn a_shell_s_word_ends_where_it_should() {
        assert_eq!(quoted("a'b $c"), r"'a'\''b $c'");
    }
}
