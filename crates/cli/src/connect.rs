//! `keyway connect`: asks, checks here, checks there, and says what came of it.

use std::{path::Path, sync::Arc};

use keyway::{Accepted, Credential, Entry, Method, Registry, Verdict};

use crate::{
    args::Connect,
    ask::{self, Answers},
    example,
    exit::{Exit, Failure},
    messages::Topic,
    outcome::Outcome,
    output::{self, Spinner},
    place::{Place, Road},
    report::Report,
    save::{Keeping, Kept},
    values,
    vault::Part,
};

/// One run of the command.
struct Connecting<'r> {
    entry: &'r Entry,
    method: &'r Arc<Method>,
    place: Place,
    road: Road,
    json: bool,
    keeping: Option<Keeping<'r>>,
}

/// Runs the command.
pub(crate) async fn connect(registry: &Registry, args: &Connect) -> Result<Exit, Failure> {
    let (entry, method) = registry.method(&args.with.id, args.with.method.as_deref())?;
    let place = Place::of(&args.with)?;
    if args.save && args.with.sandbox {
        return Err(Failure::because(GONE));
    }
    let road = place.open(entry, method).await?;
    let json = args.json;
    if !args.save {
        return Connecting { entry, method, place, road, json, keeping: None }.run(args).await;
    }
    // Opened first: whoever is asked for a key should not hear afterwards that it cannot be kept.
    let part = Part::of(&args.whose)?;
    part.with(async move |_, scope| {
        let keeping = Some(Keeping::new(scope, args, entry).await?);
        Connecting { entry, method, place, road, json, keeping }.run(args).await
    })
    .await
}

/// Why nothing of the sandbox is kept.
const GONE: &str = "\
--sandbox is a stand-in for as long as this command runs, and what is saved would go there. To try
what is kept, let one run in another terminal, and send the made-up key to it:

  keyway sandbox --port 8080
  keyway connect rally --save --tenant acme --origin http://127.0.0.1:8080";

impl Connecting<'_> {
    async fn run(&self, args: &Connect) -> Result<Exit, Failure> {
        match &args.with.values {
            Some(source) => self.with_values(source).await,
            None if output::is_interactive() => self.with_a_person().await,
            None => Err(self.nobody_to_ask()),
        }
    }

    async fn with_values(&self, source: &Path) -> Result<Exit, Failure> {
        let submission = values::submission(source)?;
        match self.entry.accept(self.method, &submission) {
            Err(refused) => self.end(&Outcome::Refused(refused), None),
            Ok(accepted) => {
                let (credential, outcome) = self.check(accepted).await?;
                self.end_with_example(&credential, &outcome).await
            }
        }
    }

    /// Asks until the key works, or the person has had enough.
    async fn with_a_person(&self) -> Result<Exit, Failure> {
        output::note(&self.topic().guide());
        if let Some(keys) = self.road.keys_to_try(self.method) {
            output::note(&format!("\n{keys}"));
        }
        let mut answers = Answers::default();
        let mut accepted = self.ask(&mut answers)?;
        loop {
            let (credential, outcome) = self.check(accepted).await?;
            output::note("");
            let Outcome::Judged { verdict: verdict @ (Verdict::Invalid(_) | Verdict::Forbidden(_)), .. } =
                &outcome
            else {
                return self.end_with_example(&credential, &outcome).await;
            };
            output::note(&self.topic().verdict(verdict));
            accepted = match self.ask_for_another(&mut answers) {
                Ok(Some(accepted)) => accepted,
                // Something was sent, so its verdict stands, however the person leaves.
                Ok(None) | Err(Failure::Cancelled) => return self.leave(&outcome, None),
                Err(failure) => return Err(failure),
            };
        }
    }

    /// Asks for everything, and again for what was refused.
    fn ask(&self, answers: &mut Answers) -> Result<Accepted, Failure> {
        answers.ask(&self.topic().form(), |_| true)?;
        loop {
            let refused = match self.entry.accept(self.method, &answers.submission()) {
                Ok(accepted) => return Ok(accepted),
                Err(refused) => refused,
            };
            output::note(&format!("\n{}", self.topic().refused(&refused)));
            let form = self.topic().form().with_errors(&refused.problems);
            // A problem may belong to no input: then all of them are in question.
            let known = form.inputs().iter().any(|input| !input.errors().is_empty());
            answers.ask(&form, |input| !input.errors().is_empty() || !known)?;
        }
    }

    fn ask_for_another(&self, answers: &mut Answers) -> Result<Option<Accepted>, Failure> {
        if ask::confirm("Try another key?")? { self.ask(answers).map(Some) } else { Ok(None) }
    }

    /// Checks a credential where it goes. What is odd about it is said before: it may be somebody else's key.
    async fn check(&self, accepted: Accepted) -> Result<(Credential, Outcome), Failure> {
        let Accepted { credential, warnings } = accepted;
        if !warnings.is_empty() {
            output::note(&self.topic().warnings(&warnings));
        }
        let credential = self.road.bind(credential);
        let client = self.road.client()?;
        let spinner = Spinner::start(format!("Asking {} …", self.entry.descriptor().name()));
        let verdict = client.check(&credential).await;
        drop(spinner);
        Ok((credential, Outcome::Judged { verdict, warnings }))
    }

    /// Shows the outcome, and after a good key of the sandbox what can be done with it.
    async fn end_with_example(&self, credential: &Credential, outcome: &Outcome) -> Result<Exit, Failure> {
        let kept = self.keep(credential, outcome).await?;
        let exit = self.end(outcome, kept.as_ref())?;
        if let Some(fixtures) = self.road.fixtures.as_ref().filter(|_| exit == Exit::Done && !self.json) {
            example::show(fixtures, &self.road, credential).await?;
        }
        Ok(exit)
    }

    /// Keeps a good key, where it is to be kept.
    async fn keep(&self, credential: &Credential, outcome: &Outcome) -> Result<Option<Kept>, Failure> {
        match (&self.keeping, outcome) {
            (Some(keeping), Outcome::Judged { verdict: Verdict::Valid(account), .. }) => {
                keeping.keep(credential, account).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    fn end(&self, outcome: &Outcome, kept: Option<&Kept>) -> Result<Exit, Failure> {
        if self.json {
            return self.leave(outcome, kept);
        }
        let mut text = match outcome {
            Outcome::Refused(refused) => self.topic().refused(refused),
            Outcome::Judged { verdict, .. } => self.topic().verdict(verdict),
        };
        if let Some(kept) = kept {
            text += &format!("\n{}", kept.text());
        }
        output::result(&text)?;
        self.leave(outcome, kept)
    }

    /// Ends with an outcome that the person has seen.
    fn leave(&self, outcome: &Outcome, kept: Option<&Kept>) -> Result<Exit, Failure> {
        if self.json {
            let provider = self.entry.descriptor().id().as_str();
            let mut report = Report::new(provider, self.method.id().as_str(), outcome);
            if self.keeping.is_some() {
                report = report.saved(kept.map(Kept::view));
            }
            output::json(&report)?;
        } else if self.keeping.is_some() && kept.is_none() {
            output::note("\nNothing was saved: a key is kept once the provider accepts it.");
        }
        Ok(outcome.exit())
    }

    fn nobody_to_ask(&self) -> Failure {
        let keys = self.road.keys_to_try(self.method);
        Failure::Because(self.topic().no_terminal(&values::example(self.method), keys.as_deref()))
    }

    fn topic(&self) -> Topic<'_> {
        Topic { descriptor: self.entry.descriptor(), method: self.method, place: &self.place }
    }
}
