//! A look's colours, made such that everything on the pages can be read.

use std::fmt::Write as _;

use super::colour::{BLACK, Colour, OUTLINE, TEXT, WHITE};
use crate::Look;

/// All colours of one theme.
struct Palette {
    page: Colour,
    surface: Colour,
    ink: Colour,
    muted: Colour,
    line: Colour,
    edge: Colour,
    /// Of links and of what has the focus.
    accent: Colour,
    /// Of the main button: as the platform says it, since the text on it can be chosen.
    fill: Colour,
    fill_edge: Colour,
    on_fill: Colour,
    fill_hover: Colour,
    on_fill_hover: Colour,
    tint: Colour,
    bad: Colour,
    bad_tint: Colour,
    warn: Colour,
    warn_tint: Colour,
    good: Colour,
    good_tint: Colour,
}

/// What a theme is made of where a look does not say.
struct Plain {
    accent: Colour,
    page: Colour,
    bad: Colour,
    warn: Colour,
    good: Colour,
}

const LIGHT: Plain = Plain {
    accent: Colour::new(0x2b, 0x59, 0xc3),
    page: Colour::new(0xf5, 0xf6, 0xf8),
    bad: Colour::new(0xb4, 0x23, 0x18),
    warn: Colour::new(0x93, 0x5f, 0x00),
    good: Colour::new(0x14, 0x7a, 0x47),
};
const DARK: Plain = Plain {
    accent: Colour::new(0x8a, 0xab, 0xff),
    page: Colour::new(0x0f, 0x12, 0x16),
    bad: Colour::new(0xff, 0x8f, 0x84),
    warn: Colour::new(0xf0, 0xb4, 0x4c),
    good: Colour::new(0x5f, 0xd0, 0x96),
};

const DARK_INK: Colour = Colour::new(0x16, 0x19, 0x1f);
const LIGHT_INK: Colour = Colour::new(0xf2, 0xf4, 0xf7);
/// The contrast that texts have where it can be had.
const COMFORT: f64 = 7.0;

/// A look's colours as a style sheet of custom properties, for light and dark. What stands in it is colours alone.
pub(crate) fn look_css(look: &Look) -> String {
    let colour = |text: &Option<String>| text.as_deref().and_then(Colour::parse);
    let (accent, page) = (colour(&look.accent), colour(&look.background));
    // One accent is enough: its tint for the dark theme is found.
    let accent_dark = colour(&look.accent_dark).or(accent);
    let light = Palette::new(&LIGHT, accent, page);
    let dark = Palette::new(&DARK, accent_dark, colour(&look.background_dark));
    let mut css = String::with_capacity(1024);
    light.write(&mut css);
    css.push_str("@media (prefers-color-scheme:dark){");
    dark.write(&mut css);
    css.push_str("}\n");
    css
}

/// Whether a look says anything of colours.
pub(super) fn has_colours(look: &Look) -> bool {
    [&look.accent, &look.accent_dark, &look.background, &look.background_dark]
        .iter()
        .any(|said| said.is_some())
}

impl Palette {
    fn new(plain: &Plain, accent: Option<Colour>, page: Option<Colour>) -> Self {
        let page = page.unwrap_or(plain.page);
        let ink = ink(page);
        // A card is lighter than its page, unless that would cost its texts their contrast.
        let is_light = ink.contrast(WHITE) > ink.contrast(BLACK);
        let lighter = page.mix(WHITE, if is_light { 100 } else { 5 });
        let surface = if ink.contrast(lighter) >= COMFORT { lighter } else { page };
        let both = [page, surface];
        let fill = accent.unwrap_or(plain.accent);
        let fill_hover = fill.mix(ink, 18);
        let tinted = |colour: Colour| {
            let tint = surface.mix(colour, 9);
            let tint = if ink.contrast(tint) >= TEXT { tint } else { surface };
            (colour.readable(&[page, surface, tint], TEXT), tint)
        };
        let (bad, bad_tint) = tinted(plain.bad);
        let (warn, warn_tint) = tinted(plain.warn);
        let (good, good_tint) = tinted(plain.good);
        let tint = surface.mix(ink, 5);
        let tint = if ink.contrast(tint) >= TEXT { tint } else { surface };
        Self {
            page,
            surface,
            ink,
            muted: ink.mix(surface, 32).readable(&[page, surface, tint], TEXT),
            line: surface.mix(ink, 13),
            edge: surface.mix(ink, 48).readable(&both, OUTLINE),
            accent: fill.readable(&both, TEXT),
            fill,
            fill_edge: fill.readable(&both, OUTLINE),
            on_fill: on(fill),
            fill_hover,
            on_fill_hover: on(fill_hover),
            tint,
            bad,
            bad_tint,
            warn,
            warn_tint,
            good,
            good_tint,
        }
    }

    fn all(&self) -> [(&'static str, Colour); 18] {
        [
            ("page", self.page),
            ("surface", self.surface),
            ("ink", self.ink),
            ("muted", self.muted),
            ("line", self.line),
            ("edge", self.edge),
            ("accent", self.accent),
            ("fill", self.fill),
            ("fill-edge", self.fill_edge),
            ("on-fill", self.on_fill),
            ("fill-hover", self.fill_hover),
            ("on-fill-hover", self.on_fill_hover),
            ("tint", self.tint),
            ("bad", self.bad),
            ("bad-tint", self.bad_tint),
            ("warn", self.warn),
            ("warn-tint", self.warn_tint),
            ("good", self.good),
            ("good-tint", self.good_tint),
        ]
    }

    fn write(&self, css: &mut String) {
        css.push_str(":root{");
        for (name, colour) in self.all() {
            let _infallible = write!(css, "--{name}:{colour};");
        }
        css.push_str("}\n");
    }
}

/// The colour of texts on a background.
fn ink(page: Colour) -> Colour {
    let soft = [DARK_INK, LIGHT_INK].into_iter().find(|ink| ink.contrast(page) >= COMFORT);
    soft.unwrap_or_else(|| if BLACK.contrast(page) >= WHITE.contrast(page) { BLACK } else { WHITE })
}

/// The colour of texts on a button: white where that can be read.
fn on(button: Colour) -> Colour {
    [WHITE, DARK_INK].into_iter().find(|ink| ink.contrast(button) >= TEXT).unwrap_or(BLACK)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is put on what, and the least contrast.
    #[track_caller]
    fn check(palette: &Palette, of: &str) {
        let on = |what: &str, colour: Colour, behind: Colour, least: f64| {
            let contrast = colour.contrast(behind);
            assert!(contrast >= least, "{of}: {what} {colour} on {behind}: {contrast}");
        };
        for behind in [palette.page, palette.surface, palette.tint] {
            on("ink", palette.ink, behind, TEXT);
            on("muted", palette.muted, behind, TEXT);
        }
        for behind in [palette.page, palette.surface] {
            on("accent", palette.accent, behind, TEXT);
            on("edge", palette.edge, behind, OUTLINE);
            for colour in [palette.bad, palette.warn, palette.good] {
                on("state", colour, behind, TEXT);
            }
        }
        on("button", palette.on_fill, palette.fill, TEXT);
        on("button, pointed at", palette.on_fill_hover, palette.fill_hover, TEXT);
        for behind in [palette.page, palette.surface] {
            on("button's edge", palette.fill_edge, behind, OUTLINE);
        }
        let tints = [
            (palette.bad, palette.bad_tint),
            (palette.warn, palette.warn_tint),
            (palette.good, palette.good_tint),
        ];
        for (colour, tint) in tints {
            on("state", colour, tint, TEXT);
            on("ink", palette.ink, tint, TEXT);
        }
    }

    #[test]
    fn whatever_a_platform_says_can_be_read() {
        let steps = [0x00, 0x44, 0x77, 0x88, 0xbb, 0xff];
        let colours = || {
            steps.into_iter().flat_map(move |red| {
                steps
                    .into_iter()
                    .flat_map(move |green| steps.into_iter().map(move |blue| Colour::new(red, green, blue)))
            })
        };
        for page in colours() {
            for accent in colours().step_by(17) {
                for plain in [&LIGHT, &DARK] {
                    check(&Palette::new(plain, Some(accent), Some(page)), &format!("{accent} on {page}"));
                }
            }
        }
        for plain in [&LIGHT, &DARK] {
            check(&Palette::new(plain, None, None), "plain");
        }
    }

    #[test]
    fn colours_that_can_be_read_are_left_alone() {
        let look = Look { accent: Some("#6633cc".to_owned()), ..Look::default() };
        let css = look_css(&look);
        assert!(css.starts_with(":root{--page:#f5f6f8;--surface:#ffffff;"), "{css}");
        assert!(
            css.contains("--accent:#6633cc;--fill:#6633cc;--fill-edge:#6633cc;--on-fill:#ffffff;"),
            "{css}"
        );
        // A brand's yellow stays yellow where a dark text can stand on it, and is darker where it is the text.
        let look = Look { accent: Some("#ffcc00".to_owned()), ..Look::default() };
        let css = look_css(&look);
        let light = css.split("@media").next().unwrap();
        assert!(light.contains("--fill:#ffcc00;") && light.contains("--on-fill:#16191f;"), "{light}");
        assert!(!light.contains("--accent:#ffcc00;"), "{light}");
    }

    #[test]
    fn n63_what_is_no_colour_is_not_in_the_style_sheet() {
        let evil = "red;}body{background:url(//evil.example)}";
        let look = Look {
            name: Some(evil.to_owned()),
            accent: Some(evil.to_owned()),
            background_dark: Some(evil.to_owned()),
            ..Look::default()
        };
        assert_eq!(look_css(&look), look_css(&Look::default()));
    }
}
