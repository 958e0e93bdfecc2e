//! The user that a container runs as, by the rules of the kubelet and containerd.

use crate::images::Accounts;
use crate::manifest::{ContainerSecurity, GroupsPolicy, PodSecurity};

/// Numeric user and groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RunUser {
    /// The user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

/// Why a container's user cannot be determined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UserError {
    /// The image's user is a name, and it must be known not to be root.
    #[error("runAsNonRoot is set, and the image's user `{0}` is a name: set runAsUser")]
    Name(String),
    /// The image has no user with this name.
    #[error("the image's user is `{0}`, and its /etc/passwd has no such user")]
    Unknown(String),
    /// It would be root, which is forbidden.
    #[error("runAsNonRoot is set, and the container would run as root")]
    Root,
}

/// Resolves the user: the container's own setting, the pod's, then the image's (a name or a number).
/// Groups that the manifest does not set come from the image's `/etc/passwd` and `/etc/group`; a group in
/// the image's `USER` is ignored, since the kubelet does not pass it on.
///
/// # Errors
/// As [`UserError`].
pub(crate) fn resolve_user(
    image_user: &str,
    accounts: &Accounts,
    pod: &PodSecurity,
    container: &ContainerSecurity,
) -> Result<RunUser, UserError> {
    let non_root = container
        .run_as_non_root
        .or(pod.run_as_non_root)
        .unwrap_or(false);
    let of_image = image_user.split(':').next().unwrap_or_default();
    let uid = match container.run_as_user.or(pod.run_as_user) {
        Some(uid) => uid,
        None => match of_image.parse() {
            Ok(uid) => uid,
            Err(_) if of_image.is_empty() => 0,
            Err(_) if non_root => return Err(UserError::Name(image_user.to_owned())),
            Err(_) => match accounts.user_named(of_image) {
                Some(user) => user.uid,
                // Even an image without the file has root.
                None if of_image == "root" => 0,
                None => return Err(UserError::Unknown(of_image.to_owned())),
            },
        },
    };
    if non_root && uid == 0 {
        return Err(UserError::Root);
    }
    let account = accounts.user(uid);
    let gid = container
        .run_as_group
        .or(pod.run_as_group)
        .unwrap_or_else(|| account.map_or(0, |account| account.gid));
    let mut groups = vec![gid];
    let of_image = account.filter(|_| pod.supplemental_groups_policy == GroupsPolicy::Merge);
    if let Some(account) = of_image {
        groups.extend(accounts.groups_of(&account.name));
    }
    groups.extend(&pod.supplemental_groups);
    groups.extend(pod.fs_group);
    let mut distinct = Vec::new();
    for group in groups {
        if !distinct.contains(&group) {
            distinct.push(group);
        }
    }
    Ok(RunUser {
        uid,
        gid,
        groups: distinct,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts::parse(
            "root:x:0:0::/root:/bin/sh\napp:x:5:6::/:/bin/sh\n",
            "app:x:6:\nlogs:x:40:app,other\nother:x:41:other\n",
        )
    }

    /// `uid:gid` and the groups, for the JSON of a pod's and a container's security context.
    #[track_caller]
    fn check(
        image: &str,
        pod: &str,
        container: &str,
        expected: Result<(u32, u32, &[u32]), UserError>,
    ) {
        let pod = serde_json::from_str(pod).unwrap();
        let container = serde_json::from_str(container).unwrap();
        let actual = resolve_user(image, &accounts(), &pod, &container);
        let expected = expected.map(|(uid, gid, groups)| RunUser {
            uid,
            gid,
            groups: groups.to_vec(),
        });
        assert_eq!(actual, expected, "{image} {pod:?} {container:?}");
    }

    #[test]
    fn the_containers_setting_overrides_the_pods_and_the_images() {
        let (ten, twenty) = (r#"{"runAsUser": 10}"#, r#"{"runAsUser": 20}"#);
        check("5", ten, twenty, Ok((20, 0, &[0])));
        check("5", ten, "{}", Ok((10, 0, &[0])));
        check("7", "{}", "{}", Ok((7, 0, &[0])));
        check("", "{}", "{}", Ok((0, 0, &[0])));
        check("5", "{}", r#"{"runAsGroup": 9}"#, Ok((5, 9, &[9, 40])));
    }

    #[test]
    fn the_images_files_name_users_and_groups() {
        check("app", "{}", "{}", Ok((5, 6, &[6, 40])));
        check("5", "{}", "{}", Ok((5, 6, &[6, 40])));
        check("", r#"{"runAsUser": 5}"#, "{}", Ok((5, 6, &[6, 40])));
        let strict =
            r#"{"supplementalGroupsPolicy": "Strict", "supplementalGroups": [9], "fsGroup": 8}"#;
        check("app", strict, "{}", Ok((5, 6, &[6, 9, 8])));
        let unknown = Err(UserError::Unknown("nobody".to_owned()));
        check("nobody", "{}", "{}", unknown);
    }

    #[test]
    fn the_group_of_the_images_user_is_ignored_as_by_the_kubelet() {
        check("7:8", "{}", "{}", Ok((7, 0, &[0])));
        check("app:logs", "{}", "{}", Ok((5, 6, &[6, 40])));
    }

    #[test]
    fn with_run_as_non_root_the_user_must_be_a_number() {
        let strict = r#"{"runAsNonRoot": true}"#;
        check("", strict, "{}", Err(UserError::Root));
        check("0:5", strict, "{}", Err(UserError::Root));
        check("app", strict, "{}", Err(UserError::Name("app".to_owned())));
        check("app", strict, r#"{"runAsUser": 5}"#, Ok((5, 6, &[6, 40])));
    }
}
