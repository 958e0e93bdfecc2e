//! Screenshots of the page. `UPDATE_SCREENSHOTS=1` writes those of the READMEs, and `SCREENSHOTS=FOLDER`
//! one for each width and theme.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;

use super::layout::WIDTHS;
use super::service::{LoadBalancer, Pod};
use super::tab::{Tab, Theme};

/// The screenshots in `README.md` and `app/README.md`, below `docs/images`.
const README: [(&str, u32, u32, Theme); 3] = [
    ("app.png", 1280, 980, Theme::Light),
    ("app-dark.png", 1280, 980, Theme::Dark),
    ("app-phone.png", 390, 844, Theme::Light),
];

#[test]
fn the_page_is_painted_at_every_width_in_both_themes() {
    let pods = Pod::three();
    let balancer = LoadBalancer::start(&pods);
    let mut tab = Tab::open(&balancer.url());
    tab.advance(Duration::from_secs(35));
    for theme in Theme::ALL {
        for width in WIDTHS {
            let height = if width == 1280 { 980 } else { 1800 };
            tab.show(width, height, theme);
            let name = format!("{width}-{}.png", theme.name());
            keep("SCREENSHOTS", |folder| folder.join(&name), &png(&mut tab));
        }
    }
    for (name, width, height, theme) in README {
        tab.show(width, height, theme);
        let path = Path::new("../docs/images").join(name);
        keep("UPDATE_SCREENSHOTS", |_| path.clone(), &png(&mut tab));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        assert!(path.exists(), "{name}: UPDATE_SCREENSHOTS=1 writes it");
    }
}

fn png(tab: &mut Tab) -> Vec<u8> {
    let png = base64::engine::general_purpose::STANDARD
        .decode(tab.screenshot())
        .expect("it is base64");
    assert!(png.starts_with(b"\x89PNG") && png.len() > 10_000);
    png
}

/// Writes a screenshot if the variable is set.
#[expect(
    clippy::disallowed_methods,
    reason = "a switch of the test, read where it is used"
)]
fn keep(variable: &str, path: impl Fn(&Path) -> PathBuf, png: &[u8]) {
    if let Some(value) = std::env::var_os(variable) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path(Path::new(&value)));
        std::fs::create_dir_all(path.parent().expect("it has a folder"))
            .expect("it can be written");
        std::fs::write(&path, png).expect("it can be written");
    }
}
