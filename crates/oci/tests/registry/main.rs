//! The registry client and the copy engine against a registry that misbehaves.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod chunks;
mod conformance;
mod credentials;
mod damage;
mod fixture;
mod mounts;
mod outage;
mod profiles;
mod proxies;
mod push;
mod rates;
mod reach;
mod redirects;
mod referrers;
mod retry;
mod sequences;
