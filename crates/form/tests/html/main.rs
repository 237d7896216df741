//! Forms as HTML: what is in them, and what never is.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod hostile;
mod parsed;

use keyway_core::{Code, Descriptor, Entry, FieldProblem, Method, Registry, Submission};
use keyway_form::{FORM_JS, Form};
use parsed::{Element, parse};

fn registry(yaml: &str) -> Registry {
    Registry::from_descriptors([("test.yaml", yaml)]).unwrap_or_else(|error| panic!("{error}"))
}

fn every() -> Registry {
    registry(include_str!("every.yaml"))
}

fn refused<'a>(entry: &'a Entry, method: &'a std::sync::Arc<Method>, submission: &'a Submission) -> Form<'a> {
    let form = Form::new(entry.descriptor(), method);
    match entry.accept(method, submission) {
        Ok(accepted) => form.with_warnings(&accepted.warnings).with_values(submission),
        Err(refused) => form.refused(submission, &refused),
    }
}

#[track_caller]
fn named<'e>(elements: &'e [Element], name: &str) -> &'e Element {
    elements.iter().find(|element| element.get("name") == Some(name)).unwrap()
}

#[track_caller]
fn with_id<'e>(elements: &'e [Element], id: &str) -> &'e Element {
    elements.iter().find(|element| element.get("id") == Some(id)).unwrap()
}

fn forms(elements: &[Element]) -> usize {
    elements.iter().filter(|element| element.name == "form").count()
}

#[test]
fn each_kind_of_input() {
    let registry = every();
    let (entry, method) = registry.method("every", None).unwrap();
    let form = Form::new(entry.descriptor(), method);
    let elements = parse(&form.html().to_string());
    for (name, element, kind, required, direction) in [
        ("site", "input", Some("text"), true, Some("ltr")),
        ("region", "select", None, true, None),
        ("team", "select", None, false, None),
        ("server", "input", Some("url"), false, Some("ltr")),
        ("host", "input", Some("text"), false, Some("ltr")),
        ("user", "input", Some("text"), true, Some("ltr")),
        ("note", "textarea", None, false, Some("auto")),
        ("project", "input", Some("text"), false, Some("auto")),
        ("api_key", "input", Some("password"), true, Some("ltr")),
        ("pem", "textarea", None, false, Some("ltr")),
    ] {
        let input = named(&elements, name);
        let found =
            (input.name.as_str(), input.get("type"), input.get("required").is_some(), input.get("dir"));
        assert_eq!(found, (element, kind, required, direction), "{name}");
        assert_eq!(input.get("autocomplete"), Some("off"), "{name}");
        assert_eq!(input.get("aria-invalid"), Some("false"), "{name}");
        let label = elements.iter().find(|label| label.get("for") == input.get("id")).unwrap();
        let optional = method.field(name).unwrap().is_optional();
        assert_eq!(label.text.contains("(optional)"), optional, "{name}");
        let secret = method.field(name).unwrap().is_secret();
        assert_eq!(input.get("class") == Some("keyway-secret"), secret, "{name}");
        assert_eq!(input.get("data-1p-ignore").is_some(), secret, "{name}");
    }
    assert_eq!(named(&elements, "project").get("value"), Some("main"));
    assert_eq!(named(&elements, "api_key").get("value"), None);
    let chosen: Vec<&str> = elements
        .iter()
        .filter(|option| option.get("selected").is_some())
        .map(|option| option.text.as_str())
        .collect();
    assert_eq!(chosen, ["Choose one", "None"], "nobody chooses the first one unawares");
}

#[test]
fn what_was_wrong_stands_at_its_input_and_above_all() {
    let registry = every();
    let (entry, method) = registry.method("every", None).unwrap();
    let submission = Submission::new()
        .with("region", "eu")
        .with("user", "a b")
        .with("api_key", "old_x")
        .with("colour", "red");
    let html = refused(entry, method, &submission).html().to_string();
    let elements = parse(&html);
    let alert = elements.iter().find(|element| element.get("role") == Some("alert")).unwrap();
    for said in [
        "There is a problem",
        "colour: There is no such field; known here:",
        "Site: This is missing.",
        "User: Character 2 is a space, which does not belong there; copy it again, and nothing else.",
        "API key: Keys of this kind are no longer valid.",
    ] {
        assert!(alert.text.contains(said), "{said}: {}", alert.text);
    }
    for (name, wrong) in
        [("site", true), ("region", false), ("user", true), ("api_key", true), ("note", false)]
    {
        let input = named(&elements, name);
        assert_eq!(input.get("aria-invalid"), Some(if wrong { "true" } else { "false" }), "{name}");
        let said: String = input
            .get("aria-describedby")
            .into_iter()
            .flat_map(str::split_whitespace)
            .map(|id| with_id(&elements, id).text.as_str())
            .collect();
        assert_eq!(said.contains("Error: "), wrong, "{name}: {said}");
        let link = format!("#keyway-field-{name}");
        assert_eq!(elements.iter().any(|element| element.get("href") == Some(&link)), wrong, "{name}");
    }
    let chosen = elements.iter().find(|option| option.get("selected").is_some()).unwrap();
    assert_eq!(chosen.get("value"), Some("eu"), "what was chosen is chosen still");
    assert!(
        parse(&Form::new(entry.descriptor(), method).html().to_string())
            .iter()
            .all(|e| e.get("role").is_none())
    );
}

/// Said twice, 80 pixels apart, it would be read twice.
#[test]
fn the_only_input_that_is_wrong_says_so_by_itself() {
    let registry = every();
    let (entry, method) = registry.method("every", None).unwrap();
    let right = [("site", "acme"), ("region", "eu"), ("user", "ada"), ("api_key", "ev_0123abcd")];
    for (wrong, sums_up) in [
        (&[("user", "a b")] as &[_], false),
        (&[("user", "a b"), ("api_key", "a b")], true),
        (&[("user", "a b"), ("colour", "red")], true),
    ] {
        let submission = right.iter().filter(|(name, _)| !wrong.iter().any(|(other, _)| other == name));
        let submission =
            submission.chain(wrong).fold(Submission::new(), |all, (name, value)| all.with(*name, *value));
        let html = refused(entry, method, &submission).html().to_string();
        let elements = parse(&html);
        assert_eq!(elements.iter().any(|element| element.get("role") == Some("alert")), sums_up, "{wrong:?}");
        let focused: Vec<_> = elements.iter().filter(|element| element.get("autofocus").is_some()).collect();
        assert_eq!(focused.len(), 1, "{wrong:?}");
        assert_eq!(focused[0].get("name"), (!sums_up).then_some("user"), "{wrong:?}");
        let told = html.matches("Character 2 is a space").count();
        assert_eq!(
            told,
            wrong.iter().filter(|(_, value)| *value == "a b").count() * if sums_up { 2 } else { 1 }
        );
    }
}

#[test]
fn what_a_message_names_is_drawn_as_code() {
    let registry = every();
    let (entry, method) = registry.method("every", None).unwrap();
    let submission = Submission::new().with("api_key", "made-up");
    let html = refused(entry, method, &submission).html().to_string();
    assert!(html.contains(r#"it usually begins with <code dir="ltr">ev_</code> and has"#), "{html}");
    let odd =
        FieldProblem { field: "api_key".into(), code: Code::Shape, message: "a ` and `<b>` or ` b".into() };
    let html = Form::new(entry.descriptor(), method).with_warnings(&[odd]).html().to_string();
    assert!(
        html.contains(r#"A <code dir="ltr"> and </code>&lt;b&gt;<code dir="ltr"> or </code> b."#),
        "{html}"
    );
}

#[test]
fn the_step_is_led_to_where_the_guide_is_on_the_page() {
    let registry = every();
    let (entry, method) = registry.method("every", None).unwrap();
    let form = Form::new(entry.descriptor(), method);
    let to_the_step = "href=\"#keyway-step-2\"";
    assert!(form.html().to_string().contains(to_the_step));
    let beside = form.html().guide_beside();
    assert!(beside.to_string().contains(to_the_step) && !beside.to_string().contains("id=\"keyway-step-2\""));
    assert!(beside.guide().contains("id=\"keyway-step-2\""));
    assert!(!form.html().without_guide().to_string().contains(to_the_step));
}

#[test]
fn a_remark_of_no_input_stands_above_all() {
    let registry = every();
    let (entry, method) = registry.method("every", None).unwrap();
    let remark = FieldProblem { field: String::new(), code: Code::Shape, message: "this is odd".into() };
    let elements = parse(&Form::new(entry.descriptor(), method).with_warnings(&[remark]).html().to_string());
    let status = elements.iter().find(|element| element.get("role") == Some("status")).unwrap();
    assert_eq!(status.text, "Worth a second lookThis is odd.");
}

#[test]
fn a_choice_in_another_spelling_is_still_chosen_and_an_unknown_one_is_not_guessed() {
    let registry = every();
    let (entry, method) = registry.method("every", None).unwrap();
    for (typed, chosen) in [("EU", "eu"), ("mars", "")] {
        let submission = Submission::new().with("region", typed);
        let elements =
            parse(&Form::new(entry.descriptor(), method).with_values(&submission).html().to_string());
        let first = elements.iter().find(|option| option.get("selected").is_some()).unwrap();
        assert_eq!(first.get("value"), Some(chosen), "{typed}");
    }
}

#[test]
fn two_forms_stand_on_one_page() {
    let registry = every();
    let (entry, method) = registry.method("every", None).unwrap();
    let submission = Submission::new();
    let form = refused(entry, method, &submission);
    let one = form.html().id_prefix("one-").to_string();
    let other = form.html().id_prefix("other-").without_guide().heading_level(9).to_string();
    let elements = parse(&(one + &other + &form.html().guide()));
    assert_eq!(forms(&elements), 2);
    assert!(elements.iter().any(|element| element.name == "h5" && element.text == "There is a problem"));
    let steps: Vec<&str> = elements
        .iter()
        .filter(|element| element.get("class") == Some("keyway-step"))
        .map(|element| element.text.as_str())
        .collect();
    assert_eq!(steps, ["See step 2 of the guide.", "Step 2: Choose a type:TypeMay doReadGET aloneWriteall"]);
}

#[test]
fn form_and_guide_stand_in_two_columns() {
    let registry = every();
    let (entry, method) = registry.method("every", None).unwrap();
    let submission = Submission::new().with("api_key", "old_x");
    let remark = FieldProblem { field: String::new(), code: Code::Shape, message: "this is odd".into() };
    let form = refused(entry, method, &submission).with_warnings(&[remark]);
    let html = form.html().without_guide().verb("Reconnect").submit("Check the key");
    let (fields, guide) = (html.to_string(), html.guide());
    // Whichever stands first; the page's own `h1` is above both.
    for page in [format!("{fields}{guide}"), format!("{guide}{fields}")] {
        let elements = parse(&page);
        let mut level = 1;
        for heading in &elements {
            let Some(found) = heading.name.strip_prefix('h').and_then(|digit| digit.parse::<u8>().ok())
            else {
                continue;
            };
            assert!((2..=level + 1).contains(&found), "h{found} below h{level}: {}", heading.text);
            level = found;
        }
        // What an input says of its step is what the guide says under that number.
        let step = with_id(&elements, "keyway-field-api_key-step");
        let in_guide = with_id(&elements, "keyway-step-2");
        assert_eq!(step.text, format!("Step 2: {}", in_guide.text));
        let described = named(&elements, "api_key").get("aria-describedby").unwrap();
        assert!(described.split(' ').any(|id| id == "keyway-field-api_key-step"), "{described}");
    }
    let elements = parse(&(fields + &guide));
    assert_eq!(elements[0].get("aria-label"), Some("Reconnect Every: All parts"));
    assert_eq!(with_id(&elements, "keyway-guide").text, "Reconnect Every");
    assert_eq!(elements.iter().find(|one| one.name == "button").unwrap().text, "Check the key");
    let plain = parse(&form.html().to_string());
    assert_eq!(plain[0].get("aria-label"), Some("Connect Every: All parts"));
}

#[test]
fn n63_a_hostile_descriptor_is_inert() {
    for text in hostile::texts() {
        let yaml = hostile::descriptor(&text);
        let registry = registry(&yaml);
        let (entry, method) = registry.method("hostile", None).unwrap();
        let problem =
            |field: &str| FieldProblem { field: field.into(), code: Code::Mistake, message: text.clone() };
        let problems = [problem("key"), problem(&text)];
        let submission = Submission::new().with("note", format!("{text}!")).with("lines", format!("{text}?"));
        let form = Form::new(entry.descriptor(), method);
        for form in [
            form.clone(),
            form.clone().with_warnings(&problems).with_values(&submission),
            form.with_errors(&problems),
        ] {
            let html = form.html().action(&text).hidden(&text, &text).verb(&text).submit(&text);
            let elements = parse(&html.to_string());
            assert_eq!(forms(&elements), 1);
            parse(&html.clone().without_guide().to_string());
            parse(&(html.clone().guide_beside().to_string() + &html.guide()));
            parse(&html.guide());
            says_what_the_descriptor_says(entry.descriptor(), &form, &text, &elements);
        }
        // The texts of the model, for whoever draws a form of their own.
        let model = serde_json::to_value(Form::new(entry.descriptor(), method)).unwrap();
        let pieces = [&model["guide"]["needs"], &model["guide"]["steps"], &model["guide"]["warnings"]];
        for piece in
            pieces.iter().flat_map(|list| list.as_array().unwrap()).chain([&model["inputs"][0]["help"]])
        {
            parse(&format!("<div>{}</div>", piece["html"].as_str().unwrap()));
        }
    }
}

#[track_caller]
fn says_what_the_descriptor_says(descriptor: &Descriptor, form: &Form<'_>, text: &str, elements: &[Element]) {
    let said = |name: &str, said: &str| {
        assert!(
            elements.iter().any(|element| element.name == name && element.text.trim() == said),
            "{name}: {said}"
        );
    };
    said("h2", format!("{text} {}", descriptor.name()).trim());
    said("label", text.trim());
    said("option", text.trim());
    said("option", &format!("x{text}x"));
    said("td", text.trim());
    said("button", text.trim());
    let key = named(elements, "key");
    assert_eq!(key.get("placeholder"), Some(text));
    let hints: serde_json::Value = serde_json::from_str(key.get("data-keyway-hints").unwrap()).unwrap();
    assert_eq!(hints["mistakes"][0]["prefix"], text);
    let value = |id: &str| form.inputs().iter().find(|input| input.field().id() == id).unwrap().value();
    assert_eq!(named(elements, "note").get("value"), value("note"));
    assert_eq!(Some(named(elements, "lines").text.as_str()), value("lines"));
    assert_eq!(elements[0].get("action"), Some(text));
}

#[test]
fn a_secret_is_in_no_form() {
    const SECRET: &str = "ev_c4aa27e0";
    const PEM: &str = "madeUpCanaryPem\nmadeUpCanarySecondLine";
    let registry = every();
    let (entry, method) = registry.method("every", None).unwrap();
    let good = |all: Submission, skip: &str| {
        [("site", "acme"), ("region", "eu"), ("user", "shownAgain"), ("note", "shownToo")]
            .into_iter()
            .filter(|(name, _)| *name != skip)
            .fold(all, |all, (name, value)| all.with(name, value))
    };
    let mut submissions = vec![
        good(Submission::new().with("api_key", SECRET).with("pem", PEM), ""),
        good(Submission::new().with("api_key", format!("{SECRET} x")).with("pem", PEM), ""),
        good(Submission::new().with("api_key", SECRET).with("api_key", SECRET), ""),
        good(Submission::new().with("ev_c4aa27e0-CanaryPem", SECRET).with("api_key", SECRET), ""),
    ];
    // In the wrong input: besides the right one, instead of it, and with what people paste around it.
    for field in method.fields().iter().map(|field| field.id().as_str()) {
        for text in [SECRET.to_owned(), format!("Bearer {SECRET}"), format!("\"{SECRET}\"")] {
            submissions.push(good(
                Submission::new().with("api_key", SECRET).with("pem", PEM).with(field, &text),
                field,
            ));
            submissions.push(good(Submission::new().with("pem", PEM).with(field, &text), field));
            submissions.push(good(Submission::new().with(field, &text), field));
        }
    }
    let mut shown = 0;
    for submission in &submissions {
        let form = refused(entry, method, submission);
        let everything = [
            form.html().to_string(),
            form.html().without_guide().to_string(),
            form.html().guide(),
            serde_json::to_string(&form).unwrap(),
            serde_json::to_string(&form.json_schema()).unwrap(),
            serde_json::to_string(&form.ui_schema()).unwrap(),
            serde_json::to_string(&form.form_data()).unwrap(),
            serde_json::to_string(&form.extra_errors()).unwrap(),
            form.text(),
        ]
        .concat();
        for part in [SECRET, "c4aa27e0", "CanaryPem", "CanarySecondLine"] {
            assert!(!everything.contains(part), "{everything}");
        }
        let elements = parse(&form.html().to_string());
        assert_eq!(named(&elements, "api_key").get("value"), None);
        assert_eq!(named(&elements, "pem").text, "");
        shown += usize::from(everything.contains("shownAgain"));
    }
    assert!(
        shown > submissions.len() / 3,
        "what is not secret is shown again: {shown} of {}",
        submissions.len()
    );
}

#[test]
fn a_hidden_token_is_not_in_debug() {
    let registry = every();
    let (entry, method) = registry.method("every", None).unwrap();
    let form = Form::new(entry.descriptor(), method);
    let html = form.html().hidden("csrf", "made-up-token");
    assert!(html.to_string().contains("made-up-token") && !format!("{html:?}").contains("made-up-token"));
}

#[test]
fn the_script_is_small_and_asks_for_nothing() {
    assert!(FORM_JS.len() < 6200, "{} bytes", FORM_JS.len());
    let forbidden = [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval",
        "Function(",
        "import",
        "fetch",
        "XMLHttpRequest",
        "WebSocket",
        "sendBeacon",
        "postMessage",
        "localStorage",
        "sessionStorage",
        "indexedDB",
        "cookie",
        "console",
        "clipboard",
        ".style",
        "http:",
        "https:",
    ];
    for word in forbidden {
        assert!(!FORM_JS.contains(word), "{word}");
    }
}
