//! The public listener's routes, by name. What each answers is in `service`.

/// What a path stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Route {
    /// The greeting, or the page.
    Root,
    /// Which pod answers, on a connection of its own.
    Hop,
    /// Everything that the service knows about itself and the client.
    Info,
    /// Whether the process is alive.
    Healthz,
    /// Whether the pod is ready.
    Readyz,
    /// Whether the process has started.
    Startupz,
    /// The request's body, sent back.
    Echo,
    /// The request's own method, target and headers.
    Headers,
    /// The status that the path names.
    Status,
    /// An answer after the time that the path names.
    Delay,
    /// As many chunks as the path names.
    Chunked,
    /// A stream of events that lasts until the pod drains.
    Events,
    /// Any other path.
    NotFound,
}

impl Route {
    /// How many there are.
    pub(crate) const COUNT: usize = Self::ALL.len();

    /// Every route.
    pub(crate) const ALL: [Self; 13] = [
        Self::Root,
        Self::Hop,
        Self::Info,
        Self::Healthz,
        Self::Readyz,
        Self::Startupz,
        Self::Echo,
        Self::Headers,
        Self::Status,
        Self::Delay,
        Self::Chunked,
        Self::Events,
        Self::NotFound,
    ];

    /// The route of a path.
    pub(crate) fn of(path: &str) -> Self {
        match path {
            "/" => Self::Root,
            "/hop" => Self::Hop,
            "/info" => Self::Info,
            "/healthz" => Self::Healthz,
            "/readyz" => Self::Readyz,
            "/startupz" => Self::Startupz,
            "/echo" => Self::Echo,
            "/headers" => Self::Headers,
            "/events" => Self::Events,
            _ if path.starts_with("/status/") => Self::Status,
            _ if path.starts_with("/delay/") => Self::Delay,
            _ if path.starts_with("/chunked/") => Self::Chunked,
            _ => Self::NotFound,
        }
    }

    /// The route in metrics and logs: the path, with a placeholder for what a client chooses.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Root => "/",
            Self::Hop => "/hop",
            Self::Info => "/info",
            Self::Healthz => "/healthz",
            Self::Readyz => "/readyz",
            Self::Startupz => "/startupz",
            Self::Echo => "/echo",
            Self::Headers => "/headers",
            Self::Status => "/status/{code}",
            Self::Delay => "/delay/{duration}",
            Self::Chunked => "/chunked/{count}",
            Self::Events => "/events",
            Self::NotFound => "not_found",
        }
    }

    /// The methods it supports, as in an Allow header.
    pub(crate) const fn allow(self) -> &'static str {
        match self {
            Self::Echo => "POST",
            _ => "GET, HEAD",
        }
    }

    /// Whether faults affect it. They spare probes, or Kubernetes would restart a pod that was only
    /// meant to be slow.
    pub(crate) const fn takes_faults(self) -> bool {
        !self.is_probe()
    }

    /// Whether it is there to try out clients and load balancers with, where the settings allow it.
    pub(crate) const fn is_sample(self) -> bool {
        matches!(
            self,
            Self::Headers | Self::Status | Self::Delay | Self::Chunked | Self::Events
        )
    }

    /// Whether its answer may have to wait for something.
    pub(crate) const fn waits(self) -> bool {
        matches!(self, Self::Echo) || self.is_sample()
    }

    /// Whether the label is not the whole path.
    pub(crate) const fn has_parameter(self) -> bool {
        matches!(
            self,
            Self::Status | Self::Delay | Self::Chunked | Self::NotFound
        )
    }

    /// Whether Kubernetes or a load balancer probes it every few seconds.
    pub(crate) const fn is_probe(self) -> bool {
        matches!(self, Self::Healthz | Self::Readyz | Self::Startupz)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_found_by_its_label_and_counted_at_its_place() {
        for (index, route) in Route::ALL.into_iter().enumerate() {
            assert_eq!(Route::of(route.label()), route);
            assert_eq!(route as usize, index);
        }
    }

    #[test]
    fn the_readme_lists_every_route() {
        let readme = include_str!("../README.md");
        for route in Route::ALL {
            let label = route.label();
            let is_listed = readme.contains(&format!("{label}`"));
            assert!(is_listed || route == Route::NotFound, "{label}");
        }
    }
}
