//! What is shown instead of a page.

use crate::words::Lang;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// 400: the form or address makes no sense.
    BadRequest,
    /// 403: signed in, but not allowed.
    PermissionDenied,
    /// 403: the request came from another site.
    CrossSite,
    /// 404: nothing there, or nothing this user may see.
    NotFound,
    /// 405: not this way.
    MethodNotAllowed,
    /// 409: somebody else was faster.
    Conflict,
    /// 413: too large.
    TooLarge,
    /// 429: too many requests.
    TooMany,
    /// 500: our fault.
    Internal,
    /// 503: the database or a part of us is not ready.
    Unavailable,
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::BadRequest,
        Self::PermissionDenied,
        Self::CrossSite,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::TooLarge,
        Self::TooMany,
        Self::Internal,
        Self::Unavailable,
    ];

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::PermissionDenied | Self::CrossSite => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::TooMany => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }

    /// Keys of title and what to do.
    pub(crate) const fn keys(self) -> (&'static str, &'static str) {
        match self {
            Self::BadRequest => ("error.bad_request.title", "error.bad_request.todo"),
            Self::PermissionDenied => ("error.permission_denied.title", "error.permission_denied.todo"),
            Self::CrossSite => ("error.cross_site.title", "error.cross_site.todo"),
            Self::NotFound => ("error.not_found.title", "error.not_found.todo"),
            Self::MethodNotAllowed => ("error.method.title", "error.method.todo"),
            Self::Conflict => ("error.conflict.title", "error.conflict.todo"),
            Self::TooLarge => ("error.too_large.title", "error.too_large.todo"),
            Self::TooMany => ("error.too_many.title", "error.too_many.todo"),
            Self::Internal => ("error.internal.title", "error.internal.todo"),
            Self::Unavailable => ("error.unavailable.title", "error.unavailable.todo"),
        }
    }
}

/// What is shown instead of a page. No forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorPage {
    /// What went wrong.
    pub kind: ErrorKind,
    /// Something further for people, in the reader's language.
    pub detail: Option<String>,
    /// The id of the request, to be named when asking for help.
    pub request_id: Option<String>,
}

page!(ErrorPage, "pages/error.html");

impl ErrorPage {
    /// An error of ours.
    pub fn sample(_lang: Lang) -> Self {
        Self { kind: ErrorKind::Internal, detail: None, request_id: Some("01JDC3Z8<b>".into()) }
    }

    /// Every kind.
    pub fn samples(lang: Lang) -> Vec<(String, Self)> {
        ErrorKind::ALL
            .iter()
            .map(|kind| {
                (kind.keys().0.replace(['.', '_'], "-"), Self { kind: *kind, detail: Some("<script>".into()), ..Self::sample(lang) })
            })
            .collect()
    }
}
