//! Where a method places a secret value in requests, for whoever looks for something else in its place.

use crate::{
    Field,
    placement::Placements,
    template::{Part, Template},
};

/// A place in which a request of a method has a secret value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place<'m> {
    /// A header.
    Header {
        /// Its name, in lower case.
        name: &'m http::HeaderName,
        /// What stands before the first value, such as `Bearer `.
        before: &'m str,
        /// What stands after the last value.
        after: &'m str,
    },
    /// A parameter of the query.
    Query {
        /// Its name, as it is before encoding.
        name: &'m str,
    },
    /// A cookie.
    Cookie {
        /// Its name.
        name: &'m str,
    },
    /// HTTP Basic in `Authorization`: the user's name, the password, or both.
    Basic,
}

impl Placements {
    /// The places of values of secret fields, in the order in which they are written.
    pub(crate) fn places<'m>(&'m self, fields: &'m [Field]) -> impl Iterator<Item = Place<'m>> {
        let secret = |template: &Template| {
            template.names().any(|name| fields.iter().any(|field| field.is_secret() && field.is_called(name)))
        };
        let headers = self.headers.iter().filter(move |(_, template)| secret(template));
        let headers = headers.map(|(name, template)| Place::Header {
            name,
            before: literal(template.parts().first()),
            after: literal(template.parts().last()),
        });
        let query = self.query.iter().filter(move |(_, template)| secret(template));
        let cookies = self.cookies.iter().filter(move |(_, template)| secret(template));
        let basic = self.basic.iter().filter(move |(user, password)| secret(user) || secret(password));
        headers
            .chain(query.map(|(name, _)| Place::Query { name }))
            .chain(cookies.map(|(name, _)| Place::Cookie { name }))
            .chain(basic.map(|_| Place::Basic))
    }
}

fn literal(part: Option<&Part>) -> &str {
    match part {
        Some(Part::Literal(text)) => text,
        Some(Part::Name(_)) | None => "",
    }
}
