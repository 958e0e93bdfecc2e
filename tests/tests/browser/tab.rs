//! One page in a browser of its own: its size and theme, and what a test evaluates in it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::chromium::Chromium;

/// The colour scheme that the user prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Theme {
    Light,
    Dark,
}

impl Theme {
    pub(crate) const ALL: [Self; 2] = [Self::Light, Self::Dark];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// The colours of an element as painted, the most frequent first, with the number of their pixels.
pub(crate) type Histogram = Vec<([u8; 3], u32)>;

/// Disables the polls' timeouts: [`Tab::advance`] advances the page's clock while requests are in flight.
const WITHOUT_TIMEOUTS: &str = "AbortSignal.timeout = () => new AbortController().signal;";

/// An open page.
pub(crate) struct Tab {
    browser: Chromium,
    session: String,
}

impl Tab {
    /// Opens the page and waits until it has loaded.
    pub(crate) fn open(url: &str) -> Self {
        let mut browser = Chromium::launch();
        let target = browser.call(
            None,
            "Target.createTarget",
            &json!({ "url": "about:blank" }),
        );
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call(None, "Target.attachToTarget", &attach);
        let session = attached["sessionId"]
            .as_str()
            .expect("a session")
            .to_owned();
        let mut tab = Self { browser, session };
        for domain in ["Page", "Runtime", "Log"] {
            tab.call(&format!("{domain}.enable"), &json!({}));
        }
        tab.show(1280, 900, Theme::Light);
        let script = json!({ "source": WITHOUT_TIMEOUTS });
        tab.call("Page.addScriptToEvaluateOnNewDocument", &script);
        let navigation = tab.call("Page.navigate", &json!({ "url": url }));
        assert!(navigation["errorText"].is_null(), "{url}: {navigation}");
        tab.browser.wait_for("Page.loadEventFired");
        tab
    }

    /// Resizes the window, in CSS pixels, and switches the theme.
    pub(crate) fn show(&mut self, width: u32, height: u32, theme: Theme) {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.call("Emulation.setDeviceMetricsOverride", &metrics);
        let feature = json!({ "name": "prefers-color-scheme", "value": theme.name() });
        self.call(
            "Emulation.setEmulatedMedia",
            &json!({ "features": [feature] }),
        );
    }

    /// Evaluates an expression; a promise is awaited.
    pub(crate) fn evaluate<T: for<'de> Deserialize<'de>>(&mut self, expression: &str) -> T {
        let params = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true,
        });
        let result = self.call("Runtime.evaluate", &params);
        let exception = &result["exceptionDetails"];
        assert!(exception.is_null(), "{expression}: {exception}");
        let value = result["result"]["value"].clone();
        serde_json::from_value(value).unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Waits until an expression is true.
    pub(crate) fn until(&mut self, expression: &str) {
        let check = format!(
            "new Promise((resolve) => {{
               const check = () => ({expression}) ? resolve(true) : setTimeout(check, 20);
               check();
             }})"
        );
        let _: bool = self.evaluate(&check);
    }

    /// The text of the element with this id.
    pub(crate) fn text(&mut self, id: &str) -> String {
        self.evaluate(&format!("document.getElementById({id:?}).textContent"))
    }

    pub(crate) fn click(&mut self, selector: &str) {
        let _: Value = self.evaluate(&format!("document.querySelector({selector:?}).click()"));
    }

    /// Answers the polls within the page: `answer` is JavaScript that returns a body of `GET /hop`
    /// for the number of the poll, or null for one that fails.
    pub(crate) fn answer_polls_with(&mut self, answer: &str) {
        let stub = format!(
            "{{ let polls = 0;
                const answer = {answer};
                window.fetch = async () => {{
                  const body = answer(polls++);
                  if (body === null) throw new TypeError('connection refused');
                  return Response.json({{ node: null, zone: 'eu-west-1a', version: '0', state: 'ready',
                    visits: null, ...body }});
                }}; }}"
        );
        let _: Value = self.evaluate(&stub);
    }

    /// Advances the page's clock by this time, however long that takes. It is stopped afterwards.
    pub(crate) fn advance(&mut self, time: Duration) {
        let budget = json!({
            "policy": "pauseIfNetworkFetchesPending",
            "budget": time.as_millis(),
            "maxVirtualTimeTaskStarvationCount": 100_000,
        });
        self.call("Emulation.setVirtualTimePolicy", &budget);
        self.browser.wait_for("Emulation.virtualTimeBudgetExpired");
    }

    /// A PNG of the window, as base64.
    pub(crate) fn screenshot(&mut self) -> String {
        let result = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        result["data"].as_str().expect("base64").to_owned()
    }

    /// Evaluates an expression that may read painted pixels: `pixels(x, y, width, height)` returns RGBA, as
    /// in `ImageData`.
    pub(crate) fn painted<T: for<'de> Deserialize<'de>>(&mut self, expression: &str) -> T {
        let png = self.screenshot();
        self.evaluate(&format!(
            "(async () => {{
               const image = new Image();
               image.src = 'data:image/png;base64,{png}';
               await image.decode();
               const canvas = document.createElement('canvas');
               [canvas.width, canvas.height] = [image.width, image.height];
               const pen = canvas.getContext('2d', {{ willReadFrequently: true }});
               pen.drawImage(image, 0, 0);
               const pixels = (...box) => pen.getImageData(...box.map(Math.round)).data;
               return {expression};
             }})()"
        ))
    }

    /// The colours of each element that matches, as painted in the window.
    pub(crate) fn colours(&mut self, selector: &str) -> Vec<Histogram> {
        self.painted(&format!(
            "[...document.querySelectorAll({selector:?})].map((element) => {{
               const box = element.getBoundingClientRect(), counts = new Map();
               const data = pixels(box.x, box.y, box.width, box.height);
               for (let at = 0; at < data.length; at += 4) {{
                 const colour = data.slice(at, at + 3).join();
                 counts.set(colour, (counts.get(colour) ?? 0) + 1);
               }}
               return [...counts].sort((a, b) => b[1] - a[1])
                 .map(([colour, count]) => [colour.split(',').map(Number), count]);
             }})"
        ))
    }

    /// Errors that the page or the browser reports, except those of the network.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        let _: bool = self.evaluate("true");
        self.browser
            .events()
            .filter(|event| match event["method"].as_str() {
                Some("Runtime.exceptionThrown" | "Runtime.consoleAPICalled") => true,
                Some("Log.entryAdded") => event["params"]["entry"]["source"] != "network",
                _ => false,
            })
            .map(|event| event["params"].to_string())
            .collect()
    }

    pub(crate) fn call(&mut self, method: &str, params: &Value) -> Value {
        self.browser.call(Some(&self.session), method, params)
    }
}
