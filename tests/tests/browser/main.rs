//! The page in headless Chromium, as a person sees it: three pods behind a load balancer that chooses
//! one for each connection.
//!
//! Needs Chromium and axe-core, which `dev/install test` installs. `UPDATE_SCREENSHOT=1` writes
//! `docs/images/app.png`, which the README shows.

mod accessibility;
mod behaviour;
mod chromium;
mod colours;
mod layout;
mod policy;
mod screenshots;
mod service;
mod tab;
