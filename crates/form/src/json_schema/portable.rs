//! A descriptor's own pattern, in the words of ECMA-262, where both say the same.

use keyway_core::{Characters, Field, Kind};
use regex_syntax::ast::{
    Assertion, AssertionKind, Ast, ClassBracketed, ClassPerl, ClassPerlKind, ClassSet, ClassSetItem,
    GroupKind, Literal, Repetition, RepetitionKind, RepetitionRange, parse::Parser,
};

use super::value::{AFTER, literally, whole};

/// The most of one variable repetition that has a bound.
const MOST: u32 = 256;
/// What core removes around a value.
const AROUND: [char; 6] = [' ', '"', '\'', '`', '<', '>'];

/// The pattern of a field's raw value that follows from the descriptor's own; `None` where there is none, where ECMA-262
/// does not have it or counts characters otherwise, and where a backtracking engine might need more than linear time: in
/// what repeats in more than two ways, or cannot be told from the white space and the quotes around it.
pub(super) fn pattern(field: &Field, blank: bool) -> Option<String> {
    if *field.kind() != Kind::Text || field.characters() == Characters::HostLabel {
        // Core matches the canonical spelling.
        return None;
    }
    Some(whole(field, &format!("(?:{})", ecma(field.pattern()?)?), AFTER, blank))
}

/// A pattern in the words of ECMA-262.
fn ecma(text: &str) -> Option<String> {
    let ast = Parser::new().parse(text).ok()?;
    let mut writer = Writer::default();
    let body = writer.whole(&ast)?;
    (writer.endless <= 1 && writer.variable <= 2 && !is_empty_too(&ast)).then_some(body)
}

/// Writes a pattern anew, and counts what makes backtracking engines slow.
#[derive(Default)]
struct Writer {
    /// Repetitions without a bound.
    endless: usize,
    /// Repetitions of no fixed length.
    variable: usize,
}

impl Writer {
    /// A whole pattern; what it says of the ends is said anyway.
    fn whole(&mut self, ast: &Ast) -> Option<String> {
        match ast {
            Ast::Concat(concat) => {
                let mut parts = concat.asts.as_slice();
                if let [Ast::Assertion(first), rest @ ..] = parts
                    && is(first, &[AssertionKind::StartLine, AssertionKind::StartText])
                {
                    parts = rest;
                }
                if let [rest @ .., Ast::Assertion(last)] = parts
                    && is(last, &[AssertionKind::EndLine, AssertionKind::EndText])
                {
                    parts = rest;
                }
                parts.iter().map(|part| self.write(part)).collect()
            }
            _ => self.write(ast),
        }
    }

    fn write(&mut self, ast: &Ast) -> Option<String> {
        match ast {
            Ast::Empty(_) => Some(String::new()),
            Ast::Literal(literal) => Some(literally(character(literal)?.to_string().as_str())),
            Ast::ClassPerl(class) => Some(format!("[{}]", perl(class)?)),
            Ast::ClassBracketed(class) => bracketed(class),
            Ast::Group(group) => match &group.kind {
                GroupKind::CaptureIndex(_) => Some(format!("(?:{})", self.write(&group.ast)?)),
                GroupKind::NonCapturing(flags) if flags.items.is_empty() => {
                    Some(format!("(?:{})", self.write(&group.ast)?))
                }
                _ => None,
            },
            Ast::Alternation(alternation) => {
                let parts: Option<Vec<_>> = alternation.asts.iter().map(|part| self.write(part)).collect();
                Some(parts?.join("|"))
            }
            Ast::Concat(concat) => concat.asts.iter().map(|part| self.write(part)).collect(),
            Ast::Repetition(repetition) => self.repeated(repetition),
            _ => None,
        }
    }

    fn repeated(&mut self, repetition: &Repetition) -> Option<String> {
        let times = match &repetition.op.kind {
            RepetitionKind::ZeroOrOne => "?".to_owned(),
            RepetitionKind::ZeroOrMore => "*".to_owned(),
            RepetitionKind::OneOrMore => "+".to_owned(),
            RepetitionKind::Range(RepetitionRange::Exactly(n)) => format!("{{{n}}}"),
            RepetitionKind::Range(RepetitionRange::AtLeast(n)) => format!("{{{n},}}"),
            RepetitionKind::Range(RepetitionRange::Bounded(n, m)) if *m <= MOST => format!("{{{n},{m}}}"),
            RepetitionKind::Range(RepetitionRange::Bounded(..)) => return None,
        };
        let fixed = matches!(repetition.op.kind, RepetitionKind::Range(RepetitionRange::Exactly(_)));
        self.variable += usize::from(!fixed);
        self.endless += usize::from(times == "*" || times == "+" || times.ends_with(",}"));
        // A choice that is repeated may be tried in every combination.
        let open = repetition.op.kind != RepetitionKind::ZeroOrOne;
        if open && (!has_one_length(&repetition.ast) || is_repeated(&repetition.ast)) {
            return None;
        }
        Some(self.write(&repetition.ast)? + &times)
    }
}

/// A class that says what is in it. One that says what is not holds white space, and to core parts of characters.
fn bracketed(class: &ClassBracketed) -> Option<String> {
    let ClassSet::Item(item) = &class.kind else { return None };
    let items = match item {
        ClassSetItem::Union(union) => union.items.as_slice(),
        item => std::slice::from_ref(item),
    };
    let inner: Option<String> = items.iter().map(member).collect();
    inner.filter(|inner| !class.negated && !inner.is_empty()).map(|inner| format!("[{inner}]"))
}

fn is(assertion: &Assertion, kinds: &[AssertionKind]) -> bool {
    kinds.contains(&assertion.kind)
}

/// Tells whether there is one way to match, of one length.
fn has_one_length(ast: &Ast) -> bool {
    match ast {
        Ast::Group(group) => has_one_length(&group.ast),
        Ast::Concat(concat) => concat.asts.iter().all(has_one_length),
        Ast::Repetition(repetition) => {
            matches!(repetition.op.kind, RepetitionKind::Range(RepetitionRange::Exactly(_)))
                && has_one_length(&repetition.ast)
        }
        Ast::Alternation(_) | Ast::Empty(_) => false,
        _ => true,
    }
}

/// Tells whether nothing at all matches too.
fn is_empty_too(ast: &Ast) -> bool {
    match ast {
        Ast::Empty(_) | Ast::Assertion(_) => true,
        Ast::Group(group) => is_empty_too(&group.ast),
        Ast::Concat(concat) => concat.asts.iter().all(is_empty_too),
        Ast::Alternation(alternation) => alternation.asts.iter().any(is_empty_too),
        Ast::Repetition(repetition) => match repetition.op.kind {
            RepetitionKind::ZeroOrOne | RepetitionKind::ZeroOrMore => true,
            RepetitionKind::OneOrMore => is_empty_too(&repetition.ast),
            RepetitionKind::Range(
                RepetitionRange::Exactly(least)
                | RepetitionRange::AtLeast(least)
                | RepetitionRange::Bounded(least, _),
            ) => least == 0 || is_empty_too(&repetition.ast),
        },
        _ => false,
    }
}

/// Tells whether a quantifier stands right behind another one, which ECMA-262 does not have.
fn is_repeated(ast: &Ast) -> bool {
    matches!(ast, Ast::Repetition(_))
}

fn member(item: &ClassSetItem) -> Option<String> {
    match item {
        ClassSetItem::Literal(literal) => Some(in_class(character(literal)?)),
        ClassSetItem::Range(range) => {
            let (first, last) = (character(&range.start)?, character(&range.end)?);
            (!AROUND.iter().any(|sign| (first..=last).contains(sign)))
                .then(|| format!("{}-{}", in_class(first), in_class(last)))
        }
        ClassSetItem::Perl(class) => Some(perl(class)?.to_owned()),
        _ => None,
    }
}

/// Digits and letters, as ASCII has them.
fn perl(class: &ClassPerl) -> Option<&'static str> {
    match (&class.kind, class.negated) {
        (ClassPerlKind::Digit, false) => Some("0-9"),
        (ClassPerlKind::Word, false) => Some("A-Za-z0-9_"),
        _ => None,
    }
}

fn character(literal: &Literal) -> Option<char> {
    (literal.c.is_ascii_graphic() && !AROUND.contains(&literal.c)).then_some(literal.c)
}

fn in_class(c: char) -> String {
    match c {
        '-' => r"\-".to_owned(),
        c if c.is_ascii_alphanumeric() || "_.,:;=@%+!#".contains(c) => c.into(),
        // Some engines read two of a kind, or an opening bracket, as more than a character.
        c => format!(r"\x{:02x}", u32::from(c)),
    }
}

#[cfg(test)]
mod tests {
    use super::ecma;

    #[test]
    fn what_both_languages_say_is_taken_over() {
        for (text, expected) in [
            ("[A-Z0-9]{8}", "[A-Z0-9]{8}"),
            (r"^sk_(live|test)_\w{20,200}$", "sk_(?:live|test)_[A-Za-z0-9_]{20,200}"),
            (r"\A\d+\z", "[0-9]+"),
            (r"[\w.+/=-]+?", r"[A-Za-z0-9_.+\x2f=\-]+"),
            (r"[&\&~\[\]^|]x", r"[\x26\x26\x7e\x5b\x5d\x5e\x7c]x"),
            (r"a\.b/c\x2dd", r"a\.b\/c-d"),
            ("(?:[0-9a-f]{4}-){3}[0-9a-f]{4,}", "(?:[0-9a-f]{4}-){3}[0-9a-f]{4,}"),
            ("(a|bc?)d", "(?:a|bc?)d"),
        ] {
            assert_eq!(ecma(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_one_of_them_reads_otherwise_or_slowly_is_not() {
        for text in [
            // Read otherwise, or not at all.
            "(?i)abc",
            "(?P<name>a)",
            "(?x: a b)",
            r"a\b",
            r"\s",
            r"\W",
            r"\D",
            "[[:alpha:]]",
            "[a-z&&[^x]]",
            "[^x]{8}",
            ".{8}",
            "é",
            r"\xe9",
            "a{2}{3}",
            "a**",
            "x^a",
            "a$b",
            "^a|b$",
            // Slow where an engine goes back.
            "(a+)+",
            "(a|ab)*c",
            "(a?){20}",
            "(a*)*",
            "a+b+",
            "a{0,300}",
            "a?b?c?",
            // Not told from nothing, or from what stands around it.
            "a*",
            "",
            "a?",
            "(a|)",
            "[ a]+",
            "[\"a]+",
            "[!-~]+",
            "<a>",
        ] {
            assert_eq!(ecma(text), None, "{text}");
        }
    }
}
