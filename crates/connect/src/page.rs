//! The pages: HTML for a person, from what a session is. Nothing here asks or changes anything.
