//! Tests of finding the files of assets.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::super::asset::{Asset, Source};
use super::super::setting::AssetSetting;
use super::collect;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[&str]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for file in files {
            let path = folder.0.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        folder
    }

    fn collect(&self, settings: &[&str]) -> Result<Vec<String>, String> {
        let settings: Vec<AssetSetting> = settings
            .iter()
            .map(|text| toml::from_str(text).unwrap())
            .collect();
        let root = self.0.path();
        let target = root.join("target");
        let found =
            collect(&settings, root, root, &[&target]).map_err(|error| error.to_string())?;
        let line = |(path, asset): (&String, &Asset)| {
            let end = match &asset.source {
                Source::File { .. } => String::new(),
                Source::Directory => "/".to_owned(),
                Source::Link { target } => format!(" -> {target}"),
            };
            format!("{:o} {path}{end}", asset.mode.0)
        };
        Ok(found.iter().map(line).collect())
    }
}

#[test]
fn files_directories_and_patterns() {
    let folder = Folder::new(&[
        "a.toml",
        "web/index.html",
        "web/css/x.css",
        "web/css/y.js",
        "web/.hidden",
    ]);
    let check = |setting: &str, expected: &[&str]| {
        assert_eq!(folder.collect(&[setting]).unwrap(), expected, "{setting}");
    };
    check(
        "src = 'a.toml'\ndest = '/etc/app.toml'",
        &["644 etc/app.toml"],
    );
    check(
        "src = 'a.toml'\ndest = '/etc/'\nmode = '0600'",
        &["600 etc/a.toml"],
    );
    check(
        "src = 'web'\ndest = '/srv'",
        &[
            "755 srv/",
            "644 srv/.hidden",
            "755 srv/css/",
            "644 srv/css/x.css",
            "644 srv/css/y.js",
            "644 srv/index.html",
        ],
    );
    check(
        "src = 'web/**/*.css'\ndest = '/srv'",
        &["644 srv/css/x.css"],
    );
    check(
        "src = 'web/*.html'\ndest = '/srv/'",
        &["644 srv/index.html"],
    );
    check(
        "src = 'web/c*'\ndest = '/srv'\nmode = '0440'",
        &["550 srv/css/", "440 srv/css/x.css", "440 srv/css/y.js"],
    );
}

#[test]
fn the_executable_bit_is_kept() {
    let folder = Folder::new(&["run.sh"]);
    let path = folder.0.path().join("run.sh");
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    let found = folder.collect(&["src = 'run.sh'\ndest = '/bin/'"]);
    assert_eq!(found.unwrap(), ["755 bin/run.sh"]);
}

#[test]
fn links_inside_are_kept_and_links_to_the_outside_are_refused() {
    let folder = Folder::new(&["web/css/x.css", "other/y"]);
    let path = |name: &str| folder.0.path().join(name);
    symlink("css/x.css", path("web/latest.css")).unwrap();
    symlink("../css/x.css", path("web/css/up.css")).unwrap();
    let found = folder.collect(&["src = 'web'\ndest = '/srv'"]).unwrap();
    assert!(
        found.contains(&"777 srv/latest.css -> css/x.css".to_owned()),
        "{found:?}"
    );
    for outside in ["../other/y", "/etc/passwd"] {
        symlink(outside, path("web/out")).unwrap();
        let error = folder.collect(&["src = 'web'\ndest = '/srv'"]).unwrap_err();
        assert!(
            error.contains(&format!("is a link to `{outside}`, which is outside")),
            "{error}"
        );
        fs::remove_file(path("web/out")).unwrap();
    }
    // A link that a setting names stands for its target.
    symlink("web/css", path("named")).unwrap();
    let found = folder
        .collect(&["src = 'named/x.css'\ndest = '/x'"])
        .unwrap();
    assert_eq!(found, ["644 x"]);
}

/// Names that the layers of an image use to delete what is below them.
#[test]
fn whiteouts_are_refused() {
    let folder = Folder::new(&["a", "web/sub/.wh.x", "web/.wh/y"]);
    let check = |setting: &str, path: &str| {
        let error = folder.collect(&[setting]).unwrap_err();
        let expected =
            format!("/{path} would delete a file of the layers below: its name begins with `.wh.`");
        assert_eq!(error, expected);
    };
    check("src = 'web'\ndest = '/srv'", "srv/sub/.wh.x");
    check("src = 'web/**/*x'\ndest = '/srv'", "srv/sub/.wh.x");
    check("src = 'a'\ndest = '/srv/.wh.a'", "srv/.wh.a");
    check("src = 'a'\ndest = '/.wh..wh..opq/a'", ".wh..wh..opq/a");
    folder.collect(&["src = 'web/.wh'\ndest = '/srv'"]).unwrap();
}

#[test]
fn cargos_target_directory_is_left_out() {
    let folder = Folder::new(&["a", "target/images/x", "sub/target/y"]);
    let check = |setting: &str, expected: &[&str]| {
        assert_eq!(folder.collect(&[setting]).unwrap(), expected, "{setting}");
    };
    let all = ["644 a", "755 sub/", "755 sub/target/", "644 sub/target/y"];
    check("src = '.'\ndest = '/'", &all);
    check("src = '*'\ndest = '/'", &all);
    check("src = '**/[xy]'\ndest = '/'", &["644 sub/target/y"]);
    // What is named is packed.
    check("src = 'target/images'\ndest = '/i'", &["755 i/", "644 i/x"]);
    check("src = 'target/*/x'\ndest = '/'", &["644 images/x"]);
    fs::rename(
        folder.0.path().join("target"),
        folder.0.path().join("sub/other"),
    )
    .unwrap();
    symlink("sub/other", folder.0.path().join("target")).unwrap();
    check("src = '.'\ndest = '/'", &all);
}

#[test]
fn a_file_comes_before_the_pattern_that_is_its_name() {
    let folder = Folder::new(&["web/[id].html", "web/i.html"]);
    let check = |setting: &str, expected: &[&str]| {
        assert_eq!(folder.collect(&[setting]).unwrap(), expected, "{setting}");
    };
    check(
        "src = 'web/[id].html'\ndest = '/srv/'",
        &["644 srv/[id].html"],
    );
    check("src = 'web/[ij].html'\ndest = '/srv/'", &["644 srv/i.html"]);
}

#[test]
fn an_asset_that_cannot_be_examined_may_exist() {
    let folder = Folder::new(&[]);
    symlink("loop", folder.0.path().join("loop")).unwrap();
    for src in ["loop/x", "loop/*.x"] {
        let error = folder
            .collect(&[&format!("src = '{src}'\ndest = '/x'")])
            .unwrap_err();
        let expected = format!(
            "cannot read the asset `{}",
            folder.0.path().join("loop").display()
        );
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn assets_that_cannot_be_packed_are_refused() {
    let folder = Folder::new(&["a", "b", "web/x"]);
    let check = |settings: &[&str], expected: &str| {
        let error = folder.collect(settings).unwrap_err();
        assert!(error.contains(expected), "{error}");
    };
    check(
        &["src = 'none'\ndest = '/x'"],
        "the asset `none` does not exist",
    );
    check(
        &["src = '*.css'\ndest = '/x'"],
        "the pattern `*.css` of an asset matches nothing",
    );
    check(
        &["src = 'web/***'\ndest = '/x'"],
        "invalid pattern `web/***`",
    );
    check(
        &["src = '/etc/passwd'\ndest = '/x'"],
        "is outside of the workspace",
    );
    check(&["src = '../'\ndest = '/x'"], "is outside of the workspace");
    check(&["src = '/*'\ndest = '/x'"], "is outside of the workspace");
    check(
        &["src = 'a'\ndest = '/x'", "src = 'b'\ndest = '/x'"],
        "two files of the image have the same path, /x",
    );
    check(
        &["src = 'a'\ndest = '/x/y'", "src = 'b'\ndest = '//x//y'"],
        "two files of the image have the same path, /x/y",
    );
    check(
        &["src = 'a'\ndest = '/x'", "src = 'b'\ndest = '/x/y'"],
        "two files of the image have the same path, /x",
    );
    check(
        &["src = 'a'\ndest = '/x/y'", "src = 'b'\ndest = '/x'"],
        "two files of the image have the same path, /x",
    );
    let pipe = folder.0.path().join("web/pipe");
    std::os::unix::net::UnixListener::bind(pipe).unwrap();
    check(
        &["src = 'web'\ndest = '/x'"],
        "is neither a file, a directory nor a link",
    );
}
