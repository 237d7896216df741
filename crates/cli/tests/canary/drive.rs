//! Driving the binary through situations, and looking through all that comes out of it.

use std::{
    collections::{BTreeSet, HashSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    os::unix::process::ExitStatusExt as _,
    path::Path,
};

use crate::{
    scanner::{Canary, Encoding},
    sink::Sink,
    situations::{Circumstance, Sent, Situation},
    stage::{Caught, Stage},
    subject::Subject,
};

/// A secret where it must not be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sighting {
    pub(crate) sink: Sink,
    pub(crate) encodings: BTreeSet<Encoding>,
}

/// What became of situations.
pub(crate) struct Outcome {
    /// What to look for: with the secrets that were made up on the way.
    pub(crate) scan: Scan,
    /// How many took place.
    pub(crate) runs: usize,
    /// Where something came out.
    pub(crate) yields: BTreeSet<Sink>,
    pub(crate) sightings: BTreeSet<Sighting>,
    /// What is not as it should be, with the situation's name.
    pub(crate) wrong: Vec<String>,
}

/// Drives `program` through situations, one after the other in the same place. `None` where what they need is missing on
/// this machine, which has been said.
pub(crate) fn drive(
    program: &Path,
    subject: &Subject,
    canary: &Canary,
    situations: &[Situation],
) -> Option<Outcome> {
    let mut scan = Scan::new(canary, subject);
    let mut stage = Stage::new(program, situations.first()?);
    let (mut runs, mut wrong) = (0, Vec::new());
    let (mut yields, mut sightings) = (BTreeSet::new(), BTreeSet::new());
    let something = |caught: &Caught| {
        caught.iter().filter(|(_, bytes)| !bytes.is_empty()).map(|(sink, _)| *sink).collect::<Vec<_>>()
    };
    for situation in situations {
        let Some(run) = stage.run(situation) else { continue };
        runs += 1;
        let mut caught = run.caught;
        scan.learn(&stage, situation, &mut caught);
        let mut faults = run.faults;
        match (situation.sent, run.requests.len()) {
            (Sent::Never, 1..) | (Sent::Once, 0 | 2..) | (Sent::EachTime, 0) => {
                faults.push(format!("{:?} was to be sent, and {} were", situation.sent, run.requests.len()));
            }
            _ => {}
        }
        for request in run.requests {
            let rest = subject.without_secrets(&request);
            if rest.is_none() {
                faults.push("the secret does not stand in its place, exactly once".to_owned());
            }
            caught.push((Sink::Target, rest.unwrap_or(request)));
        }
        let said = |needle: &str| {
            caught.iter().any(|(_, bytes)| memchr::memmem::find(bytes, needle.as_bytes()).is_some())
        };
        if !said(&situation.says) {
            faults.push(format!("it does not say {:?}", situation.says));
        }
        // A signal has no code: its number is taken below zero.
        let code = run.status.code().or(run.status.signal().map(|signal| -signal)).unwrap();
        if if situation.codes.is_empty() { code >= 0 } else { !situation.codes.contains(&code) } {
            let stderr: Vec<_> = caught.iter().filter(|(sink, _)| *sink == Sink::Stderr).collect();
            let said = stderr.iter().map(|(_, bytes)| String::from_utf8_lossy(bytes)).collect::<String>();
            let shown = if scan.sightings(situation, &[(Sink::Stderr, said.clone().into_bytes())]).is_empty()
            {
                said
            } else {
                "[it holds a secret]".to_owned()
            };
            faults.push(format!("it ended with {code}: {shown}"));
        }
        let seen = scan.sightings(situation, &caught);
        let name = &situation.name;
        wrong.extend(seen.iter().map(|seen| format!("{name}: {seen:?}")));
        wrong.extend(faults.iter().map(|fault| format!("{name}: {fault}")));
        sightings.extend(seen);
        yields.extend(something(&caught));
    }
    let (behind, last, faults) = stage.end();
    let seen = scan.sightings(&behind, &last);
    wrong.extend(seen.iter().map(|seen| format!("at the end: {seen:?}")));
    wrong.extend(faults);
    sightings.extend(seen);
    yields.extend(something(&last));
    (runs > 0).then_some(Outcome { scan, runs, yields, sightings, wrong })
}

/// What to look for on one stage, and what was looked at.
pub(crate) struct Scan {
    /// What may be seen nowhere.
    secret: Canary,
    /// With what is sealed, and shown to whoever asks.
    sealed: Canary,
    known: HashSet<String>,
    looked_at: HashSet<u64>,
}

impl Scan {
    pub(crate) fn new(canary: &Canary, subject: &Subject) -> Self {
        let sealed = subject.sealed().fold(canary.clone(), |all, one| all.and(one.as_bytes(), one));
        Self { secret: canary.clone(), sealed, known: HashSet::new(), looked_at: HashSet::new() }
    }

    /// Learns the secrets that the binary made up: master keys, from their file, and tokens, where they are shown once.
    fn learn(&mut self, stage: &Stage, situation: &Situation, caught: &mut Caught) {
        for key in stage.master_keys() {
            if self.known.insert(key.clone()) {
                self.secret = self.secret.clone().and_master_key(&key);
                self.sealed = self.sealed.clone().and_master_key(&key);
            }
        }
        if matches!(situation.circumstance, Circumstance::Pages(_)) {
            self.learn_links(caught);
        }
        let words: Vec<&str> = situation.arguments.iter().take(2).map(String::as_str).collect();
        // What a token of the API begins with is its id, and no secret.
        let (prefix, id) = match words[..] {
            ["grant", "create"] => ("kwg_", 0),
            ["token", "create" | "rotate"] => ("kwa_", 12),
            ["session", "create"] => ("kwl_", 0),
            _ => return,
        };
        for (_, bytes) in caught.iter_mut().filter(|(sink, _)| matches!(sink, Sink::Stdout | Sink::Terminal))
        {
            let Some(at) = memchr::memmem::find(bytes, prefix.as_bytes()) else { continue };
            let token = String::from_utf8(bytes.drain(at..at + TOKEN).collect()).unwrap();
            self.secret = self.secret.clone().and(token.as_bytes(), &token[id..]);
            self.sealed = self.sealed.clone().and(token.as_bytes(), &token[id..]);
        }
    }

    /// Links are for who asks for them, and in nothing that is kept or logged.
    fn learn_links(&mut self, caught: &Caught) {
        for (_, bytes) in caught.iter().filter(|(sink, _)| matches!(sink, Sink::Stdout | Sink::Answers)) {
            for at in memchr::memmem::find_iter(bytes, b"/link/kwl_") {
                let code = bytes[at + "/link/".len()..]
                    .iter()
                    .copied()
                    .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
                let code = String::from_utf8(code.collect()).unwrap();
                if code.len() == TOKEN && self.known.insert(code.clone()) {
                    self.sealed = self.sealed.clone().and(code.as_bytes(), &code);
                }
            }
        }
    }

    /// What of it is in there.
    pub(crate) fn sightings(
        &mut self,
        situation: &Situation,
        caught: &[(Sink, Vec<u8>)],
    ) -> BTreeSet<Sighting> {
        let mut all = BTreeSet::new();
        for (sink, bytes) in caught {
            let canary = if sink.shows_names() { &self.secret } else { &self.sealed };
            // What the caller puts there is there.
            let own: Vec<&str> = match sink {
                Sink::CommandLine => situation.arguments.iter().map(String::as_str).collect(),
                Sink::Stdout => situation.printed.iter().map(String::as_str).collect(),
                Sink::Environment => situation.environment.iter().map(|(_, value)| value.as_str()).collect(),
                _ => Vec::new(),
            };
            let own: Vec<&str> =
                own.into_iter().filter(|text| !self.sealed.sightings(text.as_bytes()).is_empty()).collect();
            let pieces: Vec<&[u8]> = match sink.page() {
                Some(length) => bytes.chunks(length).collect(),
                None => vec![bytes],
            };
            for piece in pieces {
                let mut hasher = DefaultHasher::new();
                (*sink, piece, &own).hash(&mut hasher);
                if piece.is_empty() || !self.looked_at.insert(hasher.finish()) && sink.stays() {
                    continue;
                }
                let without = own.iter().fold(piece.to_vec(), |bytes, text| without(&bytes, text.as_bytes()));
                let encodings = canary.sightings(&without);
                if !encodings.is_empty() {
                    all.insert(Sighting { sink: *sink, encodings });
                }
            }
        }
        all
    }
}

/// The length of a token behind a provider's own prefix.
const TOKEN: usize = 40;

/// The bytes without a text, each time that it stands there.
fn without(bytes: &[u8], text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for at in memchr::memmem::find_iter(bytes, text) {
        out.extend_from_slice(&bytes[from..at]);
        from = at + text.len();
    }
    out.extend_from_slice(&bytes[from..]);
    out
}
