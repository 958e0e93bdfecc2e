//! What the page shows and announces while pods come, go and fail.

use std::time::Duration;

use serde_json::Value;

use super::service::{LoadBalancer, Pod};
use super::tab::Tab;

const ROWS: &str = "[...document.querySelectorAll('#tally tr')].map((row) => row.innerText)";

fn rows(tab: &mut Tab) -> Vec<String> {
    tab.evaluate(ROWS)
}

fn number(tab: &mut Tab, id: &str) -> u64 {
    let text = tab.text(id).replace(',', "");
    let digits = text.split(' ').next().unwrap_or_default();
    digits
        .parse()
        .unwrap_or_else(|_| panic!("not a number: {text}"))
}

#[test]
fn shows_the_request_path_and_every_pod_that_answers() {
    let pods = Pod::three();
    let balancer = LoadBalancer::start(&pods);
    let mut tab = Tab::open(&balancer.url());
    tab.until("document.getElementById('pods').textContent === '3 pods'");
    tab.until("parseInt(document.getElementById('total').textContent) >= 20");
    let heading: String = tab.evaluate("document.querySelector('h1').textContent");
    assert_eq!(heading, "Hello from Rust on Kubernetes!");
    assert_eq!(tab.text("you"), "127.0.0.1");
    assert!(balancer.url().contains(&tab.text("host")));
    assert_eq!(tab.text("pods"), "3 pods");
    assert_eq!(tab.text("failed"), "");
    let rows = rows(&mut tab);
    for suffix in ["x2lqp", "7vkzt", "m9d4c"] {
        let name = format!("rust-app-6d5f9c7b44-{suffix}");
        assert!(
            rows.iter().any(|row| row.contains(&name)),
            "{name}: {rows:?}"
        );
    }
    assert_eq!(tab.complaints(), [] as [String; 0]);
}

#[test]
fn opens_every_sample_route() {
    let pods = Pod::three();
    let balancer = LoadBalancer::start(&pods);
    let mut tab = Tab::open(&balancer.url());
    let links: Vec<String> = tab.evaluate(
        "[...document.querySelectorAll('footer p a')].map((link) => link.getAttribute('href'))",
    );
    let expected = [
        "/headers",
        "/status/503",
        "/delay/2s",
        "/chunked/10",
        "/events",
    ];
    assert_eq!(links, expected);
    let mut answer = |path: &str| -> (u16, String) {
        tab.evaluate(&format!(
            "fetch('{path}').then(async (answer) => [answer.status, await answer.text()])"
        ))
    };
    let (status, headers) = answer("/headers");
    assert!(
        status == 200 && headers.contains("\"sec-fetch-mode\":[\"cors\"]"),
        "{headers}"
    );
    assert_eq!(answer("/status/200"), (200, "200\n".to_owned()));
    assert_eq!(answer("/delay/2s"), (200, "2s\n".to_owned()));
    let (status, chunks) = answer("/chunked/10");
    assert!(
        status == 200 && chunks.ends_with("chunk 10 of 10\n"),
        "{chunks}"
    );
    let event: String = tab.evaluate(
        "new Promise((resolve) => {
           const events = new EventSource('/events');
           events.onmessage = (event) => { events.close(); resolve(event.data); };
         })",
    );
    assert_eq!(event, "0");
    assert_eq!(tab.complaints(), [] as [String; 0]);
}

#[test]
fn counts_failed_polls() {
    let mut pods = Pod::three();
    let balancer = LoadBalancer::start(&pods);
    // The load balancer keeps its address, and cannot connect any more.
    drop(pods.pop());
    let mut tab = Tab::open(&balancer.url());
    tab.until("document.getElementById('pods').textContent === '2 pods'");
    tab.until("/^\\d+ failed/.test(document.getElementById('failed').textContent)");
    assert_eq!(tab.complaints(), [] as [String; 0]);
}

#[test]
fn removes_pods_that_are_gone() {
    let pods = Pod::three();
    let balancer = LoadBalancer::start(&pods);
    let mut tab = Tab::open(&balancer.url());
    tab.advance(Duration::from_secs(5));
    assert_eq!(rows(&mut tab).len(), 3);
    balancer.set_targets(&pods[..2]);
    tab.advance(Duration::from_secs(15));
    let silent = rows(&mut tab);
    let silent = silent.iter().filter(|row| row.contains("silent"));
    assert_eq!(silent.count(), 1, "marked at first");
    tab.advance(Duration::from_mins(1));
    let left = rows(&mut tab);
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(!left.iter().any(|row| row.contains("m9d4c")), "{left:?}");
    assert_eq!(tab.text("pods"), "2 pods");
    balancer.set_targets(&pods);
    tab.advance(Duration::from_secs(5));
    assert_eq!(rows(&mut tab).len(), 3, "back again");
}

#[test]
fn keeps_every_pod_while_no_pod_answers() {
    let pods = Pod::three();
    let balancer = LoadBalancer::start(&pods);
    let mut tab = Tab::open(&balancer.url());
    tab.advance(Duration::from_secs(5));
    tab.answer_polls_with("() => null");
    tab.advance(Duration::from_secs(90));
    let rows = rows(&mut tab);
    assert_eq!(rows.len(), 3);
    // A failing network does not mean that a pod is gone.
    assert!(!rows.iter().any(|row| row.contains("silent")), "{rows:?}");
    assert!(number(&mut tab, "total") > 0);
}

#[test]
fn pauses_and_resumes() {
    let pods = Pod::three();
    let balancer = LoadBalancer::start(&pods);
    let mut tab = Tab::open(&balancer.url());
    tab.advance(Duration::from_secs(3));
    let button = "(() => { const button = document.querySelector('button');
        return [button.textContent, button.getAttribute('aria-pressed')]; })()";
    let label: (String, Option<String>) = tab.evaluate(button);
    // Either a label that changes or a pressed state: both together announce the opposite.
    assert_eq!(label, ("Pause".to_owned(), None));
    tab.click("button");
    let label: (String, Option<String>) = tab.evaluate(button);
    assert_eq!(label, ("Resume".to_owned(), None));
    tab.advance(Duration::from_secs(1));
    let total = number(&mut tab, "total");
    tab.advance(Duration::from_mins(1));
    assert_eq!(number(&mut tab, "total"), total, "no polls while paused");
    tab.click("button");
    tab.advance(Duration::from_secs(3));
    assert!(number(&mut tab, "total") > total);
    let rows = rows(&mut tab);
    assert!(!rows.iter().any(|row| row.contains("silent")), "{rows:?}");
    let label: (String, Option<String>) = tab.evaluate(button);
    assert_eq!(label, ("Pause".to_owned(), None));
}

#[test]
fn announces_at_most_once_a_second() {
    let pods = [Pod::start(&[("APP_POD_NAME", "first")])];
    let balancer = LoadBalancer::start(&pods);
    let mut tab = Tab::open(&balancer.url());
    tab.until("document.getElementById('total').textContent.match(/^[1-9]/) !== null");
    // Everything that can be announced changes with every poll.
    tab.answer_polls_with(
        "(poll) => poll % 7 === 3 ? null
           : { pod: 'pod-' + poll, visits: poll, state: poll % 2 ? 'ready' : 'draining' }",
    );
    let _: Value = tab.evaluate(
        "{ window.announced = [];
           const watch = new MutationObserver(() => {
             const text = [...document.querySelectorAll('[role=status], [role=alert], [aria-live]')]
               .map((region) => region.textContent.trim()).join(' ');
             window.announced.push([performance.now(), text]); });
           for (const region of document.querySelectorAll('[role=status], [role=alert], [aria-live]'))
             watch.observe(region, { childList: true, characterData: true, subtree: true }); }",
    );
    tab.advance(Duration::from_secs(30));
    let announced: Vec<(f64, String)> = tab.evaluate("window.announced");
    assert!(announced.len() > 3, "changes are announced: {announced:?}");
    for pair in announced.windows(2) {
        let gap = pair[1].0 - pair[0].0;
        assert!(
            gap >= 999.0,
            "{gap} ms between {:?} and {:?}",
            pair[0],
            pair[1]
        );
    }
    assert!(
        announced.iter().any(|(_, text)| text.contains("pod-")),
        "{announced:?}"
    );
}

#[test]
fn announces_nothing_while_nothing_changes() {
    let pods = Pod::three();
    let balancer = LoadBalancer::start(&pods);
    let mut tab = Tab::open(&balancer.url());
    tab.advance(Duration::from_secs(10));
    let region = "document.querySelector('[role=status]').textContent";
    let before: String = tab.evaluate(region);
    tab.advance(Duration::from_secs(10));
    let after: String = tab.evaluate(region);
    assert_eq!(before, after);
}

#[test]
fn counts_in_the_singular() {
    let pods = [Pod::start(&[("APP_POD_NAME", "only")])];
    let balancer = LoadBalancer::start(&pods);
    let mut tab = Tab::open(&balancer.url());
    let summary = "document.body.innerText.match(/.*visit.*/)[0]";
    tab.answer_polls_with("() => ({ pod: 'only', visits: 1 })");
    tab.until("document.body.innerText.includes('visit')");
    let text: String = tab.evaluate(summary);
    assert!(
        text.contains("1 visit ") && text.contains("1 pod"),
        "{text}"
    );
    tab.answer_polls_with("() => ({ pod: 'only', visits: 2 })");
    tab.until("document.body.innerText.includes('2 visits')");
    tab.answer_polls_with("() => ({ pod: 'only', visits: 0 })");
    tab.until("document.body.innerText.includes('0 visits')");
}
