//! Registries and token servers that redirect.

use oci::registry::{Problem, Repository};
use test_registry::{Action, Auth, Behaviour, Fault, TestRegistry};

use crate::fixture::{
    NAME, anyone, assert_there, cause, image, push, repository, settings, someone,
};

fn redirect(method: &'static str, path: &'static str, status: u16, to: &str) -> Fault {
    Fault {
        method,
        path,
        after: 0,
        times: 99,
        action: Action::Respond(status, vec![("location", to.to_owned())], ""),
    }
}

#[test]
fn a_registry_that_redirects_everything_is_followed_without_credentials() {
    let target = TestRegistry::start(Behaviour::default());
    let front = TestRegistry::start(Behaviour {
        auth: Auth::Basic("AWS".into(), "hunter2".into()),
        redirect: Some(target.host()),
        ..Behaviour::default()
    });
    let repository = Repository::push(&front.reference(NAME), settings(), someone()).unwrap();
    let image = image();
    push(&image, &repository, &["v1"]).unwrap();
    assert_there(&target, &image, "v1");
    let seen = target.seen();
    assert!(seen.iter().all(|seen| seen.authorization.is_none()));
    assert!(front.seen().iter().any(|seen| seen.authorization.is_some()));
}

#[test]
fn a_token_server_that_redirects_is_followed() {
    let registry = TestRegistry::start(Behaviour {
        auth: Auth::Bearer("AWS".into(), "hunter2".into(), 1000),
        ..Behaviour::default()
    });
    let moved = "/token?service=test&moved=1";
    registry.fault(Fault {
        times: 1,
        ..redirect("GET", "/token", 302, moved)
    });
    let repository = Repository::push(&registry.reference(NAME), settings(), someone()).unwrap();
    let image = image();
    push(&image, &repository, &["v1"]).unwrap();
    assert_eq!(registry.tag(NAME, "v1"), Some(image.root.digest));
    assert_eq!(registry.faults_left(), 0);
}

#[test]
fn a_token_server_that_redirects_to_another_host_gives_it_no_credentials() {
    let auth = || Auth::Bearer("AWS".into(), "hunter2".into(), 1000);
    let start = || {
        TestRegistry::start(Behaviour {
            auth: auth(),
            ..Behaviour::default()
        })
    };
    let (registry, other) = (start(), start());
    let there = format!("http://{}/token?service=test", other.host());
    registry.fault(redirect("GET", "/token", 302, &there));
    let repository = Repository::push(&registry.reference(NAME), settings(), someone()).unwrap();
    let error = push(&image(), &repository, &["v1"]).unwrap_err();
    assert!(cause(&error).to_string().contains(&other.host()), "{error}");
    let seen = other.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].authorization, None);
}

/// An identity token is in the body of its request.
#[test]
fn an_identity_token_is_not_sent_to_another_host() {
    use oci::registry::{Credentials, Secret};
    let other = TestRegistry::start(Behaviour::default());
    let registry = TestRegistry::start(Behaviour {
        auth: Auth::Bearer("x".into(), "y".into(), 1000),
        ..Behaviour::default()
    });
    let there = format!("http://{}/token", other.host());
    registry.fault(redirect("POST", "/token", 307, &there));
    let keychain = std::sync::Arc::new(Credentials::IdentityToken(Secret::new("identity")));
    let repository = Repository::push(&registry.reference(NAME), settings(), keychain).unwrap();
    let error = push(&image(), &repository, &["v1"]).unwrap_err();
    let error = cause(&error);
    assert!(
        matches!(*error.problem, Problem::Redirect { .. }),
        "{error}"
    );
    assert!(error.to_string().contains(&other.host()), "{error}");
    assert_eq!(other.seen(), []);
}

#[test]
fn redirects_are_bounded_and_their_target_is_named() {
    let registry = TestRegistry::start(Behaviour::default());
    let again = format!("http://{}/v2/team/app/again?secret=1", registry.host());
    registry.fault(redirect("HEAD", "/v2/", 301, &again));
    let error = push(&image(), &repository(&registry), &["v1"]).unwrap_err();
    let error = cause(&error);
    assert!(
        matches!(*error.problem, Problem::Redirect { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("/v2/team/app/again"), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
    assert!(registry.seen().len() < 30, "{}", registry.seen().len());
}

/// A redirect with 301 to 303 would turn an upload into a GET.
#[test]
fn an_upload_follows_only_redirects_that_keep_its_method() {
    let registry = TestRegistry::start(Behaviour::default());
    for status in [301, 302, 303] {
        let there = format!("http://{}/v2/moved/blobs/uploads/", registry.host());
        registry.fault(Fault {
            times: 1,
            ..redirect("POST", "/team/app/blobs/uploads/", status, &there)
        });
        let error = push(&image(), &repository(&registry), &["v1"]).unwrap_err();
        let error = cause(&error);
        assert!(error.to_string().contains("/v2/moved/"), "{error}");
    }
}

/// A redirect of a HEAD does not prove that the blob exists at its target.
#[test]
fn a_blob_that_is_missing_at_the_target_of_a_redirect_is_sent() {
    let (registry, empty) = (
        TestRegistry::start(Behaviour::default()),
        TestRegistry::start(Behaviour::default()),
    );
    let there = format!(
        "http://{}/v2/x/blobs/{}",
        empty.host(),
        oci::Digest::of(b"")
    );
    registry.fault(Fault {
        times: 1,
        ..redirect("HEAD", "/blobs/sha256", 307, &there)
    });
    let image = image();
    push(&image, &repository(&registry), &["v1"]).unwrap();
    assert_there(&registry, &image, "v1");
}

/// The URL of a storage service may be signed for GET only.
#[test]
fn a_refused_head_of_a_storage_service_counts_as_present() {
    let (registry, storage) = (
        TestRegistry::start(Behaviour::default()),
        TestRegistry::start(Behaviour::default()),
    );
    storage.fault(Fault {
        method: "HEAD",
        path: "/signed",
        after: 0,
        times: 9,
        action: Action::Respond(403, vec![], ""),
    });
    let there = format!("http://{}/signed?X-Amz-Signature=s", storage.host());
    registry.fault(redirect("HEAD", "/blobs/sha256", 307, &there));
    let digest = registry.put_blob(b"content");
    let repository = Repository::pull(&registry.reference(NAME), settings(), anyone()).unwrap();
    let descriptor = oci::Descriptor::of(oci::MediaType::OCI_LAYER_GZIP, b"content");
    assert_eq!(descriptor.digest, digest);
    assert!(repository.has_blob(&descriptor).unwrap());
}
