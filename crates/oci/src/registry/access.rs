//! The access that a client needs in a repository.

/// The access to a repository, for the scope of its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Pull,
    /// Reading and writing.
    Push,
    /// Reading and deleting.
    Delete,
    /// None, to check the credentials only.
    Login,
}
