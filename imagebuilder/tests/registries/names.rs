//! The destination of an image, by its name and the options.

use test_registry::{Behaviour, TestRegistry};

use crate::sandbox::QUIET;
use crate::services::{built, push, sh};

/// Layouts of other programs have only a tag, or a full name, instead of a name.
#[test]
fn an_image_that_another_program_named_needs_an_explicit_destination() {
    let (sandbox, built) = built();
    let registry = TestRegistry::start(Behaviour::default());
    for (name, problem) in [
        ("v1.2", "a name that may be a tag"),
        ("docker.io/library/foo:v1", "the full name of another place"),
    ] {
        sh(
            sandbox.path(),
            &format!("rm -rf other; skopeo copy --all oci:img:team/hello oci:other:{name}"),
        );
        let source = format!("oci:other:{name}");
        let run = |more: &[&str]| {
            let mut args = vec!["push", &source, "--docker-config", "none", QUIET];
            args.extend(more);
            sandbox.run(&args)
        };
        let refused = run(&["--repo", &registry.host()]);
        assert_eq!(
            (refused.code, refused.stdout.as_str()),
            (Some(2), ""),
            "{}",
            refused.stderr
        );
        let hint =
            format!("hint: name the destination: `imagebuilder push {source} REGISTRY/NAME:TAG`");
        assert!(refused.stderr.contains(problem), "{}", refused.stderr);
        assert!(refused.stderr.contains(&hint), "{}", refused.stderr);
        assert_eq!(registry.seen(), []);
        let destination = format!("{}/team/app:v7", registry.host());
        let pushed = run(&[&destination]).reference();
        assert_eq!(pushed.name(), format!("{}/team/app", registry.host()));
        assert_eq!(registry.tag("team/app", "v7"), built.digest());
        registry.forget();
    }
    let run = sandbox.run(&["push", "oci:img", "team/app:v1"]);
    run.fails(
        2,
        "hint: write it in front, such as docker.io/team/app:v1\n",
    );
    for host in ["127.0.0.1:5000", "localhost", "r.example"] {
        let hint = format!("if it is a registry, add a name, such as {host}/app");
        sandbox
            .run(&["push", "oci:img", host])
            .fails(2, &format!("hint: {hint}\n"));
        sandbox.run(&["copy", "oci:img", host]).fails(2, &hint);
    }
}

#[test]
fn ambiguous_names_are_refused() {
    let (sandbox, _) = built();
    let run = push(&sandbox, "r.example", &["--insecure"]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr
            .contains("use --plain-http or --insecure-skip-tls-verify instead"),
        "{}",
        run.stderr
    );
    let run = push(&sandbox, "r.example", &["--plain-http", "--ca-file", "x"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
}
