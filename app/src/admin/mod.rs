//! The routes of the admin listener (`routes`), and which requests they serve (`guard`).

mod answer;
mod guard;
mod routes;

pub(crate) use guard::guard;
pub(crate) use routes::routes;
