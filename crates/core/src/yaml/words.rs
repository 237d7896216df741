//! The language as data: the keys of each map, what may stand under them, and what they mean.
//!
//! The reader looks its keys up here, and the schema for editors is made of the same tables ([`super::schema`]), so that
//! neither knows a key that the other does not.

/// The words that a map of the language may hold.
#[derive(Debug)]
pub(crate) struct Words {
    /// What the map describes, with its article.
    pub(crate) noun: &'static str,
    /// Its keys, in the order in which a person wants to read of them.
    pub(crate) keys: &'static [Key],
    /// Which of them need each other, as far as a schema can tell.
    pub(crate) together: &'static [Together],
}

/// A key of the language.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// Whether the map is at fault without it.
    pub(crate) needed: bool,
    /// What stands under it.
    pub(crate) holds: Holds,
    /// What it means, for somebody who writes a descriptor. CONTRIBUTING.md says the same.
    pub(crate) says: &'static str,
    /// What may stand there, as a descriptor has it.
    pub(crate) examples: &'static [&'static str],
}

/// What may stand under a key, as far as a schema can tell.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Holds {
    /// Text of one line.
    Line,
    /// Text, perhaps of several lines.
    Text,
    /// Text of a form.
    Like(&'static Like),
    /// One of a closed set of words.
    Word(&'static [&'static str]),
    /// True or false.
    Flag,
    /// A whole number, not below the first one and not above the second.
    Number(i64, i64),
    /// Anything.
    Any,
    /// Anything; when it is a map, its keys are words.
    AnyOrWords(&'static Words),
    /// A list of at least so many.
    List(&'static Holds, usize),
    /// A list of not fewer than the first, and not more than the second.
    Few(&'static Holds, usize, usize),
    /// A map whose keys are free.
    Map(&'static Names, &'static Holds),
    /// A map whose keys are words.
    Words(&'static Words),
    /// One of several forms.
    Either(&'static [Holds]),
}

/// What keys of one map have to do with each other.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Together {
    /// At least one of these stands there.
    AnyOf(&'static [&'static str]),
    /// Exactly one key stands there.
    One,
    /// The first one stands beside the second alone.
    Beside(&'static str, &'static str),
    /// Never both.
    Apart(&'static str, &'static str),
}

/// A form of text.
#[derive(Debug)]
pub(crate) struct Like {
    /// What such a text is, for a message.
    pub(crate) noun: &'static str,
    /// A regular expression that JavaScript has too.
    pub(crate) pattern: &'static str,
}

/// The keys of a map in which they are free.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) like: &'static Like,
    /// Those that are not allowed all the same.
    pub(crate) never: &'static [&'static str],
    /// The fewest and the most entries.
    pub(crate) count: (usize, usize),
}

impl Key {
    /// A key that has to be there.
    pub(crate) const fn need(
        name: &'static str,
        holds: Holds,
        says: &'static str,
        examples: &'static [&'static str],
    ) -> Self {
        Self { name, needed: true, holds, says, examples }
    }

    /// A key that may be left out.
    pub(crate) const fn may(
        name: &'static str,
        holds: Holds,
        says: &'static str,
        examples: &'static [&'static str],
    ) -> Self {
        Self { name, needed: false, holds, says, examples }
    }
}

impl Words {
    /// The key of a name.
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The names of the keys.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|key| key.name)
    }
}

/// The words of a table that says what each of them means to the reader.
pub(crate) const fn words_of<T: Copy, const N: usize>(table: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut words = [""; N];
    let mut at = 0;
    while at < N {
        words[at] = table[at].0;
        at += 1;
    }
    words
}
