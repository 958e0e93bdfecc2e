//! The routes of the public listener. Their handlers are in `service`.

/// Declares the routes, each with its label: the path, with a placeholder for what a client chooses.
macro_rules! routes {
    ($($(#[$doc:meta])* $route:ident = $label:literal;)*) => {
        /// The route of a request.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Route {
            $($(#[$doc])* $route,)*
        }

        impl Route {
            /// The number of routes.
            pub(crate) const COUNT: usize = [$($label),*].len();

            /// Every route.
            pub(crate) const ALL: [Self; Self::COUNT] = [$(Self::$route),*];

            /// The route in metrics, logs and traces.
            pub(crate) const fn label(self) -> &'static str {
                match self {
                    $(Self::$route => $label,)*
                }
            }

            fn with_label(path: &str) -> Option<Self> {
                match path {
                    $($label => Some(Self::$route),)*
                    _ => None,
                }
            }
        }
    };
}

routes! {
    /// The greeting, or the page.
    Root = "/";
    /// The pod that answers, on a connection of its own.
    Hop = "/hop";
    /// What the service knows about itself and the client.
    Info = "/info";
    /// Whether the process is alive.
    Healthz = "/healthz";
    /// Whether the pod is ready.
    Readyz = "/readyz";
    /// Whether the process has started.
    Startupz = "/startupz";
    /// The request's body, sent back.
    Echo = "/echo";
    /// The request's own method, target and headers.
    Headers = "/headers";
    /// The status in the path.
    Status = "/status/{code}";
    /// A response after the time in the path.
    Delay = "/delay/{duration}";
    /// The number of chunks in the path.
    Chunked = "/chunked/{count}";
    /// A stream of events that lasts until the pod drains.
    Events = "/events";
    /// Any other path.
    NotFound = "not_found";
}

impl Route {
    /// The route of a path.
    pub(crate) fn of(path: &str) -> Self {
        Self::with_label(path).unwrap_or_else(|| {
            let mut all = Self::ALL.into_iter();
            let found = all.find(|route| {
                let prefix = route.fixed_part();
                prefix.is_some_and(|prefix| path.starts_with(prefix))
            });
            found.unwrap_or(Self::NotFound)
        })
    }

    /// The label before its placeholder, if it has one.
    fn fixed_part(self) -> Option<&'static str> {
        let (prefix, _) = self.label().split_once('{')?;
        Some(prefix)
    }

    /// Whether the label is not the whole path.
    pub(crate) fn has_parameter(self) -> bool {
        self == Self::NotFound || self.fixed_part().is_some()
    }

    /// The methods that it supports, for an Allow header.
    pub(crate) const fn allow(self) -> &'static str {
        match self {
            Self::Echo => "POST",
            _ => "GET, HEAD",
        }
    }

    /// Whether its response may have to wait for something.
    pub(crate) const fn waits(self) -> bool {
        matches!(self, Self::Echo) || self.is_sample()
    }

    /// Whether it is a sample, to try out clients and load balancers, which the settings enable.
    pub(crate) const fn is_sample(self) -> bool {
        matches!(
            self,
            Self::Headers | Self::Status | Self::Delay | Self::Chunked | Self::Events
        )
    }

    /// Whether Kubernetes or a load balancer probes it every few seconds.
    pub(crate) const fn is_probe(self) -> bool {
        matches!(self, Self::Healthz | Self::Readyz | Self::Startupz)
    }

    /// Whether faults affect it. They spare probes: Kubernetes would restart a pod that is only meant to be
    /// slow.
    pub(crate) const fn takes_faults(self) -> bool {
        !self.is_probe()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const README: &str = include_str!("../README.md");

    #[test]
    fn every_route_is_found_by_its_label_and_counted_at_its_place() {
        for (index, route) in Route::ALL.into_iter().enumerate() {
            assert_eq!(Route::of(route.label()), route);
            assert_eq!(route as usize, index);
        }
    }

    #[test]
    fn a_placeholder_stands_for_the_rest_of_the_path() {
        let check = |path, expected| assert_eq!(Route::of(path), expected, "{path}");
        check("/status/503", Route::Status);
        check("/status/", Route::Status);
        check("/status/503/x", Route::Status);
        check("/status", Route::NotFound);
        check("/hop/x", Route::NotFound);
        check("*", Route::NotFound);
        assert!(Route::Status.has_parameter() && Route::NotFound.has_parameter());
        assert!(!Route::Hop.has_parameter());
    }

    #[test]
    fn the_readme_lists_every_route() {
        for route in Route::ALL {
            let label = route.label();
            let is_listed = README.contains(&format!("{label}`"));
            assert!(
                is_listed || route == Route::NotFound,
                "README.md does not list {label}"
            );
        }
    }

    /// The section of the README on a new route names files, and what to change in each.
    #[test]
    fn the_readme_names_the_places_of_a_new_route() {
        let (_, section) = README.split_once("## A route of your own").unwrap();
        let (section, _) = section.split_once("\n## ").unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (mut files, mut names, mut text) = (0, 0, String::new());
        for quoted in section.split('`').skip(1).step_by(2) {
            if let Ok(read) = std::fs::read_to_string(folder.join(quoted)) {
                (files, text) = (files + 1, read);
            } else if !quoted.contains(' ') {
                let name = quoted.split('(').next().unwrap();
                assert!(text.contains(name), "{quoted} is not in the file before it");
                names += 1;
            }
        }
        assert!(files >= 3 && names >= 6, "{files} files, {names} names");
    }
}
