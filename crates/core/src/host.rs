//! Where a method's credential may go: the origins of a descriptor, with the places that a value fills in.

use crate::{
    Field, Id, Kind, Origin,
    api::API,
    template::{Part, Template},
    yaml::{At, MapView, Node},
};

/// Reads the provider's own origin, and those under `also`, for a method's fields.
pub(crate) fn read_origins(at: &At<'_>, node: &Node, ids: &[Id], fields: &[Field]) -> Vec<Template> {
    let Node::Map(_) = node else { return Vec::new() };
    let map = MapView::peek(node, at, &API);
    let own = map.need("origin", |at, node| read_origin(at, at.line(node)?, ids, fields));
    let also = map.list("also", |at, node| read_origin(at, at.line(node)?, ids, fields));
    own.into_iter().chain(also).collect()
}

fn read_origin(at: &At<'_>, text: &str, ids: &[Id], fields: &[Field]) -> Option<Template> {
    let template = Template::read(at, text, ids)?;
    let used: Vec<&Field> = fields.iter().filter(|field| template.uses(field.id())).collect();
    if template.names().any(|name| !used.iter().any(|field| field.id().as_str() == name)) {
        // A field of that name stands there and is broken: that has been reported.
        return Some(template);
    }
    for field in &used {
        if let Some(help) = misplaced(field, &template) {
            at.fault(format!("`{{{}}}` cannot stand here", field.id()), help);
            return None;
        }
    }
    let rounds = used.iter().map(|field| field.choices().len()).max().unwrap_or(0).max(1);
    for round in 0..rounds {
        let sample = template.render(|name| {
            let field = used.iter().find(|field| field.id().as_str() == name)?;
            Some(match field.kind() {
                Kind::Choice(choices) => {
                    choices.get(round.min(choices.len().checked_sub(1)?))?.value().into()
                }
                Kind::Url => "https://host.example".into(),
                Kind::Host => "host.example".into(),
                Kind::Text => "label".into(),
            })
        })?;
        if let Err(error) = Origin::parse(&sample) {
            let help = (sample != text).then(|| format!("with a value filled in it reads `{sample}`"));
            at.fault(error.to_string(), help);
            return None;
        }
    }
    Some(template)
}

/// Why a field cannot stand in an origin, if it cannot.
fn misplaced(field: &Field, template: &Template) -> Option<String> {
    let id = field.id();
    if field.is_secret() {
        return Some(format!(
            "`{id}` is a secret, and a host is seen by everyone; say `secret: false`, or use another field"
        ));
    }
    if field.is_optional() {
        return Some(format!("`{id}` may be left out: give it a default"));
    }
    let alone = template.sole_name().is_some();
    match field.kind() {
        Kind::Url => (!alone).then(|| format!("`{id}` is a whole origin: write \"{{{id}}}\"")),
        Kind::Choice(_) => alone.then(|| format!("write \"https://{{{id}}}\"")),
        Kind::Host => (!is_whole_host(template))
            .then(|| format!("`{id}` is a whole host: write \"https://{{{id}}}\", or make it a text")),
        Kind::Text => (!is_below_a_domain(id, template)).then(|| {
            format!(
                "`{id}` is one part of a name, and the domain below which it stands is written out: \"https://{{{id}}}.example.com\"; a whole host is `kind: host`"
            )
        }),
    }
}

/// `https://{host}`, perhaps with a port.
fn is_whole_host(template: &Template) -> bool {
    match template.parts() {
        [Part::Literal(scheme), Part::Name(_), rest @ ..] => {
            &**scheme == "https://"
                && match rest {
                    [] => true,
                    [Part::Literal(port)] => port.starts_with(':'),
                    _ => false,
                }
        }
        _ => false,
    }
}

/// Tells whether a dot and at least two labels of the descriptor's own follow every value: `{a}.example.com`, and
/// neither `{a}example.com`, which somebody can register, nor `example.{a}`.
fn is_below_a_domain(id: &Id, template: &Template) -> bool {
    let last_name = template.parts().iter().rposition(|part| matches!(part, Part::Name(_)));
    let at =
        template.parts().iter().rposition(|part| matches!(part, Part::Name(name) if **name == *id.as_str()));
    let own_domain = |part: Option<&Part>| match part {
        Some(Part::Literal(literal)) => {
            let host = literal.split(':').next().unwrap_or_default();
            host.strip_prefix('.').is_some_and(|domain| domain.trim_end_matches('/').contains('.'))
        }
        _ => false,
    };
    // Only what follows the last value is surely the end of the name.
    at.is_some() && own_domain(last_name.and_then(|last| template.parts().get(last + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_name_stands_below_a_domain_of_the_descriptors_own() {
        for (text, expected) in [
            ("https://{a}.example.com", true),
            ("https://{a}.example.com:8443", true),
            ("https://api-{a}.example.com/", true),
            ("https://{a}.{b}.example.com", true),
            ("https://{a}example.com", false),
            ("https://{a}.com", false),
            ("https://example.{a}", false),
            ("https://x.{a}.com", false),
            ("https://{a}.example.{b}", false),
            ("https://{a}", false),
            ("https://{a}:8443.example.com", false),
        ] {
            let template = Template::parse(text).unwrap();
            let id = Id::parse("a").unwrap();
            assert_eq!(is_below_a_domain(&id, &template), expected, "{text}");
        }
    }
}
