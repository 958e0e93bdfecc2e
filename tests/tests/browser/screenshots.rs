//! Pictures of the page, for people. `UPDATE_SCREENSHOT=1` keeps the one that the README shows, and
//! `SCREENSHOTS=FOLDER` all of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;

use super::layout::WIDTHS;
use super::service::{LoadBalancer, Pod};
use super::tab::{Tab, Theme};

/// The picture in `README.md` and `app/README.md`.
const README: &str = "../docs/images/app.png";

#[test]
fn the_page_is_painted_at_every_width_in_both_themes() {
    let pods = Pod::three();
    let balancer = LoadBalancer::start(&pods);
    let mut tab = Tab::open(&balancer.url());
    tab.advance(Duration::from_secs(35));
    for theme in Theme::ALL {
        for width in WIDTHS {
            let height = if width == 1280 { 940 } else { 1700 };
            tab.show(width, height, theme);
            let png = base64::engine::general_purpose::STANDARD
                .decode(tab.screenshot())
                .expect("it is base64");
            assert!(png.starts_with(b"\x89PNG") && png.len() > 10_000);
            if width == 1280 && theme == Theme::Light {
                keep("UPDATE_SCREENSHOT", |_| README.into(), &png);
            }
            let name = format!("{width}-{}.png", theme.name());
            keep("SCREENSHOTS", |folder| folder.join(&name), &png);
        }
    }
}

/// Writes a picture where the variable asks for it.
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
