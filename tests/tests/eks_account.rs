//! The scripts in `dev/eks` and the account's quotas and leaked resources, by the real AWS CLI against
//! moto. No cluster: eksctl, helm and kubectl are stubs.
//!
//! Needs `moto_server` and `aws` (on PATH or in `target/moto/bin`).

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use e2e::moto::{Moto, installed};
use tempfile::TempDir;

/// Records its calls. The cluster exists unless there is a file `missing`.
const STUB: &str = r#"#!/bin/sh
echo "$(basename "$0") $*" >>"$STUBS/calls"
[ "$1 $2" != "get cluster" ] || ! [ -e "$STUBS/missing" ]
"#;

struct Account {
    moto: Moto,
    stubs: TempDir,
}

impl Account {
    fn new() -> Self {
        let stubs = tempfile::tempdir().unwrap();
        for name in ["eksctl", "helm", "kubectl"] {
            test_programs::write_script(&stubs.path().join(name), STUB);
        }
        let moto = Moto::start();
        Self { moto, stubs }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .envs(self.moto.environment())
            .env("STUBS", self.stubs.path());
        command
    }

    /// The exit code and messages of a script for the cluster `hello`.
    fn run(&self, script: &str, overlay: &str) -> (Option<i32>, String) {
        let installed = installed("aws");
        let path = [self.stubs.path(), installed.parent().unwrap()];
        let path = path.map(|folder| folder.display().to_string()).join(":");
        let mut shell = self.command(Path::new("sh"));
        let Output { status, stderr, .. } = shell
            .args(["-c", "PATH=$0:$PATH exec \"$@\""])
            .arg(path)
            .args([
                &format!("dev/eks/{script}.sh"),
                "hello",
                "eu-west-1",
                overlay,
            ])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .output()
            .unwrap();
        (status.code(), String::from_utf8(stderr).unwrap())
    }

    fn delete_cluster(&self) -> (Option<i32>, String) {
        self.run("cluster-delete", "eks")
    }

    fn called(&self, start: &str) -> bool {
        let calls = fs::read_to_string(self.stubs.path().join("calls")).unwrap_or_default();
        calls.lines().any(|call| call.starts_with(start))
    }

    fn cluster_was_deleted(&self) -> bool {
        self.called("eksctl delete cluster --name hello")
    }
}

#[test]
fn resources_that_outlive_their_service_are_found_in_aws() {
    let account = Account::new();
    let vpc = account.moto.aws("ec2 describe-vpcs --query Vpcs[0].VpcId");
    let subnet = account
        .moto
        .aws("ec2 describe-subnets --query Subnets[0].SubnetId");
    let tag = |cluster: &str| format!("--tags Key=elbv2.k8s.aws/cluster,Value={cluster}");
    let balancer = account.moto.aws(&format!(
        "elbv2 create-load-balancer --name k8s-web --type network --subnets {subnet} {} \
         --query LoadBalancers[0].LoadBalancerArn",
        tag("hello")
    ));
    let target_group = |name: &str, cluster: &str| {
        account.moto.aws(&format!(
            "elbv2 create-target-group --name {name} --protocol TCP --port 5000 --target-type ip \
             --vpc-id {vpc} {} --query TargetGroups[0].TargetGroupArn",
            tag(cluster)
        ))
    };
    let group = target_group("k8s-web", "hello");
    let foreign = target_group("k8s-other", "hello-2");
    let security_group = account.moto.aws(
        "ec2 create-security-group --group-name k8s-traffic --description x --query GroupId \
         --tag-specifications \
         ResourceType=security-group,Tags=[{Key=elbv2.k8s.aws/cluster,Value=hello}]",
    );
    let volume = account.moto.aws(
        "ec2 create-volume --availability-zone eu-west-1a --size 1 --query VolumeId \
         --tag-specifications \
         ResourceType=volume,Tags=[{Key=kubernetes.io/cluster/hello,Value=owned}]",
    );
    account
        .moto
        .aws("logs create-log-group --log-group-name /aws/eks/hello/cluster");

    let (code, stderr) = account.delete_cluster();
    assert_eq!(code, Some(1), "{stderr}");
    for left in [&balancer, &group, &security_group] {
        assert!(
            stderr.contains(left.as_str()),
            "{left} is not in:\n{stderr}"
        );
    }
    assert!(!stderr.contains(&foreign), "{stderr}");
    assert!(!account.cluster_was_deleted());

    account.moto.aws(&format!(
        "elbv2 delete-load-balancer --load-balancer-arn {balancer}"
    ));
    account.moto.aws(&format!(
        "elbv2 delete-target-group --target-group-arn {group}"
    ));
    account.moto.aws(&format!(
        "ec2 delete-security-group --group-id {security_group}"
    ));
    let (code, stderr) = account.delete_cluster();
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains(&volume), "{stderr}");
    assert!(account.cluster_was_deleted());
    let groups = account
        .moto
        .aws("logs describe-log-groups --query logGroups[].logGroupName");
    assert!(!groups.contains("hello"), "{groups}");

    account
        .moto
        .aws(&format!("ec2 delete-volume --volume-id {volume}"));
    let (code, stderr) = account.delete_cluster();
    assert_eq!(code, Some(0), "{stderr}");
}

/// The default quota is five VPCs in a region, and a cluster needs one.
#[test]
fn a_cluster_that_would_exceed_a_quota_is_not_created() {
    let account = Account::new();
    fs::write(account.stubs.path().join("missing"), "").unwrap();
    let existing = account.moto.aws("ec2 describe-vpcs --query length(Vpcs)");
    let mut vpc = String::new();
    for _ in existing.parse().unwrap()..5 {
        vpc = account
            .moto
            .aws("ec2 create-vpc --cidr-block 10.0.0.0/16 --query Vpc.VpcId");
    }
    let (code, stderr) = account.run("cluster", "eks");
    assert_eq!(code, Some(1), "{stderr}");
    let message =
        "eu-west-1 has no room for cluster hello: 5 of 5 VPCs are in use, and the cluster takes 1";
    assert!(stderr.contains(message), "{stderr}");
    assert!(!account.called("eksctl create cluster"), "{stderr}");

    account.moto.aws(&format!("ec2 delete-vpc --vpc-id {vpc}"));
    let (_, stderr) = account.run("cluster", "eks");
    // moto has only the quotas of VPCs.
    let unknown = "Not checked: AWS does not report the quota of vCPUs (L-1216C47A)";
    assert!(stderr.contains(unknown), "{stderr}");
    assert!(account.called("eksctl create cluster"), "{stderr}");
}
