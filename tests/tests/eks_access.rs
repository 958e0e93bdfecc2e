//! The access entries that `make cluster` creates for ADMINS= and DEPLOYERS=, with stubs of aws, eksctl,
//! helm and kubectl.

use e2e::eks_scripts::{Ran, Script};
use e2e::manifests::{Schema, repository};
use serde_json::{Value, json};

const ADMIN: &str = "arn:aws:iam::123456789012:user/ops/ana";
const CI: &str = "arn:aws:iam::123456789012:role/deployer";
const ARGS: [&str; 3] = ["hello", "eu-west-1", "eks"];

fn create(overlay: &str, admins: &str, deployers: &str, caller: &str) -> Ran {
    let script = Script::new("cluster", &["hello", "eu-west-1", overlay]);
    let script = script.answer("caller", caller);
    let script = script.setting("ADMINS", admins);
    script.setting("DEPLOYERS", deployers).run()
}

/// The entry of an administrator.
fn admin(arn: &str, partition: &str) -> Value {
    let policy =
        format!("arn:{partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy");
    json!({"principalARN": arn, "accessPolicies": [
        {"policyARN": policy, "accessScope": {"type": "cluster"}},
    ]})
}

fn deployer(arn: &str) -> Value {
    json!({"principalARN": arn, "kubernetesGroups": ["deployers"]})
}

#[test]
fn administrators_and_deployers_get_access_entries() {
    let schema = Schema::load(&repository().join("k8s/schemas/eksctl.json"));
    for overlay in ["eks", "eks-auto"] {
        let ran = create(overlay, ADMIN, CI, "arn:aws:iam::123456789012:user/me").succeeded();
        let cluster = ran.definition();
        assert_eq!(schema.check(&cluster), [], "{overlay}");
        assert_eq!(cluster["accessConfig"]["authenticationMode"], "API");
        assert_eq!(
            cluster["accessConfig"]["accessEntries"],
            json!([admin(ADMIN, "aws"), deployer(CI)])
        );
        let role = "apply --server-side --force-conflicts -f k8s/iam/deployer-role.yaml";
        let role = format!("kubectl --context hello.eu-west-1 {role}");
        assert!(ran.called(&role), "{:?}", ran.calls);
    }
    let ran = create("eks", "", "", "").succeeded();
    assert_eq!(
        ran.definition()["accessConfig"]["accessEntries"],
        Value::Null
    );

    let china = "arn:aws-cn:iam::123456789012:role/ops";
    let ran = create("eks", china, "", "arn:aws-cn:iam::123456789012:user/me").succeeded();
    assert_eq!(
        ran.definition()["accessConfig"]["accessEntries"],
        json!([admin(china, "aws-cn")])
    );
}

/// EKS creates an entry for the creator of a cluster, and a second one for the same principal would fail.
#[test]
fn the_creator_of_the_cluster_gets_no_second_entry() {
    let session = "arn:aws:sts::123456789012:assumed-role/deployer/me";
    let path = "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/deployer";
    let other_account = "arn:aws:iam::210987654321:role/deployer";
    for (caller, principal, expected) in [
        (ADMIN, ADMIN, Value::Null),
        (session, CI, Value::Null),
        (session, path, Value::Null),
        (session, other_account, json!([deployer(other_account)])),
        (ADMIN, CI, json!([deployer(CI)])),
    ] {
        let ran = create("eks", "", principal, &format!("{caller}\n")).succeeded();
        let entries = &ran.definition()["accessConfig"]["accessEntries"];
        assert_eq!(*entries, expected, "{caller}: {principal}");
        assert_eq!(
            ran.stderr.contains("has an access entry already"),
            expected.is_null(),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn a_rerun_creates_the_entries_that_are_missing() {
    let rerun = |entries: &str| {
        let script = Script::new("cluster", &ARGS).answer("exists", "");
        let script = script.answer("support", "STANDARD\n");
        let script = script.answer("entries", entries);
        let script = script.setting("ADMINS", ADMIN);
        script.setting("DEPLOYERS", CI).run()
    };
    let ran = rerun(&format!("arn:aws:iam::1:role/other\t{ADMIN}\n")).succeeded();
    assert!(
        ran.called("eksctl create accessentry -f "),
        "{:?}",
        ran.calls
    );
    assert_eq!(
        ran.definition()["accessConfig"]["accessEntries"],
        json!([deployer(CI)])
    );
    let ran = rerun(&format!("{ADMIN}\t{CI}\n")).succeeded();
    assert!(!ran.called("eksctl create accessentry"), "{:?}", ran.calls);

    // Without the list of entries, nothing is created.
    let script = Script::new("cluster", &ARGS).answer("exists", "");
    let ran = script.answer("denied", "").setting("ADMINS", ADMIN).run();
    assert_ne!(ran.code, Some(0), "{}", ran.stderr);
    assert!(!ran.called("eksctl create"), "{:?}", ran.calls);
}

#[test]
fn principals_other_than_iam_roles_and_users_are_refused() {
    let twice = format!("{CI},{CI}");
    for (admins, deployers, message) in [
        ("ana", "", "invalid principal `ana` in ADMINS="),
        (
            "",
            "arn:aws:iam::1:role/x",
            "invalid principal `arn:aws:iam::1:role/x` in DEPLOYERS=",
        ),
        ("arn:aws:iam::123456789012:root", "", "invalid principal"),
        ("arn:aws:iam::123456789012:group/x", "", "invalid principal"),
        (
            "arn:aws:iam::123456789012:role/x\"",
            "",
            "invalid principal",
        ),
        ("arn:aws:iam::123456789012:role/", "", "invalid principal"),
        (
            "",
            "arn:aws:sts::123456789012:assumed-role/x/me",
            "is a session",
        ),
        ("", &twice, "is given twice"),
        (CI, CI, "is given twice"),
    ] {
        let ran = create(
            "eks",
            admins,
            deployers,
            "arn:aws:iam::123456789012:user/me",
        );
        assert_eq!(ran.code, Some(2), "{admins} {deployers}: {}", ran.stderr);
        assert!(ran.stderr.contains(message), "{}", ran.stderr);
        assert!(ran.stderr.contains("\nhint: "), "{}", ran.stderr);
        assert!(!ran.called("eksctl create"), "{:?}", ran.calls);
    }
}

/// An upgrade ignores these settings of the environment.
#[test]
fn an_upgrade_adds_no_entries_and_no_tags() {
    let script = Script::new("cluster-upgrade", &ARGS).answer("exists", "");
    let script = script
        .answer("version", "1.35\n")
        .setting("ADMINS", "nobody");
    let ran = script.setting("TAGS", "none").run().succeeded();
    let cluster = ran.definition();
    assert_eq!(cluster["accessConfig"]["accessEntries"], Value::Null);
    assert_eq!(
        cluster["metadata"]["tags"],
        json!({"project": "rust-k8s-app"})
    );
}
