//! What a JSON value looks like: said once, for the description and for the check before every handler. What the description
//! promises to refuse is therefore refused, and by the name of the field.

use serde_json::{Map, Value, json};

/// What a value looks like.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Text of so many characters, without the character NUL, which PostgreSQL cannot hold.
    Text {
        /// The fewest characters.
        min: usize,
        /// The most.
        max: usize,
    },
    /// One of our ids, by its prefix.
    Id(&'static str),
    /// One of some words.
    Word(fn() -> Vec<&'static str>),
    /// The name of a network that is offered here.
    Network,
    /// Text in a form that has a name in JSON Schema.
    Format {
        /// `email`, `uri`, `date-time` …
        name: &'static str,
        /// The most characters.
        max: usize,
    },
    /// Text of a form of ours.
    Pattern {
        /// The form as a regular expression, for readers.
        pattern: &'static str,
        /// The most characters.
        max: usize,
        /// The same as code.
        fits: fn(&str) -> bool,
        /// In words, after the name of the field.
        what: &'static str,
    },
    /// A whole number.
    Int {
        /// The least.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// True or false.
    Flag,
    /// A list.
    List {
        /// Of what.
        of: &'static Shape,
        /// The most.
        max: usize,
    },
    /// An object of these fields.
    Object(Fields),
    /// Another object's fields and more.
    Plus(&'static Shape, Fields),
    /// That, or `null`.
    Maybe(&'static Shape),
    /// What stands under a name of its own in the description.
    Named(&'static str, &'static Shape),
    /// An object whose fields depend on what it is about.
    Open,
    /// A value that depends on what it is about.
    Any,
}

/// One field of an object.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it looks like.
    pub shape: Shape,
    /// Whether it is always there.
    pub required: bool,
}

/// The fields of an object.
pub type Fields = &'static [Field];

/// A field that is always there.
pub const fn must(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, required: true }
}

/// A field that may be left out.
pub const fn may(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, required: false }
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Which field, as in `notifications.renew_soon` or `media[0].url`.
    pub field: String,
    /// What is wrong, to stand after its name.
    pub what: String,
}

/// How a shape is to be described.
#[derive(Debug, Clone, Copy)]
pub struct Style<'a> {
    /// The networks that are offered.
    pub networks: &'a [&'static str],
    /// What is asked for is exact; what is answered may grow.
    pub closed: bool,
}

/// An entry without fields is part of the list's own field; an object's fields have names of their own.
fn in_list(at: &str, n: usize, of: &Shape, wrong: Wrong) -> Wrong {
    if of.fields().is_empty() { Wrong { field: at.to_owned(), what: format!("entry {} {}", n + 1, wrong.what) } } else { wrong }
}

/// Whether text has one of the forms that JSON Schema has a name for.
fn in_form(name: &str, text: &str) -> Result<(), String> {
    let (fits, what) = match name {
        "email" => (text.parse::<lettre::Address>().is_ok(), "is not a mail address"),
        "uri" => (url::Url::parse(text.trim()).is_ok(), "is not an address; write it like https://example.com/hooks/staygreen"),
        // A day alone is taken where a moment is wanted: it begins then.
        "date-time" => (
            text.parse::<jiff::Timestamp>().is_ok() || text.parse::<jiff::civil::Date>().is_ok(),
            "is a day or a moment, like 2027-03-31 or 2027-03-31T12:00:00Z",
        ),
        _ => (true, ""),
    };
    if fits { Ok(()) } else { Err(what.to_owned()) }
}

fn inner(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

impl Shape {
    /// Every field of an object.
    pub fn fields(&self) -> Vec<Field> {
        match self {
            Self::Object(fields) => fields.to_vec(),
            Self::Plus(base, fields) => base.fields().into_iter().chain(fields.iter().copied()).collect(),
            Self::Named(_, shape) | Self::Maybe(shape) => shape.fields(),
            _ => vec![],
        }
    }

    /// Whether a value looks like that; unknown fields are wrong.
    pub fn check(&self, value: &Value, at: &str) -> Result<(), Wrong> {
        let wrong = |what: String| Err(Wrong { field: if at.is_empty() { "body".to_owned() } else { at.to_owned() }, what });
        match (self, value) {
            (Self::Any, _) | (Self::Open, Value::Object(_)) | (Self::Flag, Value::Bool(_)) | (Self::Maybe(_), Value::Null) => Ok(()),
            (Self::Maybe(shape) | Self::Named(_, shape), value) => shape.check(value, at),
            (Self::Open, _) => wrong("is an object".into()),
            (Self::Flag, _) => wrong("is true or false".into()),
            (Self::Int { min, max }, value) => match value.as_i64() {
                Some(number) if (*min..=*max).contains(&number) => Ok(()),
                _ => wrong(format!("is a whole number from {min} to {max}")),
            },
            (Self::List { of, max }, Value::Array(items)) => {
                if items.len() > *max {
                    return wrong(format!("has {max} entries at most"));
                }
                let checked = |(n, item): (usize, &Value)| of.check(item, &format!("{at}[{n}]")).map_err(|wrong| in_list(at, n, of, wrong));
                items.iter().enumerate().try_for_each(checked)
            }
            (Self::List { .. }, _) => wrong("is a list".into()),
            (Self::Object(_) | Self::Plus(..), Value::Object(object)) => self.check_fields(object, at),
            (Self::Object(_) | Self::Plus(..), _) => wrong("is an object".into()),
            (_, Value::String(text)) => self.check_text(text).or_else(wrong),
            _ => wrong("is text".into()),
        }
    }

    fn check_fields(&self, object: &Map<String, Value>, at: &str) -> Result<(), Wrong> {
        let fields = self.fields();
        if let Some(unknown) = object.keys().find(|name| !fields.iter().any(|field| field.name == **name)) {
            let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
            return Err(Wrong { field: inner(at, unknown), what: format!("is not known here; the fields are {}", known.join(", ")) });
        }
        for field in fields {
            match object.get(field.name) {
                Some(value) => field.shape.check(value, &inner(at, field.name))?,
                None if field.required => return Err(Wrong { field: inner(at, field.name), what: "is missing".into() }),
                None => {}
            }
        }
        Ok(())
    }

    /// Whether text looks like that, also where it came without JSON: in a query.
    pub fn check_text(&self, text: &str) -> Result<(), String> {
        let length = |min: usize, max: usize| match text.chars().count() {
            n if (min..=max).contains(&n) => Ok(()),
            _ if min == 0 => Err(format!("has {max} characters at most")),
            _ => Err(format!("has {min} to {max} characters")),
        };
        match self {
            Self::Maybe(shape) | Self::Named(_, shape) => shape.check_text(text),
            Self::Int { min, max } => match text.parse::<i64>() {
                Ok(number) if (*min..=*max).contains(&number) => Ok(()),
                _ => Err(format!("is a whole number from {min} to {max}")),
            },
            _ if text.contains('\0') => Err("cannot hold the character NUL".into()),
            Self::Text { min, max } => length(*min, *max),
            Self::Format { name, max } => {
                length(1, *max)?;
                in_form(name, text)
            }
            Self::Id(prefix) => {
                let fits = text
                    .strip_prefix(prefix)
                    .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
                if fits { Ok(()) } else { Err(format!("is an id that begins with {prefix}")) }
            }
            Self::Word(words) if words().contains(&text) => Ok(()),
            Self::Word(words) => Err(format!("is one of {}", words().join(", "))),
            // Which networks there are says the handler, with their names.
            Self::Network => length(1, 40),
            Self::Pattern { max, fits, what, .. } => {
                length(0, *max)?;
                if fits(text) { Ok(()) } else { Err((*what).to_owned()) }
            }
            _ => Err("is not text".into()),
        }
    }

    /// As JSON Schema (2020-12, which OpenAPI 3.1 uses).
    pub fn schema(&self, style: Style<'_>) -> Value {
        match self {
            Self::Text { min, max } if style.closed => {
                json!({ "type": "string", "minLength": min, "maxLength": max, "pattern": "^[^\\u0000]*$" })
            }
            Self::Text { .. } => json!({ "type": "string" }),
            Self::Id(prefix) => json!({ "type": "string", "pattern": format!("^{prefix}[0-9a-f]{{32}}$") }),
            Self::Word(words) => json!({ "type": "string", "enum": words() }),
            Self::Network if style.closed => json!({ "type": "string", "enum": style.networks }),
            Self::Network => json!({ "type": "string" }),
            Self::Format { name, max } if style.closed => json!({ "type": "string", "format": name, "maxLength": max }),
            Self::Format { name, .. } => json!({ "type": "string", "format": name }),
            Self::Pattern { pattern, max, .. } => json!({ "type": "string", "pattern": pattern, "maxLength": max }),
            Self::Int { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
            Self::Flag => json!({ "type": "boolean" }),
            Self::List { of, max } if style.closed => json!({ "type": "array", "items": of.schema(style), "maxItems": max }),
            Self::List { of, .. } => json!({ "type": "array", "items": of.schema(style) }),
            Self::Object(_) | Self::Plus(..) => self.object(style),
            Self::Maybe(shape) => nullable(shape.schema(style)),
            Self::Named(name, _) => json!({ "$ref": format!("#/components/schemas/{name}") }),
            Self::Open => json!({ "type": "object" }),
            Self::Any => json!({}),
        }
    }

    fn object(&self, style: Style<'_>) -> Value {
        let fields = self.fields();
        let properties: Map<String, Value> = fields.iter().map(|field| (field.name.to_owned(), field.shape.schema(style))).collect();
        let required: Vec<&str> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
        let mut schema = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        if style.closed {
            schema["additionalProperties"] = false.into();
        }
        schema
    }

    /// Everything in it that stands under a name of its own.
    pub fn names(&self, found: &mut Vec<(&'static str, &'static Shape)>) {
        match self {
            Self::Named(name, _) if found.iter().any(|(known, _)| known == name) => {}
            Self::Named(name, shape) => {
                found.push((name, shape));
                shape.names(found);
            }
            Self::Maybe(shape) | Self::List { of: shape, .. } => shape.names(found),
            Self::Object(_) | Self::Plus(..) => self.fields().iter().for_each(|field| field.shape.names(found)),
            _ => {}
        }
    }
}

/// That, or `null`.
fn nullable(mut schema: Value) -> Value {
    if schema.get("$ref").is_some() {
        return json!({ "oneOf": [schema, { "type": "null" }] });
    }
    if let Some(kind) = schema["type"].as_str().map(str::to_owned) {
        schema["type"] = json!([kind, "null"]);
    }
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
    schema
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Shape, may, must};

    const NAME: Shape = Shape::Text { min: 1, max: 5 };
    const THING: Shape =
        Shape::Object(&[must("name", NAME), may("ids", Shape::List { of: &Shape::Id("usr_"), max: 2 }), may("owner", Shape::Maybe(&NAME))]);

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |value: serde_json::Value| THING.check(&value, "").err().map(|wrong| wrong.field);
        assert_eq!(wrong(json!({ "name": "a", "owner": null })), None);
        for (value, field) in [
            (json!([]), "body"),
            (json!({}), "name"),
            (json!({ "name": 1 }), "name"),
            (json!({ "name": "" }), "name"),
            (json!({ "name": "sechs!" }), "name"),
            (json!({ "name": "\u{0}" }), "name"),
            (json!({ "name": null }), "name"),
            (json!({ "name": "a", "nam": 1 }), "nam"),
            (json!({ "name": "a", "ids": ["usr_1"] }), "ids"),
            (json!({ "name": "a", "ids": [1, 2, 3] }), "ids"),
        ] {
            assert_eq!(wrong(value.clone()).as_deref(), Some(field), "{value}");
        }
    }
}
