#![doc = include_str!("../README.md")]

mod data;
mod form;
mod hints;
mod input;

mod html;
mod json_schema;
mod object;
pub mod terminal;
mod ui_schema;

pub use form::Form;
pub use html::{FORM_JS, Html};
pub use input::{Input, Notice};
