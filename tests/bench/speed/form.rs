//! Drawing a form: empty, and as it comes back.

use keyway_core::{Registry, Submission};
use keyway_form::Form;

use crate::{
    race::{Contender, SHORT, race},
    table::{Limit, Row},
};

pub(crate) fn rows() -> Vec<Row> {
    let registry = Registry::linked().expect("sound descriptors");
    let submission = Submission::new().with("api_key", "two words");
    let mut rows = Vec::new();
    for (what, provider) in [("Rootly", "rootly"), ("Rally", "rally")] {
        let (entry, method) = registry.method(provider, None).expect("it is linked");
        let refused = entry.accept(method, &submission).expect_err("it is refused");
        let form = || Form::new(entry.descriptor(), method);
        let works: [(&str, Contender<'_, ()>); 2] = [
            ("empty", Contender::new(|()| form().html().to_string())),
            ("refused", Contender::new(|()| form().refused(&submission, &refused).html().to_string())),
        ];
        for (state, work) in works {
            let race = race(SHORT, || (), &[work]);
            let what = format!("HTML form, {what}, {state}");
            rows.push(Row::new(what, race.time(0), race.allocations(0)).limit(Limit::Time(30e3)));
        }
    }
    rows
}
