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
    /// Whether requests are wanted.
    Readyz,
    /// Whether the process has begun.
    Startupz,
    /// The request's body, sent back.
    Echo,
    /// Any other path.
    NotFound,
}

impl Route {
    /// How many there are.
    pub(crate) const COUNT: usize = Self::ALL.len();

    /// Every route.
    pub(crate) const ALL: [Self; 8] = [
        Self::Root,
        Self::Hop,
        Self::Info,
        Self::Healthz,
        Self::Readyz,
        Self::Startupz,
        Self::Echo,
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
            _ => Self::NotFound,
        }
    }

    /// The route in metrics and logs: the path, so that no client can make up another.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Root => "/",
            Self::Hop => "/hop",
            Self::Info => "/info",
            Self::Healthz => "/healthz",
            Self::Readyz => "/readyz",
            Self::Startupz => "/startupz",
            Self::Echo => "/echo",
            Self::NotFound => "not_found",
        }
    }

    /// The methods it takes, as an Allow header has them.
    pub(crate) const fn allow(self) -> &'static str {
        match self {
            Self::Echo => "POST",
            _ => "GET, HEAD",
        }
    }

    /// Whether faults may befall it: probes say the truth, or Kubernetes would restart the pod that
    /// was only meant to be slow.
    pub(crate) const fn takes_faults(self) -> bool {
        matches!(
            self,
            Self::Root | Self::Hop | Self::Info | Self::Echo | Self::NotFound
        )
    }

    /// Whether Kubernetes or a load balancer asks it every few seconds.
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
}
