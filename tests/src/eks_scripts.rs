//! The scripts in `dev/eks`, run with stubs of aws, eksctl, helm and kubectl that record their calls.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fs;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::manifests::repository;

/// Records its name and arguments in `calls`, answers queries from files of the test, and keeps the
/// cluster definition that eksctl receives.
const STUB: &str = r#"#!/bin/sh
name=$(basename "$0")
echo "$name $*" >>"$STUBS/calls"
show() { cat "$STUBS/$1" 2>/dev/null || :; }
case "$name $*" in
    "aws sts get-caller-identity --query Arn"*) show caller ;;
    "aws sts get-caller-identity"*) echo 123456789012 ;;
    "aws eks describe-cluster"*vpcId*) echo vpc-1 ;;
    "aws eks describe-cluster"*cluster.version*) show version ;;
    "aws eks describe-cluster"*supportType*) show support ;;
    "aws eks list-access-entries"*) show entries; test ! -e "$STUBS/denied" ;;
    "aws eks list-insights"*) show insights ;;
    "aws eks list-nodegroups"*) echo graviton amd64 ;;
    "aws eks list-pod-identity-associations"*) show associations ;;
    "aws service-quotas get-"*) show "$2.$8" ; test -e "$STUBS/$2.$8" ;;
    "aws eks list-clusters"* | "aws ec2 describe-vpcs"* | "aws ec2 describe-addresses"*) show "$2" ;;
    "aws ec2 describe-instances"*) show "$2" ;;
    "aws resourcegroupstaggingapi"*ec2:volume*) show volumes ;;
    "aws resourcegroupstaggingapi"*elbv2.k8s.aws*) show tagged; test ! -e "$STUBS/denied" ;;
    "aws resourcegroupstaggingapi"*) show tagged ;;
    "eksctl get cluster"*) test -e "$STUBS/exists" ;;
    "eksctl create cluster -f "* | "eksctl create nodegroup -f "* | "eksctl create addon -f "*)
        cp "$4" "$STUBS/cluster.yaml" ;;
    "eksctl upgrade cluster -f "*)
        cp "$4" "$STUBS/cluster.yaml"
        sed -n 's/^  version: "\(.*\)"/\1/p' "$4" >"$STUBS/version" ;;
    "kubectl config current-context") echo mine ;;
    "kubectl config get-contexts"*) printf 'mine\nother\nhello.eu-west-1\n' ;;
    "kubectl --context "*"get services"*) show balancers ;;
    "kubectl --context "*"apply "*" -f -") cat >/dev/null ;;
esac
"#;

/// Answers with quotas, by code, and usage that leaves room for a cluster.
pub const ROOM: [(&str, &str); 8] = [
    ("get-service-quota.L-1194D53C", "100.0\n"),
    ("list-clusters", "99\n"),
    ("get-service-quota.L-F678F1CE", "5.0\n"),
    ("describe-vpcs", "4\n"),
    // No applied quota, so AWS's default counts.
    ("get-aws-default-service-quota.L-0263D0A3", "5.0\n"),
    ("describe-addresses", "4\n"),
    ("get-service-quota.L-1216C47A", "16.0\n"),
    // 10 vCPUs of this quota, and 8 of the one for graphics instances.
    (
        "describe-instances",
        "m5.xlarge\t2\t2\ng4dn.2xlarge\t4\t2\nim4gn.large\t2\t1\nt3a.xlarge\t2\t2\n",
    ),
];

/// A script to run.
#[derive(Debug)]
pub struct Script {
    command: Command,
    stubs: TempDir,
}

impl Script {
    /// `dev/eks/NAME.sh` with its arguments, for a cluster that does not exist.
    ///
    /// # Panics
    /// When the stubs cannot be written.
    pub fn new(name: &str, args: &[&str]) -> Self {
        let stubs = tempfile::tempdir().unwrap();
        for program in ["aws", "eksctl", "helm", "kubectl"] {
            test_programs::write_script(&stubs.path().join(program), STUB);
        }
        let mut command = Command::new("bash");
        command
            .arg(format!("dev/eks/{name}.sh"))
            .args(args)
            .current_dir(repository())
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", stubs.path().display()))
            .env("STUBS", stubs.path());
        Self { command, stubs }
    }

    /// Adds a setting of make, which the script finds in its environment.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Adds an answer of AWS, the cluster or its tools: the text of a file that the stubs read.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn answer(self, file: &str, text: &str) -> Self {
        fs::write(self.stubs.path().join(file), text).unwrap();
        self
    }

    /// Runs it.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run(mut self) -> Ran {
        let output = self.command.output().unwrap();
        let calls = fs::read_to_string(self.stubs.path().join("calls")).unwrap_or_default();
        Ran {
            code: output.status.code(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            calls: calls.lines().map(str::to_owned).collect(),
            stubs: self.stubs,
        }
    }
}

/// Runs a script for a cluster that does not exist.
pub fn run(script: &str, args: &[&str]) -> Ran {
    Script::new(script, args).run()
}

/// Runs a script for a cluster that does not exist, with [answers](Script::answer); the last of each file
/// counts.
pub fn answered(script: &str, args: &[&str], answers: &[(&str, &str)]) -> Ran {
    let script = Script::new(script, args);
    let answers = answers.iter();
    let script = answers.fold(script, |script, (file, text)| script.answer(file, text));
    script.run()
}

/// Runs a script for a cluster that exists.
pub fn existing(script: &str, args: &[&str], answers: &[(&str, &str)]) -> Ran {
    answered(script, args, &[&[("exists", "")], answers].concat())
}

/// What a script did.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it wrote to standard error.
    pub stderr: String,
    /// Each call of aws, eksctl, helm and kubectl.
    pub calls: Vec<String>,
    stubs: TempDir,
}

impl Ran {
    /// Returns itself if the script succeeded.
    ///
    /// # Panics
    /// With its standard error, unless it succeeded.
    #[must_use]
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self
    }

    /// Whether a call starts with `start`.
    pub fn called(&self, start: &str) -> bool {
        self.calls.iter().any(|call| call.starts_with(start))
    }

    /// The last cluster definition that eksctl received.
    ///
    /// # Panics
    /// When it received none, or it is not YAML.
    #[track_caller]
    pub fn definition(&self) -> Value {
        let text = fs::read_to_string(self.stubs.path().join("cluster.yaml")).unwrap();
        serde_saphyr::from_str(&text).unwrap()
    }
}
