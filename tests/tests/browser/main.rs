//! The page in headless Chromium, as a person sees it: three pods behind a load balancer that chooses
//! one for each connection.
//!
//! Needs Chromium and axe-core, which `dev/install test` installs. `UPDATE_SCREENSHOTS=1` writes the
//! screenshots of the READMEs into `docs/images`.

mod accessibility;
mod behaviour;
mod chromium;
mod colours;
mod layout;
mod policy;
mod screenshots;
mod service;
mod tab;
