//! `keyway connect`: asks, checks here, checks there, and says what came of it.

use std::{path::Path, sync::Arc};

use keyway::{Accepted, Credential, Entry, Field, Method, Registry, Verdict};

use crate::{
    args::Connect,
    ask::{self, Answers},
    example,
    exit::{Exit, Failure},
    guide, keys,
    messages::{self, Topic},
    outcome::Outcome,
    output::{self, Spinner},
    place::{Place, Road},
    report::Report,
    values,
};

/// One run of the command.
struct Connecting<'r> {
    entry: &'r Entry,
    method: &'r Arc<Method>,
    place: Place,
    json: bool,
}

/// Runs the command.
pub(crate) async fn connect(registry: &Registry, args: &Connect) -> Result<Exit, Failure> {
    let (entry, method) = registry.method(&args.with.id, args.with.method.as_deref())?;
    let this = Connecting { entry, method, place: Place::of(&args.with)?, json: args.json };
    match &args.with.values {
        Some(source) => this.with_values(source).await,
        None if output::is_interactive() => this.with_a_person().await,
        None => Err(this.nobody_to_ask()?),
    }
}

impl Connecting<'_> {
    async fn with_values(&self, source: &Path) -> Result<Exit, Failure> {
        let submission = values::submission(source)?;
        match self.entry.accept(self.method, &submission) {
            Err(refused) => self.end(&Outcome::Refused(refused)),
            Ok(accepted) => {
                let (road, credential, outcome) = self.check(accepted).await?;
                self.end_with_example(&road, &credential, &outcome).await
            }
        }
    }

    /// Asks until the key works, or the person has had enough.
    async fn with_a_person(&self) -> Result<Exit, Failure> {
        output::note(&guide::whole(self.entry.descriptor(), self.method));
        if let Some(keys) = self.keys_to_try()? {
            output::note(&format!("\n{keys}"));
        }
        let mut answers = Answers::default();
        let mut accepted = self.ask(&mut answers)?;
        loop {
            let (road, credential, outcome) = self.check(accepted).await?;
            output::note("");
            let Outcome::Judged { verdict: verdict @ (Verdict::Invalid(_) | Verdict::Forbidden(_)), .. } =
                &outcome
            else {
                return self.end_with_example(&road, &credential, &outcome).await;
            };
            output::note(&self.topic().verdict(verdict));
            accepted = match self.ask_for_another(&mut answers) {
                Ok(Some(accepted)) => accepted,
                // Something was sent, so its verdict stands, however the person leaves.
                Ok(None) | Err(Failure::Cancelled) => return self.leave(&outcome),
                Err(failure) => return Err(failure),
            };
        }
    }

    /// Asks for every field, and again for those that were refused.
    fn ask(&self, answers: &mut Answers) -> Result<Accepted, Failure> {
        answers.ask(self.method, |_| true)?;
        loop {
            let refused = match self.entry.accept(self.method, &answers.submission()) {
                Ok(accepted) => return Ok(accepted),
                Err(refused) => refused,
            };
            output::note(&format!("\n{}", self.topic().refused(&refused)));
            let wrong = |field: &Field| refused.problems.iter().any(|problem| *field.id() == *problem.field);
            // A problem may belong to no field: then all of them are in question.
            let known = self.method.fields().iter().any(wrong);
            answers.ask(self.method, |field| wrong(field) || !known)?;
        }
    }

    fn ask_for_another(&self, answers: &mut Answers) -> Result<Option<Accepted>, Failure> {
        if ask::confirm("Try another key?")? { self.ask(answers).map(Some) } else { Ok(None) }
    }

    /// Checks a credential where it goes.
    async fn check(&self, accepted: Accepted) -> Result<(Road, Credential, Outcome), Failure> {
        let Accepted { credential, warnings } = accepted;
        if !self.json && !warnings.is_empty() {
            output::note(&messages::warnings(self.method, &warnings));
        }
        let road = self.place.open(self.entry).await?;
        let credential = road.bind(credential);
        let spinner = Spinner::start(format!("Asking {} …", self.entry.descriptor().name()));
        let verdict = road.client.check(&credential).await;
        drop(spinner);
        Ok((road, credential, Outcome::Judged { verdict, warnings }))
    }

    /// Shows the outcome, and after a good key of the sandbox what can be done with it.
    async fn end_with_example(
        &self,
        road: &Road,
        credential: &Credential,
        outcome: &Outcome,
    ) -> Result<Exit, Failure> {
        let exit = self.end(outcome)?;
        if exit == Exit::Done && !self.json && matches!(self.place, Place::Sandbox) {
            example::show(&keys::needed(self.entry)?, road, credential).await?;
        }
        Ok(exit)
    }

    fn end(&self, outcome: &Outcome) -> Result<Exit, Failure> {
        if self.json {
            return self.leave(outcome);
        }
        output::result(&match outcome {
            Outcome::Refused(refused) => self.topic().refused(refused),
            Outcome::Judged { verdict, .. } => self.topic().verdict(verdict),
        })?;
        Ok(outcome.exit())
    }

    /// Ends with an outcome that the person has seen.
    fn leave(&self, outcome: &Outcome) -> Result<Exit, Failure> {
        if self.json {
            let provider = self.entry.descriptor().id().as_str();
            output::json(&Report::new(provider, self.method.id().as_str(), outcome))?;
        }
        Ok(outcome.exit())
    }

    fn nobody_to_ask(&self) -> Result<Failure, Failure> {
        let example = values::example(self.method);
        let mut text = self.topic().no_terminal(&example);
        if let Some(keys) = self.keys_to_try()? {
            text += &format!("\n\n{keys}");
        }
        Ok(Failure::Because(text))
    }

    fn keys_to_try(&self) -> Result<Option<String>, Failure> {
        let Place::Sandbox = self.place else { return Ok(None) };
        Ok(Some(keys::to_try(self.method, &keys::needed(self.entry)?)))
    }

    fn topic(&self) -> Topic<'_> {
        Topic { descriptor: self.entry.descriptor(), method: self.method, place: &self.place }
    }
}
