//! The user a container runs as.

use crate::manifest::{ContainerSecurity, PodSecurity};

/// Numeric user and groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunUser {
    /// The user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Further groups.
    pub groups: Vec<u32>,
}

/// Why a user cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// The image names a user, and only numbers can be told without its passwd file.
    #[error("the image's user `{0}` is a name; securityContext.runAsUser must give its number")]
    Name(String),
    /// It would be root where that is forbidden.
    #[error("runAsNonRoot is set, and the container would run as root")]
    Root,
}

/// Resolves the user: the container's own setting, the pod's, then the image's (`uid[:gid]`).
///
/// # Errors
/// As [`UserError`].
pub fn resolve_user(
    image_user: &str,
    pod: &PodSecurity,
    container: &ContainerSecurity,
) -> Result<RunUser, UserError> {
    let (of_user, of_group) = match image_user.split_once(':') {
        Some((uid, gid)) => (uid, Some(gid)),
        None => (image_user, None),
    };
    let number = |text: &str| match text {
        "" | "root" => Ok(0),
        text => text
            .parse()
            .map_err(|_| UserError::Name(image_user.to_owned())),
    };
    let uid = match container.run_as_user.or(pod.run_as_user) {
        Some(uid) => uid,
        None => number(of_user)?,
    };
    let gid = match container.run_as_group.or(pod.run_as_group) {
        Some(gid) => gid,
        // The image's group belongs to the image's user.
        None if number(of_user) == Ok(uid) => of_group.map_or(Ok(0), number)?,
        None => 0,
    };
    let non_root = container
        .run_as_non_root
        .or(pod.run_as_non_root)
        .unwrap_or(false);
    if non_root && uid == 0 {
        return Err(UserError::Root);
    }
    let mut groups = pod.supplemental_groups.clone();
    groups.extend(pod.fs_group);
    Ok(RunUser { uid, gid, groups })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_container_goes_before_the_pod_before_the_image() {
        let pod = PodSecurity {
            run_as_user: Some(10),
            ..PodSecurity::default()
        };
        let container = ContainerSecurity {
            run_as_user: Some(20),
            ..ContainerSecurity::default()
        };
        let none = ContainerSecurity::default();
        let uid = |image, pod: &_, container: &_| resolve_user(image, pod, container).unwrap().uid;
        assert_eq!(uid("5:6", &pod, &container), 20);
        assert_eq!(uid("5:6", &pod, &none), 10);
        assert_eq!(uid("5:6", &PodSecurity::default(), &none), 5);
        let gid = |image, pod: &_| resolve_user(image, pod, &none).unwrap().gid;
        assert_eq!(
            (
                gid("5:6", &PodSecurity::default()),
                gid("5:6", &pod),
                gid("10:6", &pod)
            ),
            (6, 0, 6)
        );
        let name = resolve_user("app", &PodSecurity::default(), &none);
        assert_eq!(name, Err(UserError::Name("app".to_owned())));
        let strict = PodSecurity {
            run_as_non_root: Some(true),
            ..PodSecurity::default()
        };
        assert_eq!(resolve_user("", &strict, &none), Err(UserError::Root));
    }
}
