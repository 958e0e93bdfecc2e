//! The effect of faults on one request.

use actix_http::StatusCode;

use super::spec::Faults;

/// What happens to the request after its delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// It is answered as usual.
    Proceed,
    /// It is answered with this status.
    Respond(StatusCode),
    /// Its connection is reset.
    Reset,
}

impl Faults {
    /// Waits for the delay of request `number`, and returns what happens after it.
    pub(crate) async fn inject(&self, number: u64) -> Action {
        let delay = self.delay(number);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if self.abort {
            return Action::Reset;
        }
        self.status
            .and_then(|status| StatusCode::from_u16(status).ok())
            .map_or(Action::Proceed, Action::Respond)
    }
}
