//! Colours as painted: their contrast, meaning and theme.

use std::collections::HashSet;
use std::time::Duration;

use super::service::{LoadBalancer, Pod};
use super::tab::{Histogram, Tab, Theme};

/// WCAG 2.2, 1.4.11: graphics that are needed to understand the content.
const CONTRAST: f64 = 3.0;

/// Pods that answer in turn, more than there are easily distinguished hues.
const PODS: usize = 12;

/// Relative luminance, as WCAG 2.2 defines it.
fn luminance(colour: [u8; 3]) -> f64 {
    let [red, green, blue] = colour.map(|channel| {
        let channel = f64::from(channel) / 255.0;
        if channel <= 0.04045 {
            channel / 12.92
        } else {
            ((channel + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// Hue in degrees (0 is red, 120 green) and chroma (the range of the channels) from 0 to 1.
fn hue(colour: [u8; 3]) -> (f64, f64) {
    let [red, green, blue] = colour.map(i16::from);
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    if most == least {
        return (0.0, 0.0);
    }
    let range = f64::from(most - least);
    let hue = if most == red {
        f64::from(green - blue) / range
    } else if most == green {
        2.0 + f64::from(blue - red) / range
    } else {
        4.0 + f64::from(red - green) / range
    };
    ((hue * 60.0).rem_euclid(360.0), range / 255.0)
}

/// How far a hue is from red, in degrees.
fn from_red(colour: [u8; 3]) -> f64 {
    let (hue, _) = hue(colour);
    hue.min(360.0 - hue)
}

/// The colours that cover at least this part of an element, without anti-aliased edges.
fn areas(histogram: &Histogram, part: f64) -> Vec<[u8; 3]> {
    let all: u32 = histogram.iter().map(|(_, count)| count).sum();
    let least = f64::from(all) * part;
    let large = histogram
        .iter()
        .filter(|(_, count)| f64::from(*count) >= least);
    large.map(|(colour, _)| *colour).collect()
}

/// A paused page on which this many pods have answered in turn.
fn with_pods(tab: &mut Tab, pods: usize) {
    tab.answer_polls_with(&format!("(poll) => ({{ pod: 'pod-' + poll % {pods} }})"));
    tab.until("document.querySelectorAll('#tally tr').length >= 12");
    tab.click("button");
}

fn open() -> ([Pod; 1], Tab) {
    let pods = [Pod::start(&[("APP_POD_NAME", "pod-0")])];
    let tab = Tab::open(&LoadBalancer::start(&pods).url());
    (pods, tab)
}

#[test]
fn a_failed_poll_is_red_and_no_pod_is() {
    let (_pods, mut tab) = open();
    with_pods(&mut tab, PODS);
    for theme in Theme::ALL {
        tab.show(1280, 1800, theme);
        for histogram in tab
            .colours("#trail")
            .iter()
            .chain(&tab.colours("#tally .bar"))
        {
            for colour in areas(histogram, 0.002) {
                assert!(
                    hue(colour).1 < 0.2 || from_red(colour) >= 20.0,
                    "{theme:?}: {colour:?} of a pod is red"
                );
            }
        }
    }
    tab.answer_polls_with("() => null");
    tab.click("button");
    tab.until("/^\\d\\d/.test(document.getElementById('failed').textContent)");
    tab.click("button");
    for theme in Theme::ALL {
        tab.show(1280, 1800, theme);
        let trail = tab.colours("#trail").remove(0);
        let red: Vec<_> = areas(&trail, 0.01)
            .into_iter()
            .filter(|colour| hue(*colour).1 > 0.4 && from_red(*colour) < 10.0)
            .collect();
        assert_eq!(
            red.len(),
            1,
            "{theme:?}: {:?}",
            &trail[..trail.len().min(20)]
        );
        let background = trail[0].0;
        assert!(
            contrast(red[0], background) >= CONTRAST,
            "{theme:?}: {red:?}"
        );
    }
}

#[test]
fn bars_stand_out_in_both_themes_and_change_with_the_theme() {
    let (_pods, mut tab) = open();
    with_pods(&mut tab, PODS);
    let mut seen = HashSet::new();
    for theme in Theme::ALL {
        tab.show(1280, 1800, theme);
        let card = tab.colours(".panel").remove(0)[0].0;
        let bars = tab.colours("#tally .bar");
        assert!(bars.len() >= PODS, "a bar for each pod");
        for bar in bars {
            let areas = areas(&bar, 0.01);
            let fill = *areas
                .iter()
                .max_by(|a, b| hue(**a).1.total_cmp(&hue(**b).1))
                .expect("it is painted");
            assert!(hue(fill).1 > 0.2, "{theme:?}: no bar in {areas:?}");
            for other in areas.iter().chain([&card]).filter(|other| **other != fill) {
                let contrast = contrast(fill, *other);
                assert!(
                    contrast >= CONTRAST,
                    "{theme:?}: {contrast} of {fill:?} on {other:?}"
                );
            }
            assert!(seen.insert((theme.name(), fill)), "{fill:?} twice");
            let kept = theme == Theme::Dark && seen.contains(&(Theme::Light.name(), fill));
            assert!(!kept, "{fill:?} in both themes");
        }
        let trail = tab.colours("#trail").remove(0);
        let bars = areas(&trail, 0.002)
            .into_iter()
            .filter(|colour| hue(*colour).1 > 0.2);
        let bars: Vec<_> = bars.collect();
        assert!(bars.len() >= PODS, "{theme:?}: {bars:?} in the trail");
        for bar in bars {
            let contrast = contrast(bar, card);
            assert!(
                contrast >= CONTRAST,
                "{theme:?}: {contrast} of {bar:?} on {card:?}"
            );
        }
    }
}

#[test]
fn the_trail_shows_single_answers_at_every_width() {
    let (_pods, mut tab) = open();
    tab.advance(Duration::from_secs(1));
    tab.answer_polls_with("(poll) => ({ pod: poll % 2 ? 'left' : 'right' })");
    tab.advance(Duration::from_mins(1));
    for width in super::layout::WIDTHS {
        tab.show(width, 1800, Theme::Light);
        // Runs of the same colour along the middle of the trail, in pixels.
        let runs: Vec<(String, u32)> = tab.painted(
            "(() => {
               const box = document.getElementById('trail').getBoundingClientRect(), runs = [];
               const row = pixels(box.x, box.y + box.height * .6, box.width, 1);
               for (let at = 0; at < row.length; at += 4) {
                 const colour = row.slice(at, at + 3).join(), last = runs.at(-1);
                 if (last && last[0] === colour) last[1] += 1; else runs.push([colour, 1]);
               }
               return runs;
             })()",
        );
        let card = runs[0].0.clone();
        let bars: Vec<_> = runs
            .iter()
            .enumerate()
            .filter(|(_, (colour, _))| *colour != card)
            .collect();
        assert!(bars.len() >= 20, "{width}: {} bars", bars.len());
        for (index, (_, pixels)) in &bars[1..bars.len() - 1] {
            assert!(*pixels >= 4, "{width}: a bar of {pixels} px in {runs:?}");
            let gap = &runs[index + 1];
            assert!(gap.0 == card && gap.1 >= 2, "{width}: no gap in {runs:?}");
        }
    }
}
