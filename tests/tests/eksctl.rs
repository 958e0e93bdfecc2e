//! The cluster definitions of `make cluster`, validated by the real eksctl against moto:
//! `create cluster --dry-run`, which parses them strictly, applies its rules, and queries AWS for zones,
//! instance types and versions.
//!
//! Needs `EKSCTL`, the path of an eksctl (`make test-eksctl` builds one), and `moto_server`.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};

use e2e::eks_scripts::Script;
use e2e::moto::Moto;
use serde_json::{Value, json};

const ADMIN: &str = "arn:aws:iam::123456789012:user/ops/ana";
const CI: &str = "arn:aws:iam::123456789012:role/deployer";

/// A proxy to moto's EKS API that adds the one request that moto lacks: the list of versions.
fn eks_api(moto: &Moto) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let moto = moto.endpoint().trim_start_matches("http://").to_owned();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, moto) = (client.unwrap(), moto.clone());
            // A client that disconnects early is ignored.
            std::thread::spawn(move || answer(client, &moto));
        }
    });
    format!("http://{address}")
}

fn answer(mut client: TcpStream, moto: &str) -> io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    if head.starts_with(b"GET /cluster-versions") {
        let versions = ["1.36", "1.35", "1.34"].map(|version| {
            json!({"clusterVersion": version, "clusterType": "eks",
                "defaultVersion": version == "1.36", "versionStatus": "STANDARD_SUPPORT"})
        });
        let body = json!({"clusterVersions": versions}).to_string();
        return write!(
            client,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        );
    }
    let mut moto = TcpStream::connect(moto)?;
    moto.write_all(&head)?;
    let (mut upstream, mut client_reader) = (moto.try_clone()?, client.try_clone()?);
    let requests = std::thread::spawn(move || io::copy(&mut client_reader, &mut upstream));
    io::copy(&mut moto, &mut client)?;
    let _ = requests.join();
    Ok(())
}

/// The definition that `make cluster` passes to eksctl, without the one field that 0.215.0 lacks.
fn definition(overlay: &str) -> Value {
    let script = Script::new("cluster", &["hello", "eu-west-1", overlay]);
    let script = script.answer("caller", "arn:aws:iam::123456789012:user/me\n");
    let script = script.setting("ADMINS", ADMIN).setting("DEPLOYERS", CI);
    let script = script.setting("TAGS", "team=a");
    let mut definition = script.run().succeeded().definition();
    let policy = definition.as_object_mut().unwrap().remove("upgradePolicy");
    assert_eq!(policy, Some(json!({"supportType": "STANDARD"})));
    definition
}

fn dry_run(moto: &Moto, eks: &str, definition: &Value) -> Output {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("cluster.yaml");
    std::fs::write(&file, definition.to_string()).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test binary has no other edge")]
    let eksctl = std::env::var("EKSCTL").expect("`make test-eksctl` sets EKSCTL");
    Command::new(eksctl)
        .args(["create", "cluster", "--dry-run", "-f"])
        .arg(&file)
        .env_clear()
        .env("HOME", scratch.path())
        .env("AWS_ENDPOINT_URL", moto.endpoint())
        .env("AWS_EKS_ENDPOINT", eks)
        .env("AWS_ACCESS_KEY_ID", "key")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .unwrap()
}

#[test]
fn eksctl_accepts_both_clusters() {
    let moto = Moto::start();
    let eks = eks_api(&moto);
    for overlay in ["eks", "eks-auto"] {
        let definition = definition(overlay);
        let output = dry_run(&moto, &eks, &definition);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{overlay}: {stderr}");
        let text = String::from_utf8(output.stdout).unwrap();
        let resolved: Value = serde_saphyr::from_str(&text).unwrap();
        let same = [
            "/metadata/name",
            "/metadata/region",
            "/metadata/version",
            "/metadata/tags/team",
            "/accessConfig/authenticationMode",
            "/accessConfig/accessEntries/0/principalARN",
            "/accessConfig/accessEntries/0/accessPolicies/0/policyARN",
            "/accessConfig/accessEntries/0/accessPolicies/0/accessScope/type",
            "/accessConfig/accessEntries/1/principalARN",
            "/accessConfig/accessEntries/1/kubernetesGroups",
            "/zonalShiftConfig/enabled",
            "/cloudWatch/clusterLogging/enableTypes",
            "/vpc/autoAllocateIPv6",
        ];
        for pointer in same {
            let wanted = definition.pointer(pointer);
            assert!(wanted.is_some(), "{overlay}: {pointer}");
            assert_eq!(
                resolved.pointer(pointer),
                wanted,
                "{overlay}: {pointer}\n{text}"
            );
        }
        let names = |cluster: &Value, list: &str| -> Vec<String> {
            let items = cluster[list].as_array().into_iter().flatten();
            items.map(|item| item["name"].to_string()).collect()
        };
        for list in ["managedNodeGroups", "addons"] {
            for name in names(&definition, list) {
                assert!(
                    names(&resolved, list).contains(&name),
                    "{overlay}: {name}\n{text}"
                );
            }
        }
        assert_eq!(
            names(&definition, "managedNodeGroups").is_empty(),
            overlay == "eks-auto"
        );
    }
}

#[test]
fn eksctl_refuses_what_it_would_otherwise_ignore() {
    let moto = Moto::start();
    let eks = eks_api(&moto);
    for (pointer, value, message) in [
        (
            "/zonalShiftConfig",
            json!({"enable": true}),
            "unknown field",
        ),
        ("/metadata/version", json!("1.99"), "invalid version"),
        (
            "/accessConfig/accessEntries/0/accessPolicies/0/accessScope",
            json!({"type": "cluster", "namespaces": ["a"]}),
            "namespaces",
        ),
    ] {
        let mut definition = definition("eks");
        *definition.pointer_mut(pointer).unwrap() = value;
        let output = dry_run(&moto, &eks, &definition);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{pointer}: {stderr}");
        assert!(stderr.contains(message), "{pointer}: {stderr}");
    }
}
