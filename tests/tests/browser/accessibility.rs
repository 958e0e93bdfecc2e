//! Accessibility: axe-core, and properties that it does not check.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::layout::WIDTHS;
use super::service::{LoadBalancer, Pod};
use super::tab::{Tab, Theme};

/// axe-core, installed by `dev/install test`.
fn axe() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/axe/axe.min.js");
    std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run dev/install test", path.display()))
}

/// A page on which pods answer, drain and fail, paused so that it does not change.
fn open() -> (Vec<Pod>, Tab) {
    let pods = Pod::three();
    let mut tab = Tab::open(&LoadBalancer::start(&pods).url());
    tab.until("document.getElementById('you').textContent !== '…'");
    tab.until("document.getElementById('pods').textContent === '3 pods'");
    tab.answer_polls_with(
        "(poll) => poll % 2 ? null : ({ pod: 'leaving', state: 'draining', visits: 7 })",
    );
    tab.until("/^\\d/.test(document.getElementById('failed').textContent)");
    tab.until("document.body.innerText.includes('draining')");
    tab.click("button");
    (pods, tab)
}

#[test]
fn axe_finds_nothing_at_any_width_in_either_theme() {
    let (_pods, mut tab) = open();
    let _: Value = tab.evaluate(&format!("{{ {}; null }}", axe()));
    for theme in Theme::ALL {
        for width in WIDTHS {
            tab.show(width, 900, theme);
            let found: Value = tab.evaluate(
                "axe.run(document).then(({ violations, incomplete, passes }) => {
                   const brief = (rules) => rules.map(({ id, nodes }) =>
                     [id, ...nodes.map(({ html, failureSummary }) => html + ': ' + failureSummary)]);
                   return { violations: brief(violations), incomplete: brief(incomplete),
                     contrast: passes.some(({ id }) => id === 'color-contrast') };
                 })",
            );
            let nothing = json!({ "violations": [], "incomplete": [], "contrast": true });
            assert_eq!(found, nothing, "{theme:?} at {width} px: {found:#}");
        }
    }
}

#[test]
fn the_table_has_a_name_and_headers_at_every_width() {
    let (_pods, mut tab) = open();
    tab.call("Accessibility.enable", &json!({}));
    for width in WIDTHS {
        tab.show(width, 900, Theme::Light);
        let tree = tab.call("Accessibility.getFullAXTree", &json!({}));
        let nodes = tree["nodes"].as_array().expect("a list");
        let named = |role: &str| -> Vec<&str> {
            let with_role = nodes.iter().filter(|node| node["role"]["value"] == role);
            let name = with_role.filter_map(|node| node["name"]["value"].as_str());
            name.collect()
        };
        assert_eq!(named("table"), ["Answers by pod"], "at {width} px");
        assert_eq!(
            named("columnheader"),
            [
                "Pod",
                "Zone",
                "State",
                "Share of the last 100",
                "Answers",
                "Latency"
            ],
            "at {width} px"
        );
        // The header, and a row for each pod.
        assert_eq!(named("row").len(), 5, "at {width} px");
        assert_eq!(
            named("cell").len() + named("rowheader").len(),
            24,
            "at {width} px"
        );
    }
}
