//! What is answered: JSON, and of a no where it is and why.

use crate::order::NoOrder;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ballet::{Error, ErrorKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// What a handler says.
pub(super) type Answer = Result<Response, No>;
/// The body of a request, or what is wrong with it.
pub(super) type Body = Result<Bytes, BytesRejection>;

/// The largest body that is read.
pub(super) const BODY_MAX: usize = 64 * 1024;
/// How long is waited when nobody says how long.
const USUAL_WAIT: Duration = Duration::from_secs(10);
/// How long is waited at most.
const LONGEST_WAIT_MS: u64 = 60_000;

/// A no.
#[derive(Debug)]
pub(super) struct No {
    status: StatusCode,
    error: &'static str,
    field: Cow<'static, str>,
    reason: Cow<'static, str>,
}

impl No {
    pub(super) fn new(
        status: StatusCode,
        error: &'static str,
        field: impl Into<Cow<'static, str>>,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, error, field: field.into(), reason: reason.into() }
    }

    /// Something in the request is not what it should be.
    pub(super) fn bad(
        error: &'static str,
        field: impl Into<Cow<'static, str>>,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, error, field, reason)
    }

    pub(super) fn unknown(what: impl fmt::Display) -> Self {
        let reason = format!("there is no {what}");
        Self::new(StatusCode::NOT_FOUND, "not_found", "", reason)
    }

    /// It may go better in a second.
    pub(super) fn later(error: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error, "", reason)
    }

    /// What was waited for did not come in time.
    pub(super) fn timeout(error: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, error, "", reason)
    }

    /// What it is called in the numbers.
    pub(super) const fn error(&self) -> &'static str {
        self.error
    }
}

impl IntoResponse for No {
    fn into_response(self) -> Response {
        let Self { status, error, field, reason } = self;
        let mut said = say(status, &json!({"error": error, "field": field, "reason": reason}));
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT) {
            said.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        said
    }
}

impl From<NoOrder> for No {
    fn from(no: NoOrder) -> Self {
        Self::bad("not_an_order", no.field, no.reason)
    }
}

impl From<Error> for No {
    fn from(told: Error) -> Self {
        match told.kind() {
            ErrorKind::NotFound => {
                Self::new(StatusCode::NOT_FOUND, "not_found", "", told.to_string())
            }
            ErrorKind::TooLong => Self::bad("too_long", "", told.to_string()),
            ErrorKind::Codec => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "damaged", "", told.to_string())
            }
            _ => Self::later("unavailable", told.to_string()),
        }
    }
}

impl From<PathRejection> for No {
    fn from(told: PathRejection) -> Self {
        Self::new(told.status(), "unreadable", "", told.body_text())
    }
}

impl From<BytesRejection> for No {
    fn from(told: BytesRejection) -> Self {
        match told.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let reason = format!("is larger than {BODY_MAX} bytes");
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "", reason)
            }
            status => Self::new(status, "unreadable", "", told.body_text()),
        }
    }
}

/// An answer in JSON.
pub(super) fn say(status: StatusCode, what: &impl Serialize) -> Response {
    // Values with text for keys can always be written.
    let text = serde_json::to_vec(what).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// Reads a body of a known form.
pub(super) fn read<T: DeserializeOwned>(body: Body) -> Result<T, No> {
    serde_json::from_slice(&body?).map_err(|told| No::bad("not_understood", "", told.to_string()))
}

/// What an address names.
pub(super) struct Named<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = No;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, No> {
        let named = Path::from_request_parts(parts, state).await;
        named.map(|Path(named)| Self(named)).map_err(No::from)
    }
}

/// The query of an address. No value that is known here needs escapes, so there are none.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(String);

impl Query {
    pub(super) fn of(text: Option<String>) -> Self {
        Self(text.unwrap_or_default())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let pairs = self.0.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub(super) fn number(&self, name: &'static str, most: u64) -> Result<Option<u64>, No> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| *number <= most);
        let must = || No::bad("bad_query", name, format!("must be a number from 0 to {most}"));
        number.map(Some).ok_or_else(must)
    }

    /// How long to wait: `timeout` in milliseconds.
    pub(super) fn timeout(&self) -> Result<Duration, No> {
        let given = self.number("timeout", LONGEST_WAIT_MS)?;
        Ok(given.map_or(USUAL_WAIT, Duration::from_millis))
    }

    /// How many to list: `limit`.
    pub(super) fn limit(&self) -> Result<u32, No> {
        let limit = self.number("limit", 1_000)?.unwrap_or(100);
        Ok(u32::try_from(limit).unwrap_or(u32::MAX))
    }
}
