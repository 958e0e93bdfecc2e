//! What a client does in a registry.

/// What is done in a repository, for the scope of its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Pull,
    /// Reading and writing.
    Push,
    /// Reading and deleting.
    Delete,
    /// None: whether the credentials are right.
    Login,
}
