//! Whether a provider of a folder does what its fixtures say: the conformance suite, without a crate.

use keyway::{Entry, Registry};
use keyway_testkit::{Subject, rules};
use owo_colors::OwoColorize as _;
use serde::Serialize;

/// What came of holding a provider against the suite.
pub(crate) struct Proof<'e> {
    provider: &'e str,
    /// The checks and calls of its fixtures; nothing where it has none.
    played: Option<(usize, usize)>,
    pub(crate) faults: Vec<Fault<'e>>,
}

/// A thing that does not hold.
#[derive(Serialize)]
pub(crate) struct Fault<'e> {
    provider: &'e str,
    /// The suite's rule; nothing where the fixtures cannot be read.
    rule: Option<&'static str>,
    message: String,
}

/// Holds some of a registry's providers against the suite.
pub(crate) fn proofs(registry: &Registry, which: impl Fn(&str) -> bool) -> Vec<Proof<'_>> {
    let entries = registry.entries().iter();
    entries.filter(|entry| which(entry.descriptor().id().as_str())).map(Proof::of).collect()
}

impl<'e> Proof<'e> {
    fn of(entry: &'e Entry) -> Self {
        let provider = entry.descriptor().id().as_str();
        let mut faults: Vec<Fault<'_>> = Vec::new();
        let mut tell = |rule, said: Result<(), String>| {
            // What rests on something that does not hold says the same again.
            if let Err(message) = said
                && !faults.iter().any(|fault| fault.message == message)
            {
                faults.push(Fault { provider, rule, message });
            }
        };
        let played = match Subject::of(entry) {
            Ok(subjects) if subjects.is_empty() => {
                tell(Some("logo_is_small_and_inert"), entry.logo().map_or(Ok(()), rules::inert_logo));
                None
            }
            Ok(subjects) => {
                for (name, rule) in rules::ALL {
                    for subject in &subjects {
                        tell(Some(name), rule(subject));
                    }
                }
                let fixtures = || subjects.iter().map(Subject::fixtures);
                Some((
                    fixtures().map(|fixtures| fixtures.checks().len()).sum(),
                    fixtures().map(|fixtures| fixtures.calls().len()).sum(),
                ))
            }
            Err(error) => {
                tell(None, Err(error.to_string()));
                Some((0, 0))
            }
        };
        Self { provider, played, faults }
    }

    /// What to tell a person.
    pub(crate) fn text(&self) -> String {
        let provider = self.provider;
        let of = |number, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
        let head = match (self.faults.len(), self.played) {
            (0, None) => {
                format!("{} {provider} has no fixtures.yaml: nothing is proven of it", "!".yellow().bold())
            }
            (0, Some((checks, calls))) => {
                let (checks, calls) = (of(checks, "check"), of(calls, "call"));
                format!("{} {provider} does what its fixtures say: {checks}, {calls}", "✓".green().bold())
            }
            (1, _) => format!("{} a thing does not hold of {provider}", "✗".red().bold()),
            (count, _) => format!("{} {count} things do not hold of {provider}", "✗".red().bold()),
        };
        let line = |fault: &Fault<'_>| {
            let rule = fault.rule.map(|rule| format!("{}: ", rule.replace('_', " "))).unwrap_or_default();
            format!("\n  {}", format!("{rule}{}", fault.message.trim_end()).replace('\n', "\n    "))
        };
        head + &self.faults.iter().map(line).collect::<String>()
    }
}
