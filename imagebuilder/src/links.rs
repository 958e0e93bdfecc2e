//! Follows the links of an image's file system.

/// How many links are followed on the way to a file, as Linux does (`MAXSYMLINKS`).
const MAX_LINKS: usize = 40;

/// The path of the file at `path` without links, `.` and `..`, and without a leading slash; `None` if there are too
/// many links. `link` returns the target of the link at such a path, if it is one.
pub(crate) fn follow<'a>(path: &str, link: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    let mut links = 0;
    let mut at = String::new();
    let mut rest: Vec<String> = components(path);
    while let Some(part) = rest.pop() {
        if part == ".." {
            at.truncate(at.rfind('/').unwrap_or_default());
            continue;
        }
        let next = join(&at, &part);
        if let Some(target) = link(&next) {
            links += 1;
            if links > MAX_LINKS {
                return None;
            }
            if target.starts_with('/') {
                at.clear();
            }
            rest.extend(components(target));
        } else {
            at = next;
        }
    }
    Some(at)
}

/// The path of `name` in a folder of an image, without a leading slash.
pub(crate) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

/// The parts of a path, the last one first.
fn components(path: &str) -> Vec<String> {
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    parts.rev().map(str::to_owned).collect()
}
