//! `keyway form`: a method as a form.

use keyway::{Accepted, Registry, form::Form};

use crate::{
    args::{FormOf, Rendering},
    exit::{Exit, Failure},
    output, values,
};

/// Runs the command.
pub(crate) fn form(registry: &Registry, args: &FormOf) -> Result<Exit, Failure> {
    let (entry, method) = registry.method(&args.id, args.method.as_deref())?;
    let submission = args.values.as_deref().map(values::submission).transpose()?;
    let mut form = Form::new(entry.descriptor(), method);
    if let Some(submission) = &submission {
        form = match entry.accept(method, submission) {
            Ok(Accepted { warnings, .. }) => form.with_warnings(&warnings).with_values(submission),
            Err(refused) => form.refused(submission, &refused),
        };
    }
    match args.rendering {
        Rendering::Text => output::result(&form.text())?,
        Rendering::Html => output::result(&form.html().to_string())?,
        Rendering::Model => output::json(&form)?,
        Rendering::JsonSchema => output::json(&form.json_schema())?,
        Rendering::UiSchema => output::json(&form.ui_schema())?,
    }
    Ok(Exit::Done)
}
