//! What to do about a registry's refusal, by its code and message, not only by the status.

use cli::Exit;
use oci::registry::{OciError, Problem, RegistryError};

use super::registry_exit::exit;
use crate::registry::{EcrHost, is_public};

/// The cause of a refusal. Registries use the same status and code for several.
enum Cause {
    /// The repository, project or namespace does not exist.
    NoRepository,
    /// The tag is immutable and refers to another image.
    ImmutableTag,
    /// The storage is used up.
    Quota,
    /// A rule of the project, such as a scan or a signature.
    Policy,
    /// Too many requests.
    Rate,
    /// The registry does not accept this kind of manifest.
    Manifest,
    /// The token or password is no longer valid.
    Expired,
    /// The credentials do not permit it.
    Denied,
}

pub(super) fn hint(error: &RegistryError) -> Option<String> {
    let host = error.url.split('/').nth(2).unwrap_or_default();
    connection_hint(error).or_else(|| cause(error).and_then(|cause| advice(&cause, host)))
}

/// The hint for a registry that could not be reached as expected, whatever it would answer.
fn connection_hint(error: &RegistryError) -> Option<String> {
    if let Problem::Unreachable(error) = &*error.problem {
        if error.is_certificate() {
            return Some(
                "the registry's certificate is not from a trusted authority: name the authority's certificate \
                with --ca-file"
                    .to_owned(),
            );
        }
        if error.proxy().is_some() {
            return Some(
                "the proxy is from HTTPS_PROXY or HTTP_PROXY; NO_PROXY lists the hosts that are reached \
                 without it"
                    .to_owned(),
            );
        }
    }
    // A registry's own error has its JSON form; the response of a TLS server does not.
    let is_bare_400 = matches!(
        *error.problem,
        Problem::Status {
            status: 400,
            error: None
        }
    );
    (is_bare_400 && error.url.starts_with("http:"))
        .then(|| "the registry may require TLS: omit --plain-http, or for one on this machine give --ca-file".to_owned())
}

fn cause(error: &RegistryError) -> Option<Cause> {
    let reason = match &*error.problem {
        Problem::Immutable { .. } => return Some(Cause::ImmutableTag),
        Problem::Status { error, .. } | Problem::Unauthorized { error, .. } => error.as_ref(),
        Problem::Unreachable(_)
        | Problem::Credentials(_)
        | Problem::Challenge
        | Problem::Token
        | Problem::Redirect { .. }
        | Problem::Proxy(_)
        | Problem::Header { .. }
        | Problem::Mismatch(_)
        | Problem::OtherDigest { .. }
        | Problem::Contended { .. }
        | Problem::Read(_)
        | Problem::Document(_) => None,
    };
    let code = reason.map_or("", |reason| reason.code.as_str());
    let words = reason.map_or_else(String::new, |reason| reason.message.to_lowercase());
    let says = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    Some(match (code, error.status()) {
        _ if reason.is_some_and(OciError::is_immutable_tag) => Cause::ImmutableTag,
        ("QUOTA_EXCEEDED", _) => Cause::Quota,
        // Harbor's 403 `DENIED`, Quay's and GitLab's.
        _ if says(&[
            "quota",
            "exceed the configured upper limit",
            "storage limit",
        ]) =>
        {
            Cause::Quota
        }
        ("TOOMANYREQUESTS", _) | (_, Some(429)) => Cause::Rate,
        ("PROJECTPOLICYVIOLATION", _) => Cause::Policy,
        ("MANIFEST_INVALID" | "UNSUPPORTED", _)
            if error.method == "PUT" && error.url.contains("/manifests/") =>
        {
            Cause::Manifest
        }
        ("NAME_UNKNOWN" | "NOT_FOUND", Some(404)) => Cause::NoRepository,
        _ if exit(&error.problem) != Exit::Authentication => return None,
        _ if says(&["expired"]) => Cause::Expired,
        _ => Cause::Denied,
    })
}

fn advice(cause: &Cause, host: &str) -> Option<String> {
    let ecr = EcrHost::parse(host);
    let advice = match cause {
        Cause::ImmutableTag => {
            "the tag is immutable and refers to another image: choose another tag"
        }
        Cause::Quota => {
            "the registry's storage quota is used up: delete images or raise it; other credentials \
            will not help"
        }
        Cause::Policy => "a policy of the registry's project forbids it: ask its administrator",
        Cause::Rate => "the registry limits the rate of requests: try again later, or log in",
        Cause::Manifest => {
            "the registry does not accept this kind of manifest; it may require another media type, or \
            accept no attestations"
        }
        Cause::NoRepository => return no_repository(host, ecr),
        Cause::Expired if ecr.is_some() => {
            "the token of Amazon ECR has expired: `aws sts get-caller-identity` shows whether AWS \
             still accepts you"
        }
        Cause::Denied if ecr.is_some() => {
            "`aws sts get-caller-identity` shows who you are; pushing needs \
             ecr:GetAuthorizationToken, and on the repository ecr:BatchCheckLayerAvailability, \
             ecr:InitiateLayerUpload, ecr:UploadLayerPart, ecr:CompleteLayerUpload, \
             ecr:BatchGetImage and ecr:PutImage"
        }
        Cause::Expired | Cause::Denied if is_public(host) => {
            "pushing to Amazon ECR Public needs credentials of AWS with \
             ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken, and on the repository \
             ecr-public:BatchCheckLayerAvailability, ecr-public:InitiateLayerUpload, \
             ecr-public:UploadLayerPart, ecr-public:CompleteLayerUpload and ecr-public:PutImage"
        }
        Cause::Denied if host == "ghcr.io" => {
            "pushing to ghcr.io needs a token with write:packages, and the package must let the \
             repository write to it: `imagebuilder login ghcr.io` stores the token"
        }
        Cause::Expired | Cause::Denied => {
            let host = hub(host);
            return Some(format!(
                "`imagebuilder login {host}` stores credentials that permit it"
            ));
        }
    };
    Some(advice.to_owned())
}

fn no_repository(host: &str, ecr: Option<EcrHost>) -> Option<String> {
    let name = host.split(':').next().unwrap_or_default();
    if let Some(ecr) = ecr {
        return Some(format!(
            "a repository of Amazon ECR must exist: give --create-repository, or run \
             `aws ecr create-repository --region {} --repository-name NAME`",
            ecr.region
        ));
    }
    if is_public(host) {
        return Some(
            "a repository of Amazon ECR Public must exist: \
             `aws ecr-public create-repository --region us-east-1 --repository-name NAME`"
                .to_owned(),
        );
    }
    name.ends_with("-docker.pkg.dev").then(|| {
        "a repository of Artifact Registry must exist: `gcloud artifacts repositories create`"
            .to_owned()
    })
}

/// The name for `imagebuilder login`, which for Docker Hub differs from its address.
fn hub(host: &str) -> &str {
    match host {
        "registry-1.docker.io" | "auth.docker.io" => "docker.io",
        host => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
    const OTHER: &str = "r.example";
    const LOGIN: &str = "`imagebuilder login r.example`";
    const QUOTA: &str = "the registry's storage quota";

    /// Host, status, code, message, and the start of the hint.
    type Case = (&'static str, u16, &'static str, &'static str, &'static str);

    #[rustfmt::skip]
    const CASES: [Case; 18] = [
        (ECR, 404, "NAME_UNKNOWN", "", "a repository of Amazon ECR"),
        (ECR, 403, "DENIED", "not authorized", "`aws sts get-caller-identity`"),
        (ECR, 403, "DENIED", "Your authorization token has expired.", "the token of Amazon ECR"),
        (ECR, 400, "TAG_INVALID", "cannot be overwritten: the tag is immutable", "the tag is"),
        (ECR, 429, "TOOMANYREQUESTS", "Rate exceeded", "the registry limits the rate"),
        (ECR, 405, "UNSUPPORTED", "Invalid parameter", "the registry does not accept"),
        (OTHER, 404, "NAME_UNKNOWN", "", ""),
        (OTHER, 403, "DENIED", "", LOGIN),
        (OTHER, 401, "UNAUTHORIZED", "insufficient_scope", LOGIN),
        (OTHER, 403, "DENIED", "it will exceed the configured upper limit of 10.0 MiB.", QUOTA),
        (OTHER, 403, "QUOTA_EXCEEDED", "", QUOTA),
        (OTHER, 403, "DENIED", "Quota has been exceeded on namespace", QUOTA),
        (OTHER, 412, "PRECONDITION", "'app:v1' configured as immutable.", "the tag is immutable"),
        (OTHER, 412, "PROJECTPOLICYVIOLATION", "", "a policy of the registry's project"),
        (OTHER, 400, "MANIFEST_INVALID", "manifest invalid", "the registry does not accept"),
        ("registry-1.docker.io", 401, "UNAUTHORIZED", "", "`imagebuilder login docker.io`"),
        ("ghcr.io", 403, "DENIED", "permission_denied: write_package", "pushing to ghcr.io"),
        ("europe-docker.pkg.dev", 404, "NAME_UNKNOWN", "", "a repository of Artifact Registry"),
    ];

    fn of(method: &'static str, url: String, status: u16, error: Option<OciError>) -> String {
        let problem = Box::new(Problem::Status { status, error });
        let gave_up = None;
        let error = RegistryError {
            method,
            url,
            problem,
            gave_up,
        };
        hint(&error).unwrap_or_default()
    }

    #[test]
    fn hints_fit_the_registrys_reason() {
        for (host, status, code, message, expected) in CASES {
            let (code, message) = (code.to_owned(), message.to_owned());
            let url = format!("https://{host}/v2/a/manifests/v1");
            let hint = of("PUT", url, status, Some(OciError { code, message }));
            assert!(hint.starts_with(expected), "{hint}");
            assert_eq!(hint.is_empty(), expected.is_empty(), "{hint}");
        }
    }

    /// The hint names exactly the actions that the policy in the documentation allows.
    #[test]
    fn the_hint_for_amazon_ecr_names_the_actions_of_the_policy() {
        let policy = include_str!("../../../k8s/iam/ecr-push.json");
        let actions = |text: &str| -> std::collections::BTreeSet<String> {
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != ':');
            let actions = words.filter(|word| word.starts_with("ecr:") && word.len() > 4);
            actions.map(str::to_owned).collect()
        };
        let (code, message) = ("DENIED".to_owned(), String::new());
        let hint = of(
            "PUT",
            format!("https://{ECR}/v2/"),
            403,
            Some(OciError { code, message }),
        );
        assert_eq!(actions(&hint), actions(policy));
    }

    #[test]
    fn a_bare_400_over_plain_http_hints_at_tls() {
        let url = || "http://127.0.0.1:5000/v2/".to_owned();
        assert!(of("GET", url(), 400, None).starts_with("the registry may require TLS"));
        let (code, message) = ("MANIFEST_INVALID".to_owned(), String::new());
        assert_eq!(of("GET", url(), 400, Some(OciError { code, message })), "");
    }
}
