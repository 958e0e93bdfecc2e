//! The registries that people push to, each with the ways in which it differs from the
//! specification.

use crate::state::{Auth, Behaviour};

/// The largest chunk of GitHub's registry.
const GHCR_CHUNK_BYTES: u64 = 4 << 20;

/// The bounds of a part in Amazon ECR; the last one may be smaller.
const ECR_PART_BYTES: (u64, u64) = (5 << 20, 10 << 20);

/// A registry to imitate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Adheres strictly to the specification, and requires the same of a client.
    Strict,
    /// Amazon ECR: Basic, 201 for a PATCH and a `Range` that lags, parts of 5 to 10 MiB, no
    /// `Location` for a manifest, no media type with parameters.
    Ecr,
    /// Amazon ECR with immutable tags, which refuses even the same image.
    EcrImmutable,
    /// Amazon ECR Public: Bearer, otherwise as Amazon ECR.
    EcrPublic,
    /// GitHub: Bearer, chunks up to 4 MiB.
    Ghcr,
    /// Docker Hub: Bearer with tokens that expire.
    DockerHub,
    /// Google Artifact Registry: no chunks, and no digest in its responses.
    Gar,
    /// Quay: Bearer, no digest in its responses.
    Quay,
    /// Harbor: Bearer with tokens that expire, and immutable tags.
    Harbor,
    /// GitLab: Bearer, announces a minimum size of chunks.
    GitLab,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Strict,
        Self::Ecr,
        Self::EcrImmutable,
        Self::EcrPublic,
        Self::Ghcr,
        Self::DockerHub,
        Self::Gar,
        Self::Quay,
        Self::Harbor,
        Self::GitLab,
    ];

    /// How it behaves towards a client with this name and password.
    pub fn behaviour(self, name: &str, password: &str) -> Behaviour {
        let bearer = |requests| Auth::Bearer(name.to_owned(), password.to_owned(), requests);
        let basic = || Auth::Basic(name.to_owned(), password.to_owned());
        let plain = Behaviour::default;
        let ecr = || Behaviour {
            auth: basic(),
            patch_status: 201,
            lagging_range: true,
            chunk_least_bytes: ECR_PART_BYTES.0,
            chunk_max_bytes: ECR_PART_BYTES.1,
            manifest_location: false,
            media_type_parameters: false,
            // ECR has them only if an account enables them.
            mounts: false,
            ..plain()
        };
        match self {
            Self::Strict => Behaviour {
                strict: true,
                ..plain()
            },
            Self::Ecr => ecr(),
            Self::EcrImmutable => Behaviour {
                immutable_tags: true,
                ..ecr()
            },
            Self::EcrPublic => Behaviour {
                auth: bearer(1000),
                ..ecr()
            },
            Self::Ghcr => Behaviour {
                auth: bearer(1000),
                referrers: false,
                chunk_max_bytes: GHCR_CHUNK_BYTES,
                ..plain()
            },
            Self::DockerHub => Behaviour {
                auth: bearer(16),
                ..plain()
            },
            Self::Gar => Behaviour {
                auth: bearer(1000),
                chunk_max_bytes: 0,
                silent: true,
                ..plain()
            },
            Self::Quay => Behaviour {
                auth: bearer(1000),
                silent: true,
                ..plain()
            },
            Self::Harbor => Behaviour {
                auth: bearer(16),
                immutable_tags: true,
                ..plain()
            },
            Self::GitLab => Behaviour {
                auth: bearer(1000),
                referrers: false,
                chunk_min_bytes: Some(1000),
                ..plain()
            },
        }
    }
}
