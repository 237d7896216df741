//! Colours that can be read: contrast as WCAG 2.2 defines it.

use std::fmt;

/// A colour of the sRGB space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Colour([u8; 3]);

pub(super) const BLACK: Colour = Colour([0; 3]);
pub(super) const WHITE: Colour = Colour([255; 3]);

/// What text needs against what is behind it, and what a control's outline needs.
pub(super) const TEXT: f64 = 4.5;
pub(super) const OUTLINE: f64 = 3.0;

impl Colour {
    pub(super) const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self([red, green, blue])
    }

    /// Reads `#rrggbb`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        let part = |at| {
            let part: &str = digits.get(at..at + 2)?;
            part.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u8::from_str_radix(part, 16).ok())?
        };
        Some(Self([part(0)?, part(2)?, part(4)?]))
    }

    /// From 1, which nobody sees, to 21: <https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>.
    pub(super) fn contrast(self, other: Self) -> f64 {
        let (one, other) = (self.luminance(), other.luminance());
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// The least contrast with any of these.
    pub(super) fn least_contrast(self, others: &[Self]) -> f64 {
        others.iter().map(|other| self.contrast(*other)).fold(f64::INFINITY, f64::min)
    }

    /// Some of another colour in this one: 0 for none of it, 100 for nothing else.
    pub(super) fn mix(self, other: Self, percent: u8) -> Self {
        let (own, percent) = (u16::from(100 - percent), u16::from(percent));
        let part = |at: usize| {
            let mixed = (u16::from(self.0[at]) * own + u16::from(other.0[at]) * percent + 50) / 100;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        };
        Self([part(0), part(1), part(2)])
    }

    /// This colour, or the shade or tint of it that is next and has that much contrast with all of these. Where none has, black
    /// or white, whichever has more.
    pub(super) fn readable(self, on: &[Self], contrast: f64) -> Self {
        let more = |one: Self, other: Self| {
            if one.least_contrast(on) >= other.least_contrast(on) { one } else { other }
        };
        let end = more(BLACK, WHITE);
        (0..=100)
            .step_by(2)
            .map(|percent| self.mix(end, percent))
            .find(|colour| colour.least_contrast(on) >= contrast)
            .unwrap_or(end)
    }

    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_that_of_the_standard() {
        let grey = Colour::parse("#767676").unwrap();
        for (one, other, expected) in [
            (BLACK, WHITE, 21.0),
            (WHITE, WHITE, 1.0),
            (grey, WHITE, 4.54),
            (Colour::new(255, 0, 0), WHITE, 4.0),
        ] {
            let contrast = one.contrast(other);
            assert!((contrast - expected).abs() < 0.01, "{one} on {other}: {contrast}");
        }
    }

    #[test]
    fn only_six_digits_are_a_colour() {
        assert_eq!(Colour::parse("#0fA0ff"), Some(Colour::new(0x0f, 0xa0, 0xff)));
        for text in ["", "#", "0fa0ff", "#fff", "#0fa0ff0", "#+fa0ff", "#0fa0f ", "#äöü", "#0fa0fg", "red"]
        {
            assert_eq!(Colour::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_colour_that_can_be_read_stays() {
        let blue = Colour::parse("#2f5bd7").unwrap();
        assert_eq!(blue.readable(&[WHITE], TEXT), blue);
        let yellow = Colour::parse("#ffdd00").unwrap();
        assert_ne!(yellow.readable(&[WHITE], TEXT), yellow);
        assert_eq!(yellow.readable(&[BLACK], TEXT), yellow);
    }
}
