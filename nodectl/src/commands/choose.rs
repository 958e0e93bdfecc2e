//! Which of a pod's containers `logs` shows.

use super::error::UsageError;

/// The container called `wanted`, or the only one. `names` are those of the pod's containers.
pub(super) fn choose_container<'a>(
    pod: &str,
    names: &[&'a str],
    wanted: Option<&str>,
) -> Result<&'a str, UsageError> {
    let all = names.join(", ");
    match (wanted, names) {
        (_, []) => {
            let message = format!("pod `{pod}` has no container on this node");
            Err(UsageError::new(message, None))
        }
        (None, [only]) => Ok(only),
        (None, _) => {
            let message = format!("pod `{pod}` has several containers: {all}");
            Err(UsageError::new(
                message,
                Some("choose one with --container"),
            ))
        }
        (Some(wanted), _) => names
            .iter()
            .find(|name| **name == wanted)
            .copied()
            .ok_or_else(|| {
                let message = format!("pod `{pod}` has no container `{wanted}`");
                UsageError::new(message, Some(&format!("it has {all}")))
            }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_named_unless_it_is_the_only_one() {
        let check =
            |names: &[&'static str], wanted, expected: Result<&str, (&str, Option<&str>)>| {
                let chosen = choose_container("web", names, wanted);
                let chosen = chosen.map_err(|error| (error.message, error.hint));
                let expected = expected
                    .map_err(|(message, hint)| (message.to_owned(), hint.map(str::to_owned)));
                assert_eq!(chosen, expected, "{names:?} {wanted:?}");
            };
        check(&["a"], None, Ok("a"));
        check(&["a", "b"], Some("b"), Ok("b"));
        check(
            &["a"],
            Some("c"),
            Err(("pod `web` has no container `c`", Some("it has a"))),
        );
        check(
            &["a", "b"],
            None,
            Err((
                "pod `web` has several containers: a, b",
                Some("choose one with --container"),
            )),
        );
        check(
            &[],
            None,
            Err(("pod `web` has no container on this node", None)),
        );
    }
}
