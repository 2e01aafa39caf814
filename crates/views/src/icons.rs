//! Our own icons: one sprite, drawn with strokes on 20 by 20, put into every page once.

use crate::html::Html;

/// The sprite, also served as a file.
const SPRITE: &str = include_str!("../assets/icons.svg");

/// The sprite as it stands at the beginning of a page.
pub(crate) fn sprite() -> Html {
    Html(SPRITE.replacen("<svg ", r#"<svg class="sprite" aria-hidden="true" width="0" height="0" "#, 1))
}

/// An icon. Decoration: words stand beside it or on its button.
pub(crate) fn icon(name: &str) -> Html {
    debug_assert!(SPRITE.contains(&format!("id=\"i-{name}\"")), "no icon {name}");
    Html(format!(r##"<svg class="icon icon-{name}" aria-hidden="true" focusable="false"><use href="#i-{name}"></use></svg>"##))
}
