//! The scripts behind `make cluster`, `cluster-upgrade`, `kubeconfig` and `cluster-delete`, with stubs of
//! aws, eksctl, helm and kubectl that record their calls. No cloud, no cluster.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fs;

use e2e::eks_scripts::{ROOM, Ran, Script, answered, existing, run};
use e2e::manifests::{Schema, repository};
use serde_json::Value;

#[track_caller]
fn refused(script: &str, args: &[&str], message: &str) {
    let ran = run(script, args);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(
        ran.stderr.starts_with(&format!("error: {message}")),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("\nhint: "), "{}", ran.stderr);
    assert_eq!(ran.calls, [""; 0]);
}

#[test]
fn nothing_is_called_for_a_cluster_that_is_not_named() {
    refused(
        "cluster",
        &["", "", "eks"],
        "CLUSTER= and REGION= are required",
    );
    refused(
        "cluster",
        &["hello", "", "eks"],
        "CLUSTER= and REGION= are required",
    );
    refused(
        "cluster",
        &["hello; rm -rf /", "eu-west-1", "eks"],
        "invalid cluster name `hello; rm -rf /`",
    );
    refused(
        "cluster",
        &["hello", "Ireland", "eks"],
        "invalid region `Ireland`",
    );
    for script in ["cluster", "cluster-upgrade"] {
        refused(
            script,
            &["hello", "eu-west-1", "local"],
            "there is no cluster for the overlay",
        );
    }
    for script in ["kubeconfig", "cluster-delete", "cluster-upgrade"] {
        refused(
            script,
            &["", "", "eks"],
            "CLUSTER= and REGION= are required",
        );
    }
}

#[test]
fn a_cluster_is_created_from_its_definition_with_name_and_region() {
    let schema = Schema::load(&repository().join("k8s/schemas/eksctl.json"));
    let regions = ["us-gov-west-1", "cn-north-1", "eusc-de-east-1"];
    for (overlay, region) in [
        ("eks", regions[0]),
        ("eks", regions[2]),
        ("eks-auto", regions[1]),
    ] {
        let ran = run("cluster", &["hello", region, overlay]).succeeded();
        let cluster = ran.definition();
        assert_eq!(cluster["metadata"]["name"], "hello");
        assert_eq!(cluster["metadata"]["region"], region);
        assert_eq!(schema.check(&cluster), []);
        let name = if overlay == "eks" {
            "k8s/cluster.yaml"
        } else {
            "k8s/cluster-auto.yaml"
        };
        let original = fs::read_to_string(repository().join(name)).unwrap();
        let original: Value = serde_saphyr::from_str(&original).unwrap();
        for field in ["managedNodeGroups", "addons", "iam"] {
            assert_eq!(cluster[field], original[field], "{field}");
        }
    }
}

#[test]
fn tags_apply_to_everything_that_eksctl_creates() {
    let create = |tags: &str| {
        let script = Script::new("cluster", &["hello", "eu-west-1", "eks"]);
        script.setting("TAGS", tags).run()
    };
    let ran = create("team=a,cost center=4=2").succeeded();
    let cluster = ran.definition();
    let expected = serde_json::json!({
        "project": "rust-k8s-app", "team": "a", "cost center": "4=2",
    });
    assert_eq!(cluster["metadata"]["tags"], expected);
    let schema = Schema::load(&repository().join("k8s/schemas/eksctl.json"));
    assert_eq!(schema.check(&cluster), []);
    for invalid in ["team", "=a", "a=\"", "aws:x=1", "a=1,b"] {
        let ran = create(invalid);
        assert_eq!(ran.code, Some(2), "{invalid}: {}", ran.stderr);
        assert!(ran.stderr.contains("error: invalid tag"), "{}", ran.stderr);
        assert!(!ran.called("eksctl create"), "{:?}", ran.calls);
    }
}

/// Names of IAM roles are unique in an account, across its regions, and have at most 64
/// characters: `CloudFormation` generates them.
#[test]
fn no_role_has_a_fixed_name() {
    for definition in ["k8s/cluster.yaml", "k8s/cluster-auto.yaml"] {
        let text = fs::read_to_string(repository().join(definition)).unwrap();
        assert!(!text.contains("roleName"), "{definition}");
    }
}

#[test]
fn the_controller_is_installed_with_its_crds_without_auto_mode() {
    let ran = run("cluster", &["hello", "eu-west-1", "eks"]).succeeded();
    let position = |start: &str| ran.calls.iter().position(|call| call.starts_with(start));
    let crds = position("kubectl --context hello.eu-west-1 apply --server-side").unwrap();
    let chart = position("helm upgrade --install").unwrap();
    assert!(crds < chart, "{:?}", ran.calls);
    let chart = &ran.calls[chart];
    for setting in [
        "--kube-context hello.eu-west-1",
        "clusterName=hello",
        "vpcId=vpc-1",
        "podMutatorWebhookConfig.failurePolicy=Fail",
    ] {
        assert!(chart.contains(setting), "{chart}");
    }
    let version = chart.split("--version ").nth(1).unwrap();
    let major = version.split('.').next().unwrap();
    assert_eq!(major, "3", "a controller that its project still maintains");
    assert!(!run("cluster", &["hello", "eu-west-1", "eks-auto"]).called("helm"));
}

#[test]
fn a_rerun_creates_what_the_cluster_lacks() {
    let ran = existing("cluster", &["hello", "eu-west-1", "eks"], &[]).succeeded();
    assert!(!ran.called("eksctl create cluster"), "{:?}", ran.calls);
    for missing in ["nodegroup", "addon", "podidentityassociation"] {
        let create = format!("eksctl create {missing} -f ");
        assert!(ran.called(&create), "{missing}: {:?}", ran.calls);
    }
    assert!(ran.called("helm upgrade --install"));

    let associated = [("associations", "a-1\n")];
    let ran = existing("cluster", &["hello", "eu-west-1", "eks"], &associated).succeeded();
    assert!(!ran.called("eksctl create podidentityassociation"));

    let ran = existing("cluster", &["hello", "eu-west-1", "eks-auto"], &[]).succeeded();
    assert!(ran.called("eksctl create addon -f "));
    assert!(!ran.called("eksctl create nodegroup"));
}

/// They may be missing after a creation that failed half-way, or changed by hand since.
#[test]
fn a_rerun_sets_logs_zonal_shift_and_the_support_policy() {
    for overlay in ["eks", "eks-auto"] {
        for (support, updated) in [("EXTENDED\n", true), ("STANDARD\n", false)] {
            let answers = [("support", support)];
            let ran = existing("cluster", &["hello", "eu-west-1", overlay], &answers);
            let ran = ran.succeeded();
            for setting in ["update-cluster-logging", "update-zonal-shift-config"] {
                let update = format!("eksctl utils {setting} -f ");
                assert!(ran.called(&update), "{setting}: {:?}", ran.calls);
            }
            let policy = "--upgrade-policy supportType=STANDARD";
            let update = ran.calls.iter().any(|call| call.contains(policy));
            assert_eq!(update, updated, "{:?}", ran.calls);
            // AWS refuses further changes while the cluster is being updated.
            assert_eq!(ran.called("aws eks wait cluster-active"), updated);
        }
    }
}

fn create(answers: &[(&str, &str)]) -> Ran {
    let answers = [&ROOM[..], answers].concat();
    answered("cluster", &["hello", "eu-west-1", "eks"], &answers)
}

#[test]
fn quotas_that_leave_no_room_are_reported_before_a_cluster_is_created() {
    let ran = create(&[]).succeeded();
    assert!(ran.called("eksctl create cluster"));
    assert!(!ran.stderr.contains("Not checked"), "{}", ran.stderr);

    let full = [
        (
            "list-clusters",
            "100\n",
            "100 of 100 clusters are in use, and the cluster takes 1",
        ),
        (
            "describe-vpcs",
            "5\n",
            "5 of 5 VPCs are in use, and the cluster takes 1",
        ),
        (
            "describe-addresses",
            "7\n",
            "7 of 5 Elastic IP addresses are in use, and the cluster takes 1",
        ),
        (
            "get-service-quota.L-1216C47A",
            "15.0\n",
            "10 of 15 vCPUs are in use, and the cluster takes 6",
        ),
    ];
    for (file, text, message) in full {
        let ran = create(&[(file, text)]);
        assert_eq!(ran.code, Some(1), "{message}: {}", ran.stderr);
        assert!(ran.stderr.contains(message), "{message}: {}", ran.stderr);
        assert!(!ran.called("eksctl create"), "{message}");
    }
    let ran = create(&full.map(|(file, text, _)| (file, text)));
    for (.., message) in full {
        assert!(ran.stderr.contains(message), "{message}: {}", ran.stderr);
    }
    let increase = "request-service-quota-increase --region eu-west-1 --service-code ec2 \
                    --quota-code L-1216C47A --desired-value 16";
    assert!(ran.stderr.contains(increase), "{}", ran.stderr);

    // Without permission to read the quotas, a cluster can still be created.
    let ran = run("cluster", &["hello", "eu-west-1", "eks"]).succeeded();
    assert_eq!(
        ran.stderr.matches("Not checked").count(),
        4,
        "{}",
        ran.stderr
    );
}

/// The vCPUs of the definition's initial nodes; both of its instance types have two.
#[test]
fn the_vcpus_of_the_quotas_are_those_of_the_definition() {
    let script = fs::read_to_string(repository().join("dev/eks/quotas.sh")).unwrap();
    let ran = run("cluster", &["hello", "eu-west-1", "eks"]).succeeded();
    let definition = ran.definition();
    let groups = definition["managedNodeGroups"].as_array().unwrap();
    let nodes = groups
        .iter()
        .filter_map(|group| group["desiredCapacity"].as_u64());
    let vcpus = 2 * nodes.sum::<u64>();
    assert!(
        script.contains(&format!("\nnode_vcpus={vcpus}\n")),
        "{vcpus}"
    );
}

#[test]
fn the_current_context_is_unchanged() {
    let ran = run("cluster", &["hello", "eu-west-1", "eks"]).succeeded();
    let create = ran
        .calls
        .iter()
        .find(|call| call.starts_with("eksctl create cluster"));
    assert!(
        create.unwrap().ends_with(" --write-kubeconfig=false"),
        "{create:?}"
    );

    let ran = run("kubeconfig", &["hello", "eu-west-1"]).succeeded();
    assert_eq!(ran.calls.last().unwrap(), "kubectl config use-context mine");
    let update =
        "aws eks update-kubeconfig --name hello --region eu-west-1 --alias hello.eu-west-1";
    assert!(
        ran.calls.iter().any(|call| call == update),
        "{:?}",
        ran.calls
    );
}

#[test]
fn an_upgrade_goes_one_minor_version_at_a_time() {
    let upgrade = |overlay, files: &[(&str, &str)]| {
        existing("cluster-upgrade", &["hello", "eu-west-1", overlay], files)
    };
    let ran = upgrade("eks", &[("version", "1.34\n")]).succeeded();
    let count = |start: &str| {
        ran.calls
            .iter()
            .filter(|call| call.starts_with(start))
            .count()
    };
    assert_eq!(
        count("eksctl upgrade cluster"),
        2,
        "1.34 to 1.35 to 1.36: {:?}",
        ran.calls
    );
    assert_eq!(count("eksctl update addon"), 2);
    assert_eq!(count("eksctl upgrade nodegroup"), 4);
    assert_eq!(count("helm upgrade --install"), 1);

    let ran = upgrade("eks-auto", &[("version", "1.36\n")]).succeeded();
    assert!(!ran.called("eksctl upgrade"), "{:?}", ran.calls);

    let insights = [
        ("version", "1.34\n"),
        ("insights", "Deprecated APIs removed in v1.35\n"),
    ];
    let ran = upgrade("eks", &insights);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("Deprecated APIs removed"),
        "{}",
        ran.stderr
    );
    assert!(!ran.called("eksctl upgrade"), "{:?}", ran.calls);

    let ran = upgrade("eks", &[("version", "1.99\n")]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
}

#[test]
fn a_cluster_is_not_deleted_while_it_has_load_balancers() {
    let left = [
        ("balancers", "Service/rust-app-service in rust-app\n"),
        // Its Service is gone, so only AWS lists it.
        (
            "tagged",
            "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/net/k8s-x\n",
        ),
    ];
    for (file, text) in left {
        let ran = existing("cluster-delete", &["hello", "eu-west-1"], &[(file, text)]);
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        assert!(ran.stderr.contains(text.trim()), "{}", ran.stderr);
        assert!(!ran.called("eksctl delete"), "{:?}", ran.calls);
    }
    let ran = existing("cluster-delete", &["hello", "eu-west-1"], &[]).succeeded();
    assert!(ran.called("eksctl delete cluster --name hello"));
    for tag in [
        "Key=elbv2.k8s.aws/cluster,Values=hello",
        "Key=eks:eks-cluster-name,Values=hello",
    ] {
        assert!(
            ran.calls.iter().any(|call| call.contains(tag)),
            "{:?}",
            ran.calls
        );
    }
}

/// Resources that cannot be listed may exist.
#[test]
fn a_cluster_is_not_deleted_when_aws_does_not_answer() {
    let denied = [("denied", "")];
    let ran = existing("cluster-delete", &["hello", "eu-west-1"], &denied);
    assert_ne!(ran.code, Some(0), "{}", ran.stderr);
    assert!(!ran.called("eksctl delete"), "{:?}", ran.calls);
}

#[test]
fn resources_that_outlive_their_cluster_are_deleted_or_reported() {
    let volumes = [("volumes", "arn:aws:ec2:eu-west-1:1:volume/vol-1\n")];
    let ran = existing("cluster-delete", &["hello", "eu-west-1"], &volumes);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("volume/vol-1"), "{}", ran.stderr);
    assert!(ran.called("kubectl config delete-context hello.eu-west-1"));

    // Repeated after the cluster is gone, it still looks for resources.
    let ran = run("cluster-delete", &["hello", "eu-west-1"]).succeeded();
    assert!(!ran.called("eksctl delete"), "{:?}", ran.calls);
    assert!(ran.called("aws resourcegroupstaggingapi"));
}
