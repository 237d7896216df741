//! What the sandbox shows: for each provider, calls to copy; a link, keys to paste, and where to go on.

use std::{path::Path, time::SystemTime};

use bytes::Bytes;
use http::{Method as Verb, Request, StatusCode};
use keyway::{Credential, Origin, Submission};
use owo_colors::OwoColorize as _;

use super::{
    certificate::Files,
    demo::{Demo, END_USER, LeftOut},
};
use crate::{keys, sandbox::quoted};

/// The header that a grant stands in where a connection is named.
const GRANT: &str = "Keyway-Grant";

/// All that is shown.
pub(super) struct Shown<'s> {
    pub(super) folder: &'s Path,
    pub(super) demos: &'s [Demo<'s>],
    /// The folder of more providers, where there is one.
    pub(super) providers: Option<&'s Path>,
    pub(super) left_out: &'s [LeftOut<'s>],
    pub(super) files: Option<&'s Files>,
    pub(super) gateway: Origin,
    pub(super) connect: Origin,
    /// To the connect pages, once.
    pub(super) link: String,
    pub(super) api_token: String,
    /// Where the made-up platform is.
    pub(super) platform: String,
}

impl Shown<'_> {
    /// What to do now.
    pub(super) fn text(&self) -> String {
        let curl = self
            .files
            .map_or_else(|| "curl".to_owned(), |files| format!("curl --cacert {}", word(&files.authority)));
        let mut out = format!(
            "Keyway is listening on {}, with stand-ins of the providers behind it.\n\
             For each: a call as its own clients make it, with a grant in the key's place, and one that names\n\
             the connection. Ctrl-C stops it.\n",
            self.gateway.to_string().bold()
        );
        for calls in self.demos.iter().filter_map(|demo| calls(demo, &self.gateway, &curl)) {
            out += &format!("\n{calls}");
        }
        for LeftOut { entry, why } in self.left_out {
            out += &format!(
                "\n{} has no stand-in, so no key of it is taken here: {}\n",
                entry.descriptor().name().bold(),
                why.trim_end()
            );
        }
        if let Some(providers) = self.providers {
            out += &format!(
                "\nThe providers in {} were read just now: to take up what you change there, start this again.\n",
                providers.display()
            );
        }
        if let Some(files) = self.files {
            let authority = word(&files.authority);
            out += &format!(
                "\nThe certificate is made for this machine, and no client trusts it by itself:\n  \
                 Python  REQUESTS_CA_BUNDLE={authority}\n  Node    NODE_EXTRA_CA_CERTS={authority}\n"
            );
        }
        let word = |name| word(&self.folder.join(name));
        out += &format!(
            "\nWhat was asked, and by whom:\n  keyway audit --database sqlite:{} --key file:{}\n\n\
             All of it is in {}; remove that to begin anew. The grants and the API token\n\
             are kept there for this demonstration alone: otherwise one is shown once, and nobody can see it again.\n",
            word("keyway.db"),
            word("master.key"),
            self.folder.display()
        );
        out + &self.connect(&curl)
    }

    /// The connect pages: keys to paste there, how a platform asks for a link, and, last, where to go now.
    fn connect(&self, curl: &str) -> String {
        let Self { connect, link, platform, .. } = self;
        let mut out = format!(
            "\nPeople link their accounts on {}. Keys to paste there, all made up:\n",
            connect.to_string().bold()
        );
        for demo in self.demos {
            out += &format!("\n{}\n{}", head(demo).bold(), keys::to_paste(demo.method, &demo.fixtures, "  "));
        }
        let more: usize = self.demos.iter().map(|demo| keys::more_than_to_paste(&demo.fixtures)).sum();
        if more > 0 {
            let providers =
                self.providers.map(|path| format!(" --providers {}", word(path))).unwrap_or_default();
            out += &format!(
                "\n{more} more, for a provider that is busy, down or unclear and for other accounts:\n  keyway sandbox --list{providers}\n"
            );
        }
        let headers = [
            ("Authorization", format!("Bearer {}", self.api_token)),
            ("Content-Type", "application/json".to_owned()),
        ];
        let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
        let session = arguments(&format!("{connect}/v1/sessions"), headers);
        let body = quoted(&format!(r#"{{"end_user":"{END_USER}","purpose":"connect"}}"#));
        out += &format!(
            "\nA link, as a platform's backend asks for one; {connect}/openapi.json says what else it can:\n  \
             {curl}{session} -d {body}\n"
        );
        if connect.scheme() == "http" {
            out += "\nThis is plain HTTP, so cookies have no __Host- prefix; with --tls they do.\n";
        }
        out + &format!(
            "\nTo link an account, open this. It opens once, within 10 minutes:\n\n  {}\n\n\
             A platform of your own to try it from: {}\n",
            link.bold(),
            platform.bold()
        )
    }
}

fn head(demo: &Demo<'_>) -> String {
    let descriptor = demo.entry.descriptor();
    if descriptor.methods().len() > 1 {
        format!("{}, {}", descriptor.name(), demo.method.label())
    } else {
        descriptor.name().to_owned()
    }
}

/// Two calls to one provider: as its own clients make them, and by the connection. `curl` is the command, with what it
/// needs to trust the gateway at `origin`.
fn calls(demo: &Demo<'_>, origin: &Origin, curl: &str) -> Option<String> {
    let mut out = format!("{}\n", head(demo).bold());
    if let Some(request) = in_place(demo, origin) {
        let of_grant = request.headers().iter().filter(|(_, value)| value.is_sensitive());
        let of_grant = of_grant.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        out += &format!("  {curl}{}\n", arguments(&request.uri().to_string(), of_grant));
    }
    let good = demo.entry.accept(demo.method, &demo.fixtures.good()?.submission()).ok()?.credential;
    let target = example(demo, &good)?;
    let path = target.uri().path_and_query()?;
    let url = format!("{origin}/c/{}{path}", demo.kept.connection);
    Some(out + &format!("  {curl}{}\n", arguments(&url, [(GRANT, demo.kept.token.as_str())])))
}

/// A request with the grant where the key would be: what a client of the provider does with whatever it was given for one.
fn in_place(demo: &Demo<'_>, origin: &Origin) -> Option<Request<Bytes>> {
    let good = demo.fixtures.good()?;
    let values = demo.method.fields().iter().filter_map(|field| {
        let id = field.id().as_str();
        let value = if field.is_secret() {
            Some(demo.kept.token.as_str())
        } else {
            good.values().get(id).map(String::as_str)
        };
        value.map(|value| (id, value))
    });
    let submission = values.fold(Submission::new(), |submission, (id, value)| submission.with(id, value));
    let credential = demo.entry.accept(demo.method, &submission).ok()?.credential.at_origin(origin.clone());
    credential.authorize_request(example(demo, &credential)?).ok()
}

/// A request that the stand-in answers with 200: a call of the fixtures that only asks, or else the check.
fn example(demo: &Demo<'_>, credential: &Credential) -> Option<Request<Bytes>> {
    let now = SystemTime::now();
    let mut calls = demo.fixtures.calls().iter().filter(|call| call.answer(now).status() == StatusCode::OK);
    let asks = calls.find_map(|call| {
        let request = call.request(credential).ok()?;
        (request.method() == Verb::GET && request.body().is_empty()).then_some(request)
    });
    asks.or_else(|| credential.get(credential.check_request().ok()?.uri().path()).ok())
}

/// The address and headers, as words of a shell.
fn arguments<'h>(url: &str, headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> String {
    // curl would read a list in brackets.
    let globs = if url.contains(['[', ']', '{', '}']) { " -g" } else { "" };
    let headers =
        headers.into_iter().map(|(name, value)| format!(" -H {}", quoted(&format!("{name}: {value}"))));
    format!("{globs} {}{}", quoted(url), headers.collect::<String>())
}

/// A path, as a word of a shell: between quotes where it has to be.
fn word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-~+".contains(&byte));
    if is_plain { text } else { quoted(&text) }
}
