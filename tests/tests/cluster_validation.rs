//! nodectl's table of accepted and refused manifests, checked against a real API server.

use std::path::Path;

use e2e::cluster::Cluster;

#[allow(dead_code, reason = "nodectl's own test uses the rest")]
#[path = "../../nodectl/tests/manifests/cases.rs"]
mod cases;

#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn the_api_server_agrees_with_the_table() {
    let cluster = Cluster::connect();
    let mut wrong = Vec::new();
    for (index, case) in cases::cases().into_iter().enumerate() {
        let [deployment, service] = &case.objects;
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("case-{index}.yaml"));
        std::fs::write(&file, format!("{deployment}\n---\n{service}\n"))
            .expect("the scratch directory can be written");
        let file = file.display().to_string();
        let args = [
            "create",
            "--dry-run=server",
            "--validate=strict",
            "-f",
            &file,
        ];
        let accepted = cluster.accepts(&args);
        if accepted.is_ok() != case.kubernetes {
            wrong.push(format!("{}: {accepted:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
