//! What the admin listener answers (`routes`), and to whom (`guard`).

mod answer;
mod guard;
mod routes;

pub(crate) use guard::guard;
pub(crate) use routes::routes;
