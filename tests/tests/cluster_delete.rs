//! `make cluster-delete` finds what outlived its Service, by the real AWS CLI against moto. No
//! cluster: eksctl and kubectl are replaced by programs that do nothing.
//!
//! Needs `moto_server` and `aws` (on PATH or in `target/moto/bin`).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use e2e::moto::{Moto, installed};
use tempfile::TempDir;

/// Records its calls. The cluster exists.
const STUB: &str = "#!/bin/sh\necho \"$(basename \"$0\") $*\" >>\"$STUBS/calls\"\n";

struct Account {
    moto: Moto,
    stubs: TempDir,
}

impl Account {
    fn new() -> Self {
        let stubs = tempfile::tempdir().unwrap();
        for name in ["eksctl", "kubectl"] {
            let path = stubs.path().join(name);
            fs::write(&path, STUB).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let moto = Moto::start();
        Self { moto, stubs }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env("AWS_ENDPOINT_URL", self.moto.endpoint())
            .env("AWS_ACCESS_KEY_ID", "key")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_DEFAULT_REGION", "eu-west-1")
            .env("AWS_DEFAULT_OUTPUT", "text")
            .env("STUBS", self.stubs.path());
        command
    }

    /// What the AWS CLI prints.
    #[track_caller]
    fn aws(&self, arguments: &str) -> String {
        let mut aws = self.command(&installed("aws"));
        let output = aws.args(arguments.split_whitespace()).output();
        let output = output.expect("the AWS CLI is needed here: dev/install test");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "aws {arguments}: {stderr}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// `make cluster-delete` of the cluster `hello`: its exit code and messages.
    fn delete_cluster(&self) -> (Option<i32>, String) {
        let installed = installed("aws");
        let path = [self.stubs.path(), installed.parent().unwrap()];
        let path = path.map(|folder| folder.display().to_string()).join(":");
        let mut script = self.command(Path::new("sh"));
        let Output { status, stderr, .. } = script
            .args([
                "-c",
                "PATH=$0:$PATH exec dev/eks/cluster-delete.sh hello eu-west-1",
            ])
            .arg(path)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .output()
            .unwrap();
        (status.code(), String::from_utf8(stderr).unwrap())
    }

    fn cluster_was_deleted(&self) -> bool {
        let calls = fs::read_to_string(self.stubs.path().join("calls")).unwrap_or_default();
        calls.contains("eksctl delete cluster --name hello")
    }
}

#[test]
fn what_outlived_its_service_is_found_in_aws() {
    let account = Account::new();
    let vpc = account.aws("ec2 describe-vpcs --query Vpcs[0].VpcId");
    let subnet = account.aws("ec2 describe-subnets --query Subnets[0].SubnetId");
    let tag = |cluster: &str| format!("--tags Key=elbv2.k8s.aws/cluster,Value={cluster}");
    let balancer = account.aws(&format!(
        "elbv2 create-load-balancer --name k8s-web --type network --subnets {subnet} {} \
         --query LoadBalancers[0].LoadBalancerArn",
        tag("hello")
    ));
    let target_group = |name: &str, cluster: &str| {
        account.aws(&format!(
            "elbv2 create-target-group --name {name} --protocol TCP --port 5000 --target-type ip \
             --vpc-id {vpc} {} --query TargetGroups[0].TargetGroupArn",
            tag(cluster)
        ))
    };
    let group = target_group("k8s-web", "hello");
    let foreign = target_group("k8s-other", "hello-2");
    let security_group = account.aws(
        "ec2 create-security-group --group-name k8s-traffic --description x --query GroupId \
         --tag-specifications \
         ResourceType=security-group,Tags=[{Key=elbv2.k8s.aws/cluster,Value=hello}]",
    );
    let volume = account.aws(
        "ec2 create-volume --availability-zone eu-west-1a --size 1 --query VolumeId \
         --tag-specifications \
         ResourceType=volume,Tags=[{Key=kubernetes.io/cluster/hello,Value=owned}]",
    );
    account.aws("logs create-log-group --log-group-name /aws/eks/hello/cluster");

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

    account.aws(&format!(
        "elbv2 delete-load-balancer --load-balancer-arn {balancer}"
    ));
    account.aws(&format!(
        "elbv2 delete-target-group --target-group-arn {group}"
    ));
    account.aws(&format!(
        "ec2 delete-security-group --group-id {security_group}"
    ));
    let (code, stderr) = account.delete_cluster();
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains(&volume), "{stderr}");
    assert!(account.cluster_was_deleted());
    let groups = account.aws("logs describe-log-groups --query logGroups[].logGroupName");
    assert!(!groups.contains("hello"), "{groups}");

    account.aws(&format!("ec2 delete-volume --volume-id {volume}"));
    let (code, stderr) = account.delete_cluster();
    assert_eq!(code, Some(0), "{stderr}");
}
