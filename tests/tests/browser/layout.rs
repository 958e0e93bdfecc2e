//! Whether everything fits into the window.

use super::service::{LoadBalancer, Pod};
use super::tab::{Tab, Theme};

/// A desktop, a phone, and the narrowest that WCAG 2.2 (1.4.10) requires.
pub(crate) const WIDTHS: [u32; 3] = [1280, 390, 320];

/// Just above and below the width at which the table turns into blocks.
const BETWEEN: [u32; 2] = [870, 860];

/// Elements that overflow the window or their own box, except those for screen readers, which are
/// clipped on purpose.
const OUTSIDE: &str = "(() => {
    const found = [], page = document.scrollingElement;
    if (page.scrollWidth > innerWidth) found.push('the page scrolls to ' + page.scrollWidth);
    for (const element of document.body.querySelectorAll('*')) {
      let clipped = element;
      while (clipped && getComputedStyle(clipped).clipPath !== 'inset(50%)') clipped = clipped.parentElement;
      if (clipped || !element.checkVisibility()) continue;
      const box = element.getBoundingClientRect();
      const name = element.tagName + '#' + element.id + '.' + element.className;
      if (box.width && (box.left < -.5 || box.right > innerWidth + .5))
        found.push(name + ' is at ' + box.left + ' to ' + box.right);
      const style = getComputedStyle(element);
      if (element.clientWidth && style.display !== 'inline' && element.scrollWidth > element.clientWidth + 1)
        found.push(name + ' of ' + element.clientWidth + ' holds ' + element.scrollWidth);
    }
    return found;
  })()";

fn check(greeting: &str, pods: &[&str]) {
    let settings = [
        ("APP_GREETING", greeting),
        ("APP_POD_NAME", pods[0]),
        (
            "APP_POD_NAMESPACE",
            "a-namespace-may-have-sixty-three-characters-and-this-has-them-all",
        ),
        ("APP_ZONE", "eu-west-1-wl1-lon-wlz-1"),
    ];
    let settings = settings.map(|(name, value)| (name, value.get(..63).unwrap_or(value)));
    let pods_here = [Pod::start(&settings)];
    let balancer = LoadBalancer::start(&pods_here);
    let mut tab = Tab::open(&balancer.url());
    let names = serde_json::to_string(pods).expect("strings");
    tab.answer_polls_with(&format!(
        "(poll) => poll % 9 === 8 ? null : ({{ pod: {names}[poll % {}], zone: 'eu-west-1-wl1-lon-wlz-1',
           visits: 123456789, state: poll % 2 ? 'draining' : 'ready' }})",
        pods.len()
    ));
    tab.until("/^\\d/.test(document.getElementById('failed').textContent)");
    for width in WIDTHS.into_iter().chain(BETWEEN) {
        for theme in Theme::ALL {
            tab.show(width, 800, theme);
            let outside: Vec<String> = tab.evaluate(OUTSIDE);
            assert!(outside.is_empty(), "at {width} px: {outside:#?}");
            let columns: Vec<String> = tab.evaluate(
                "[...document.querySelectorAll('#tally tr:first-child > *')]
                   .filter((cell) => !cell.checkVisibility() || !cell.innerText.trim())
                   .map((cell) => cell.outerHTML)",
            );
            assert!(columns.is_empty(), "hidden at {width} px: {columns:?}");
        }
    }
}

#[test]
fn nothing_overflows_the_window() {
    check(
        "Hello from Rust on Kubernetes!",
        &["rust-app-6d5f9c7b44-x2lqp", "rust-app-6d5f9c7b44-7vkzt"],
    );
}

#[test]
fn long_names_stay_inside_the_window() {
    let long = "p".repeat(63);
    check(
        &"W".repeat(200),
        &[&long, "an-app-of-many-words-6d5f9c7b44-7vkzt"],
    );
}
