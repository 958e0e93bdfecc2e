//! What is accepted and what is refused: the table in `manifests/validation.yaml`, and manifests as
//! public projects write them. The table's other column is held to a real API server by the `e2e`
//! crate.

use std::path::PathBuf;

use cli::input::Input;
use nodectl::manifest::{check, parse};
#[allow(dead_code, reason = "the e2e crate uses the rest")]
#[path = "manifests/cases.rs"]
mod cases;

use cases::cases;

/// Reads and checks a manifest; the warnings, or the error.
fn judge(text: &str) -> Result<(usize, Vec<String>), String> {
    let input = Input {
        origin: "test".to_owned(),
        text: text.to_owned(),
    };
    let objects = parse(&[input]).map_err(|error| error.to_string())?;
    let (desired, warnings) = check(&objects).map_err(|error| error.to_string())?;
    let all = objects.warnings.iter().chain(&warnings);
    let warnings = all.map(|warning| warning.0.clone()).collect();
    Ok((desired.deployments.len(), warnings))
}

#[test]
fn the_table_holds() {
    let cases = cases();
    assert!(cases.len() > 80);
    let mut wrong = Vec::new();
    for case in cases {
        let [deployment, service] = &case.objects;
        let outcome = judge(&format!("{deployment}\n---\n{service}\n"));
        if outcome.is_ok() != case.nodectl {
            wrong.push(format!("{}: {outcome:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Checks a manifest of `manifests/public`.
#[track_caller]
fn public(name: &str, expected: Result<(usize, &[&str]), &[&str]>) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/manifests/public")
        .join(name);
    let text = std::fs::read_to_string(path).expect("the manifest is there");
    match (judge(&text), expected) {
        (Ok((deployments, warnings)), Ok((expected, parts))) => {
            assert_eq!(deployments, expected);
            assert_eq!(warnings.len(), parts.len(), "{warnings:#?}");
            for (warning, part) in warnings.iter().zip(parts) {
                assert!(warning.contains(part), "`{part}` is not in: {warning}");
            }
        }
        (Err(error), Err(parts)) => {
            for part in parts {
                assert!(error.contains(part), "`{part}` is not in: {error}");
            }
        }
        (outcome, _) => panic!("{outcome:#?}"),
    }
}

#[test]
fn a_guestbook_runs_without_a_warning() {
    public("guestbook.yaml", Ok((3, &[])));
}

#[test]
fn bookinfo_runs_and_its_service_accounts_are_ignored() {
    public(
        "bookinfo.yaml",
        Ok((
            4,
            &[
                "ServiceAccount `bookinfo-details` is ignored",
                "ServiceAccount `bookinfo-reviews` is ignored",
            ],
        )),
    );
}

#[test]
fn podinfo_runs_with_its_probes_by_command() {
    public(
        "podinfo.yaml",
        Ok((1, &["HorizontalPodAutoscaler `podinfo` is ignored"])),
    );
}

#[test]
fn a_boutique_is_refused_for_its_init_container_alone() {
    public(
        "boutique.yaml",
        Err(&[
            "Deployment `loadgenerator`: spec.template.spec.initContainers: init containers are not \
             supported here",
        ]),
    );
}

#[test]
fn a_chart_with_null_and_empty_values_runs() {
    public("chart.yaml", Ok((1, &["spec.template.spec.affinity"])));
}
