//! The shape of every mail: one column that reads well without pictures and styles, in light and dark.

use crate::i18n::Lang;

/// Mail programs that know dark colours get them from here; all others use what stands at each element.
const DARK: &str = "<meta name=\"color-scheme\" content=\"light dark\"><meta name=\"supported-color-schemes\" content=\"light dark\"><style>\
    :root{color-scheme:light dark}\
    @media (prefers-color-scheme:dark){\
    .page{background:#101512!important;color:#e8eeea!important}\
    .card{background:#19201c!important;border-color:#2f3933!important}\
    .soft{color:#a5b3aa!important;border-color:#2f3933!important}\
    .brand{color:#74d3a0!important}\
    .main{background:#74d3a0!important;color:#06281a!important}\
    .quote{background:#33290f!important;color:#f0dfae!important}}</style>";

/// Text that is safe between tags and in attributes.
pub(super) fn esc(text: &str) -> String {
    askama::filters::escape(text, askama::filters::Html).map(|safe| safe.to_string()).unwrap_or_default()
}

/// One paragraph.
pub(super) fn paragraph(text: &str) -> String {
    format!("<p style=\"margin:0 0 14px\">{}</p>", esc(text))
}

/// In the network's own words.
pub(super) fn quote(text: &str) -> String {
    format!(
        "<p class=\"quote\" style=\"margin:0 0 14px;padding:8px 14px;border-left:4px solid #c9a227;background:#faf6e8;color:#4a3f10\">{}</p>",
        esc(text)
    )
}

/// The one thing to do, also as an address for those who see no button.
pub(super) fn button(label: &str, url: &str) -> String {
    format!(
        "<p style=\"margin:22px 0\"><a class=\"main\" href=\"{url}\" style=\"background:#1d6b45;color:#ffffff;text-decoration:none;padding:12px 22px;border-radius:8px;font-weight:600;display:inline-block\">{}</a></p>\
         <p class=\"soft\" style=\"margin:0 0 14px;font-size:13px;color:#5b6a61;word-break:break-all\">{url}</p>",
        esc(label),
        url = esc(url)
    )
}

/// A link within a text.
pub(super) fn link(label: &str, url: &str) -> String {
    format!("<a class=\"brand\" href=\"{}\" style=\"color:#1d6b45\">{}</a>", esc(url), esc(label))
}

/// The whole mail around what it says. `body` and `footer` are HTML already.
pub(super) fn page(lang: Lang, subject: &str, body: &str, footer: &str) -> String {
    format!(
        "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\">{DARK}<title>{subject}</title></head>\
         <body class=\"page\" style=\"margin:0;padding:24px;background:#f3f5f3;font-family:Helvetica,Arial,sans-serif;font-size:16px;line-height:1.5;color:#17221c\">\
         <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\"><tr><td align=\"center\"><table class=\"card\" role=\"presentation\" width=\"560\" cellpadding=\"0\" cellspacing=\"0\" \
         style=\"max-width:560px;width:100%;background:#ffffff;border:1px solid #dde3df;border-radius:12px\"><tr><td style=\"padding:28px\">\
         <p class=\"brand\" style=\"margin:0 0 18px;color:#1d6b45;font-weight:700\">Staygreen</p><h1 style=\"margin:0 0 14px;font-size:21px\">{subject}</h1>{body}\
         <p class=\"soft\" style=\"margin:22px 0 0;padding-top:14px;border-top:1px solid #dde3df;font-size:13px;color:#5b6a61\">{footer}</p></td></tr></table></td></tr></table></body></html>",
        lang.code(),
        subject = esc(subject),
    )
}
