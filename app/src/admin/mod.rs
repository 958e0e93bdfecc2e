//! The routes of the admin listener (`routes`), and which requests they serve (`guard`).

mod guard;
mod response;
mod routes;

pub(crate) use guard::guard;
pub(crate) use routes::routes;
