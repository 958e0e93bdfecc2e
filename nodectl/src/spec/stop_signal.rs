//! The signal that stops a container.

use nix::libc;
use nix::sys::signal::Signal;
use oci::image::Config;

/// The number of the image's `STOPSIGNAL`, a name (with or without `SIG`) or a number; SIGTERM if it is
/// missing or unknown.
pub(crate) fn stop_signal(image: &Config) -> i32 {
    let of_image = image.spec.config().as_ref();
    of_image
        .and_then(|config| config.stop_signal().as_deref())
        .and_then(parse)
        .unwrap_or(libc::SIGTERM)
}

fn parse(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse() {
        return (1..=libc::SIGRTMAX()).contains(&number).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let real_time = |base: i32, sign: i32, offset: &str| {
        let offset: i32 = if offset.is_empty() {
            0
        } else {
            offset[1..].parse().ok()?
        };
        let number = base + sign * offset;
        let all = libc::SIGRTMIN()..=libc::SIGRTMAX();
        all.contains(&number).then_some(number)
    };
    if let Some(offset) = name.strip_prefix("RTMIN") {
        return real_time(libc::SIGRTMIN(), 1, offset);
    }
    if let Some(offset) = name.strip_prefix("RTMAX") {
        return real_time(libc::SIGRTMAX(), -1, offset);
    }
    format!("SIG{name}")
        .parse::<Signal>()
        .ok()
        .map(|signal| signal as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_a_name_or_a_number() {
        let check = |text: &str, expected: Option<i32>| assert_eq!(parse(text), expected, "{text}");
        check("SIGQUIT", Some(libc::SIGQUIT));
        check("quit", Some(libc::SIGQUIT));
        check("3", Some(3));
        check("SIGRTMIN+3", Some(libc::SIGRTMIN() + 3));
        check("RTMAX-1", Some(libc::SIGRTMAX() - 1));
        for text in ["", "SIG", "SIGNOTHING", "0", "-1", "65", "SIGRTMIN+99"] {
            check(text, None);
        }
    }
}
