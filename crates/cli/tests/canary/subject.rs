//! Whose secrets are made up: every way to authenticate of every linked provider, and of one that puts them everywhere.

use std::{collections::BTreeMap, sync::Arc, time::UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fastrand::Rng;
use keyway::{Entry, Field, Method, Mistake, Registry, Shape, Submission};
use keyway_testkit::Fixtures;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::{scanner::Canary, server::answer};

/// A provider of the test's own, as a descriptor.
pub(crate) const OWN: &str = include_str!("canary.yaml");

/// Where a secret belongs, and where alone it may be seen.
#[derive(Debug, Clone)]
enum Place {
    Header(String),
    Query(String),
    Cookie(String),
    Basic,
}

/// A method of a provider, and made-up secrets for it.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) provider: String,
    pub(crate) method: String,
    /// What a person is asked for: a label, and the secret where it is one.
    pub(crate) prompts: Vec<(String, Option<String>)>,
    /// What the check asks for, without secrets.
    pub(crate) check: String,
    /// Whether the first secret can be of no other provider.
    pub(crate) is_unmistakable: bool,
    /// The first secret as its descriptor's mistakes have it, those that are refused.
    pub(crate) mistaken: Vec<String>,
    values: BTreeMap<String, String>,
    secrets: Vec<Made>,
    /// Where the secret of each field belongs.
    places: Vec<(String, Place)>,
    /// Answers of the provider to a check, each a whole one.
    pub(crate) answers: Vec<Vec<u8>>,
    /// A master key that is given by a variable, as hex digits.
    pub(crate) master_key: String,
    /// A password of a database.
    pub(crate) password: String,
    /// Names that connections get.
    pub(crate) names: [String; 2],
    /// The account that a provider of ours tells of: its id and its label.
    account: [String; 2],
}

/// A secret that was made up.
#[derive(Debug)]
struct Made {
    field: String,
    whole: String,
    random: String,
}

impl Subject {
    /// One for each method of each linked provider that has fixtures, and for each of [`OWN`]'s.
    pub(crate) fn all(registry: &Registry, rng: &mut Rng) -> Vec<Self> {
        let mut all = Vec::new();
        for entry in registry.entries() {
            match entry.fixtures() {
                Some(text) => all.extend(Self::of_fixtures(entry, text, rng)),
                None => all
                    .extend(entry.descriptor().methods().iter().map(|method| Self::own(entry, method, rng))),
            }
        }
        all
    }

    fn of_fixtures(entry: &Entry, text: &str, rng: &mut Rng) -> Vec<Self> {
        let fixtures = Fixtures::parse("fixtures", text).unwrap();
        let of_method = |fixtures: &keyway_testkit::MethodFixtures| {
            let method = entry.descriptor().method(fixtures.method()).unwrap();
            let each = fixtures
                .secrets()
                .iter()
                .flat_map(|(field, places)| places.iter().map(move |place| (field, place)));
            let places = each.map(|(field, place)| {
                let place = match place.split_once(' ').unwrap() {
                    ("header", name) => Place::Header(name.to_owned()),
                    ("query", name) => Place::Query(name.to_owned()),
                    ("cookie", name) => Place::Cookie(name.to_owned()),
                    ("basic", _) => Place::Basic,
                    other => panic!("{other:?} is a place that the canary does not know"),
                };
                (field.clone(), place)
            });
            let answers =
                fixtures.checks().iter().filter_map(|check| check.answer(UNIX_EPOCH)).map(|given| {
                    // Whatever asks for patience asks for so much that nobody waits here.
                    let patience = given.status().is_server_error() || given.status() == 429;
                    let headers = given.headers().iter().filter(|(name, _)| *name != "retry-after");
                    let mut lines: Vec<String> =
                        headers.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
                    lines.extend(patience.then(|| "retry-after: 3600".to_owned()));
                    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
                    answer(given.status().as_str(), &lines, given.body())
                });
            let plain = fixtures.good().unwrap().values().clone();
            Self::make(entry, method, plain, places.collect(), answers.collect(), rng)
        };
        fixtures.methods().iter().map(of_method).collect()
    }

    fn own(entry: &Entry, method: &Arc<Method>, rng: &mut Rng) -> Self {
        let place = match method.id().as_str() {
            "header" => ("api_key".to_owned(), Place::Header("x-canary".to_owned())),
            "query" => ("api_key".to_owned(), Place::Query("api_key".to_owned())),
            "cookie" => ("session".to_owned(), Place::Cookie("session".to_owned())),
            "basic" => ("user".to_owned(), Place::Basic),
            other => panic!("the test's own provider has no {other}"),
        };
        let good = json!({ "user": { "id": 7, "name": "Ada" } }).to_string();
        let answers = [("200 OK", good.as_str()), ("401 No", "{}"), ("403 No", ""), ("418 Teapot", "<html>")];
        let answers = answers.map(|(status, body)| answer(status, &[], body.as_bytes())).to_vec();
        Self::make(entry, method, BTreeMap::new(), vec![place], answers, rng)
    }

    fn make(
        entry: &Entry,
        method: &Arc<Method>,
        mut values: BTreeMap<String, String>,
        places: Vec<(String, Place)>,
        answers: Vec<Vec<u8>>,
        rng: &mut Rng,
    ) -> Self {
        // A linked provider's secrets look as they do there; in our own, all that encodings differ in.
        let odd = entry.fixtures().is_none();
        let mut secrets = Vec::new();
        for field in method.fields().iter().filter(|field| field.is_secret()) {
            let (whole, random) = made_up(field, odd.then_some(&places[0].1), rng);
            values.insert(field.id().to_string(), whole.clone());
            secrets.push(Made { field: field.id().to_string(), whole, random });
        }
        let submission = values.iter().fold(Submission::new(), |all, (id, value)| all.with(id, value));
        let accepted = entry.accept(method, &submission).unwrap_or_else(|refused| {
            panic!("what the canary makes up for {} is not accepted: {refused:?}", entry.descriptor().id())
        });
        let check = accepted.credential.check_request().unwrap().uri().path().to_owned();
        let first = method.fields().iter().find(|field| field.is_secret()).unwrap();
        let mistake = |mistake: &Mistake| {
            let [before, inside, after] = [mistake.prefix(), mistake.contains(), mistake.suffix()];
            let [before, inside, after] = [before, inside, after].map(Option::unwrap_or_default);
            format!("{before}{}{inside}{after}", secrets[0].whole)
        };
        let mistaken = first.mistakes().iter().filter(|mistake| mistake.is_refused()).map(mistake).collect();
        let prompt = |field: &Field| {
            let made = secrets.iter().find(|made| *field.id() == *made.field);
            (field.label().to_owned(), made.map(|made| made.whole.clone()))
        };
        Self {
            provider: entry.descriptor().id().to_string(),
            method: method.id().to_string(),
            prompts: method.fields().iter().map(prompt).collect(),
            is_unmistakable: first.shape().is_some_and(Shape::is_specific),
            check,
            mistaken,
            values,
            secrets,
            places,
            answers,
            master_key: random(HEX, 64, rng),
            password: random(BASE62, 32, rng),
            names: [(); 2].map(|()| random(BASE62, 32, rng)),
            account: [(); 2].map(|()| random(BASE62, 32, rng)),
        }
    }

    /// `provider/method`
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.provider, self.method)
    }

    /// What finds the secrets of all of them.
    pub(crate) fn canary(all: &[Self]) -> Canary {
        let secrets = all.iter().flat_map(|one| &one.secrets);
        let canary = Canary::new(secrets.map(|made| (made.whole.as_str(), made.random.as_str())));
        all.iter().fold(canary, |canary, one| {
            canary.and_master_key(&one.master_key).and(one.password.as_bytes(), &one.password)
        })
    }

    /// What is sealed and shown: the names of connections, and the account.
    pub(crate) fn sealed(&self) -> impl Iterator<Item = &str> {
        self.names.iter().chain(&self.account).map(String::as_str)
    }

    /// A provider's answer to a good key. Ours tells of an account that is made up too.
    pub(crate) fn good(&self) -> Vec<u8> {
        if self.provider != "canary" {
            return self.answers[0].clone();
        }
        let [id, name] = &self.account;
        answer("200 OK", &[], json!({ "user": { "id": id, "name": name } }).to_string().as_bytes())
    }

    /// The secrets, in the order in which a person is asked for them.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(|made| made.whole.as_str())
    }

    /// The first secret.
    pub(crate) fn secret(&self) -> &str {
        &self.secrets[0].whole
    }

    /// The header in which the first secret stands as it is, if it does.
    pub(crate) fn header(&self) -> Option<&str> {
        self.places.iter().find_map(|(field, place)| match place {
            Place::Header(name) if field == self.field() => Some(name.as_str()),
            _ => None,
        })
    }

    /// The id of the first secret's field.
    pub(crate) fn field(&self) -> &str {
        &self.secrets[0].field
    }

    /// All values, by field.
    pub(crate) fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// All values as a JSON object.
    pub(crate) fn json(&self) -> String {
        json!(self.values).to_string()
    }

    /// The values as a JSON object, with the first secret replaced by something else, which may well hold it.
    pub(crate) fn json_with(&self, value: impl Into<Value>) -> String {
        let mut values = json!(self.values);
        values[self.field()] = value.into();
        values.to_string()
    }

    /// A request as it should arrive without the secrets: each is taken out of the place where it belongs, once. `None`
    /// where it does not stand there, exactly once.
    pub(crate) fn without_secrets(&self, request: &[u8]) -> Option<Vec<u8>> {
        let text = String::from_utf8_lossy(request);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines: Vec<String> = head.split("\r\n").map(str::to_owned).collect();
        for (field, place) in &self.places {
            let made = self.secrets.iter().find(|made| made.field == *field)?;
            cut(place, &mut lines, &made.whole)?;
        }
        Some(format!("{}\r\n\r\n{body}", lines.join("\r\n")).into_bytes())
    }
}

/// Takes a secret out of the one line where it belongs.
fn cut(place: &Place, lines: &mut [String], secret: &str) -> Option<()> {
    let header = |wanted: &str, lines: &[String]| {
        let of_name =
            |line: &String| line.split_once(':').is_some_and(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let mut found = (0..lines.len()).filter(|index| of_name(&lines[*index]));
        found.next().filter(|_| found.next().is_none())
    };
    let once = |line: &str, text: &str| (line.matches(text).count() == 1).then(|| line.replacen(text, "", 1));
    match place {
        Place::Header(name) => {
            let at = header(name, lines)?;
            lines[at] = once(&lines[at], secret)?;
        }
        Place::Cookie(name) => {
            let at = header("cookie", lines)?;
            lines[at] = once(&lines[at], &format!("{name}={secret}"))?;
        }
        Place::Query(name) => {
            let line = lines.first()?.clone();
            let query = line.split_once('?')?.1.split(' ').next()?;
            let holds = |pair: &&str| {
                let value = pair.strip_prefix(name.as_str()).and_then(|rest| rest.strip_prefix('='));
                value.is_some_and(|value| percent_decode_str(value).eq(secret.bytes()))
            };
            let pair = query.split('&').find(holds)?;
            lines[0] = once(&line, pair)?;
        }
        Place::Basic => {
            let at = header("authorization", lines)?;
            let text = lines[at].split_once(": Basic ")?.1;
            let sent = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
            // What stands beside it there is of the same pair.
            once(&sent, secret)?;
            lines[at].clear();
        }
    }
    Some(())
}

const HEX: &str = "0123456789abcdef";
const DIGITS: &str = "0123456789";
const BASE62: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A secret of a field's shape that nobody has, and its random part.
///
/// `place` is where it goes when any character may stand in it: then those that encodings differ in do.
fn made_up(field: &Field, place: Option<&Place>, rng: &mut Rng) -> (String, String) {
    let odd = match place {
        None => "",
        Some(Place::Cookie(_)) => "<&'+/=?%{}$1",
        Some(Place::Header(_) | Place::Query(_)) => "\"<&'+/=\\?%{}`$1",
        Some(Place::Basic) => "\"<&'+/=\\?%{}`$1ü€",
    };
    let shape = field.shape();
    let prefix = shape.map_or("", |shape| shape.prefix());
    for (mark, alphabet) in [("madeUp", BASE62), ("", HEX), ("", DIGITS)] {
        let head = format!("{prefix}{mark}{odd}");
        let whole = shape.and_then(Shape::length);
        let length = whole.map_or(32, |whole| whole.saturating_sub(head.len()));
        let random = random(alphabet, length, rng);
        let secret = format!("{head}{random}");
        if shape.is_none_or(|shape| shape.fits(&secret)) {
            // 16 bytes: nothing holds them by chance.
            let bits = length * alphabet.len().ilog2() as usize;
            assert!(bits >= 128, "{} is too short for a canary: {bits} random bits", field.id());
            return (secret, random);
        }
    }
    panic!("the canary cannot make up a value of the shape of {}", field.id())
}

fn random(alphabet: &str, length: usize, rng: &mut Rng) -> String {
    let letters: Vec<char> = alphabet.chars().collect();
    (0..length).map(|_| letters[rng.usize(..letters.len())]).collect()
}
