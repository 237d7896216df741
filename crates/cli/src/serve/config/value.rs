//! How values of a configuration are written. No error quotes one.

use std::{
    ffi::OsString,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;
use keyway::{Origin, vault::Database};
use keyway_hub::PublicUrl;

/// What a key takes instead.
pub(super) type Why = String;

const MINUTE: Duration = Duration::from_secs(60);
/// The longest time.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// `127.0.0.1:8080`
pub(super) fn address(text: &str) -> Result<SocketAddr, Why> {
    text.parse()
        .map_err(|_| "takes addresses with ports, such as 127.0.0.1:8080 or [::]:8443; not names".to_owned())
}

/// One address at least.
pub(super) fn addresses(texts: &[String]) -> Result<Vec<SocketAddr>, Why> {
    if texts.is_empty() {
        return Err("needs an address at least".to_owned());
    }
    texts.iter().map(|text| address(text)).collect()
}

/// Addresses; none of them, or the word `none`, is none.
pub(super) fn addresses_or_none(texts: &[String]) -> Result<Vec<SocketAddr>, Why> {
    if texts == ["none"] {
        return Ok(Vec::new());
    }
    texts.iter().map(|text| address(text)).collect()
}

/// `10.0.0.0/8`, or an address.
pub(super) fn networks(texts: &[String]) -> Result<Vec<IpNet>, Why> {
    let network = |text: &String| text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    texts
        .iter()
        .map(network)
        .collect::<Result<_, _>>()
        .map_err(|_| "takes networks and addresses, such as 10.0.0.0/8".to_owned())
}

/// Where clients find the gateway.
pub(super) fn public_url(text: &str) -> Result<Option<String>, Why> {
    match PublicUrl::parse(text) {
        Ok(_) => Ok(Some(text.to_owned())),
        Err(_) => Err("takes where clients find the gateway, such as https://keyway.example".to_owned()),
    }
}

/// Where browsers find the connect pages.
pub(super) fn origin(text: &str) -> Result<Option<Origin>, Why> {
    Origin::parse_loopback(text).map(Some).map_err(|_| {
        "takes where browsers find the connect pages, such as https://connect.example; http on loopback alone"
            .to_owned()
    })
}

/// What a platform is called.
pub(super) fn platform(text: &str) -> Result<Option<String>, Why> {
    let is_name = (1..=60).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    is_name
        .then(|| Some(text.to_owned()))
        .ok_or_else(|| "takes what the platform is called: 60 characters at most, on one line".to_owned())
}

/// `#1a2b3c`
pub(super) fn colour(text: &str) -> Result<Option<String>, Why> {
    let is_colour = text
        .strip_prefix('#')
        .is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    is_colour.then(|| Some(text.to_owned())).ok_or_else(|| "takes a colour, such as \"#3355cc\"".to_owned())
}

/// The address of a database.
pub(super) fn database(text: &str) -> Result<Option<OsString>, Why> {
    match text.parse::<Database>() {
        Ok(_) => Ok(Some(text.into())),
        Err(_) => Err("takes a database, as sqlite:PATH or postgres://USER@HOST/NAME".to_owned()),
    }
}

/// How many connections to a database there may be.
pub(super) fn connections(text: &str) -> Result<u32, Why> {
    number(text, 4, 1000).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

/// A file's name.
#[expect(clippy::unnecessary_wraps, reason = "stands where other values are checked")]
pub(super) fn path(text: &str) -> Result<Option<PathBuf>, Why> {
    Ok(Some(text.into()))
}

/// `http://proxy.example:3128`, perhaps with a user and a password. What is wrong with it otherwise is found by whoever
/// uses it.
pub(super) fn proxy(text: &str) -> Result<Option<String>, Why> {
    if text.starts_with("http://") || text.starts_with("https://") {
        return Ok(Some(text.to_owned()));
    }
    Err("takes a proxy's URL, such as http://proxy.example:3128".to_owned())
}

/// `30s`, from 1 ms to a day.
pub(super) fn duration(text: &str) -> Result<Duration, Why> {
    within_time(text, Duration::from_millis(1), DAY)
        .ok_or_else(|| "takes a time with its unit in quotes, such as \"30s\", of a day at most".to_owned())
}

/// `24h`, from a minute to 30 days, or the word `off`.
pub(super) fn every(text: &str) -> Result<Option<Duration>, Why> {
    if text == "off" {
        return Ok(None);
    }
    within_time(text, MINUTE, 30 * DAY).map(Some).ok_or_else(|| {
        "takes a time from a minute to 30 days in quotes, such as \"24h\", or \"off\"".to_owned()
    })
}

/// `5m`, from a second to some minutes.
pub(super) fn up_to(text: &str, minutes: u32) -> Result<Duration, Why> {
    within_time(text, Duration::from_secs(1), minutes * MINUTE).ok_or_else(|| {
        format!("takes a time with its unit in quotes, such as \"5m\", of {minutes} minutes at most")
    })
}

fn within_time(text: &str, least: Duration, most: Duration) -> Option<Duration> {
    humantime::parse_duration(text).ok().filter(|time| (least..=most).contains(time))
}

/// `64KiB`, or a number of bytes.
pub(super) fn size(text: &str) -> Result<u64, Why> {
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let unit = match text[digits.len()..].trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => 0,
    };
    let bytes = digits.parse().ok().and_then(|number: u64| number.checked_mul(unit));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| {
        "takes a number of bytes, or a text such as \"64KiB\"; units are KiB, MiB, GiB".to_owned()
    })
}

/// The size of a request's head.
pub(super) fn head(text: &str) -> Result<usize, Why> {
    within(text, 1 << 10, 1 << 20)
        .ok_or_else(|| "takes a size from 1KiB to 1MiB, such as \"64KiB\"".to_owned())
}

/// The size of what is kept in memory.
pub(super) fn in_memory(text: &str) -> Result<usize, Why> {
    within(text, 1, 1 << 30).ok_or_else(|| "takes a size of 1GiB at most, such as \"1MiB\"".to_owned())
}

fn within(text: &str, least: usize, most: usize) -> Option<usize> {
    let bytes = usize::try_from(size(text).ok()?).ok()?;
    (least..=most).contains(&bytes).then_some(bytes)
}

/// A number from one to another.
pub(super) fn number(text: &str, least: usize, most: usize) -> Result<usize, Why> {
    // As TOML writes it.
    text.replace('_', "")
        .parse()
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("takes a number from {least} to {most}"))
}

/// How many there may be of something.
pub(super) fn count(text: &str) -> Result<usize, Why> {
    number(text, 1, 1_000_000)
}

/// How many there may be of something in a minute.
pub(super) fn per_minute(text: &str) -> Result<u32, Why> {
    number(text, 1, 60_000).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

/// The word `none`, or something else.
pub(super) fn or_none<T>(text: &str, other: fn(&str) -> Result<T, Why>) -> Result<Option<T>, Why> {
    if text == "none" {
        return Ok(None);
    }
    other(text).map(Some).map_err(|why| format!("{why}; or \"none\""))
}

/// What one of some words stands for.
pub(super) fn one_of<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, Why> {
    let known = words.iter().find(|(word, _)| *word == text);
    known.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("takes one of {}", words.join(", "))
    })
}
