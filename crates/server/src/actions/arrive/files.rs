//! The files that other tools write, read into rows. Nothing is believed: a file that is broken, or made to do harm, is refused as
//! a whole (NT-41).

use lifecycle::moment;
use lifecycle::secret::Secret;
use lifecycle::time::Timestamp;
use networks::elsewhere::{Tool, network_of};
use serde_json::{Map, Value};

use super::laravel::AppKey;
use crate::api::csv;

/// The most bytes of a file.
pub const FILE_MAX: usize = 16 * 1024 * 1024;
/// The most rows of a file.
const ROWS_MAX: usize = 10_000;
/// The most bytes of a token.
const TOKEN_MAX: usize = 16 * 1024;
/// The most characters of anything else.
const TEXT_MAX: usize = 500;

/// What wrote a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A table with our own columns.
    Csv,
    /// Answers of Nango's API.
    Nango,
    /// Postiz's table `Integration`, as JSON or CSV.
    Postiz,
    /// Mixpost's table `mixpost_accounts`, as JSON or CSV.
    Mixpost,
}

/// One token set, as a file has it.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// Where it stands: a line, or the place in a list, counted from 1.
    pub at: usize,
    /// Our name of the network; `None` with what the tool calls it, where nothing of it can be brought along.
    pub network: Option<&'static str>,
    /// What the file calls the network.
    pub called: String,
    /// The server, for networks that have many.
    pub instance: Option<String>,
    /// The profile's, or person's, id at the network.
    pub network_id: Option<String>,
    /// What the file calls the profile.
    pub name: String,
    /// The access token.
    pub access_token: Option<Secret>,
    /// The refresh token.
    pub refresh_token: Option<Secret>,
    /// The token's secret (OAuth 1.0a).
    pub token_secret: Option<Secret>,
    /// When the access token ends.
    pub expires_at: Option<Timestamp>,
    /// When the person consented, as far as the file knows.
    pub since: Option<Timestamp>,
    /// What was granted.
    pub scopes: Vec<String>,
    /// The tenant of the other tool.
    pub tenant: Option<String>,
}

/// Why a file is refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The row it is about; `None`: the file.
    pub at: Option<usize>,
    /// The field it is about.
    pub field: &'static str,
    /// What is wrong, without what stands there: it may be a token.
    pub what: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.at {
            Some(at) => write!(f, "row {at}, {}: {}", self.field, self.what),
            None => write!(f, "{}: {}", self.field, self.what),
        }
    }
}

impl std::error::Error for Refused {}

fn refuse(at: Option<usize>, field: &'static str, what: impl Into<String>) -> Refused {
    Refused { at, field, what: what.into() }
}

/// Reads a file.
///
/// # Errors
/// What makes the file one that is not taken; then nothing of it is.
pub fn read(format: Format, bytes: &[u8], key: Option<&AppKey>, tenant: Option<&str>) -> Result<Vec<Row>, Refused> {
    if bytes.len() > FILE_MAX {
        return Err(refuse(None, "file", format!("has more than {} MiB", FILE_MAX / 1024 / 1024)));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| refuse(None, "file", "is not UTF-8"))?;
    let records = records(text)?;
    if records.is_empty() {
        return Err(refuse(None, "file", "has no rows"));
    }
    if records.len() > ROWS_MAX {
        return Err(refuse(None, "file", format!("has more than {ROWS_MAX} rows")));
    }
    let read = |(at, record): &Record| {
        let fields = Fields { at: *at, record };
        let row = match format {
            Format::Csv => of_csv(&fields)?,
            Format::Nango => of_nango(&fields)?,
            Format::Postiz => of_postiz(&fields)?,
            Format::Mixpost => of_mixpost(&fields, key)?,
        };
        check(&row)?;
        Ok(row)
    };
    let rows = records.iter().map(read).collect::<Result<Vec<Row>, Refused>>()?;
    of_one_tenant(rows, tenant)
}

/// Where it stands, and its fields.
type Record = (usize, Map<String, Value>);

/// Objects of a JSON list (bare, or under the name of what it lists), lines of JSON, or rows of a table with a head.
fn records(text: &str) -> Result<Vec<Record>, Refused> {
    let trimmed = text.trim_start_matches('\u{feff}').trim_start();
    let list = if trimmed.starts_with(['[', '{']) { json_records(trimmed)? } else { return table(text) };
    let object = |(n, value): (usize, Value)| match value {
        Value::Object(object) => Ok((n + 1, object)),
        _ => Err(refuse(Some(n + 1), "row", "is not an object")),
    };
    list.into_iter().enumerate().map(object).collect()
}

fn json_records(text: &str) -> Result<Vec<Value>, Refused> {
    let broken = |error: serde_json::Error| refuse(None, "file", format!("is not JSON: line {}, column {}", error.line(), error.column()));
    match serde_json::from_str(text) {
        Ok(Value::Array(items)) => Ok(items),
        Ok(Value::Object(mut object)) => {
            let listed = ["connections", "items", "data", "rows"].iter().find_map(|name| match object.remove(*name) {
                Some(Value::Array(items)) => Some(items),
                _ => None,
            });
            Ok(listed.unwrap_or_else(|| vec![Value::Object(object)]))
        }
        Ok(_) => Err(refuse(None, "file", "is neither a list nor an object")),
        // One object on each line.
        Err(_) if text.starts_with('{') && text.contains('\n') => {
            text.lines().filter(|line| !line.trim().is_empty()).map(|line| serde_json::from_str(line).map_err(broken)).collect()
        }
        Err(error) => Err(broken(error)),
    }
}

fn table(text: &str) -> Result<Vec<Record>, Refused> {
    let mut rows = csv::read(text).map_err(|broken| refuse(Some(broken.line), "file", broken.what))?.into_iter();
    let Some((_, head)) = rows.next() else { return Ok(vec![]) };
    let object = |(at, cells): (usize, Vec<String>)| {
        if cells.len() != head.len() {
            return Err(refuse(Some(at), "row", format!("has {} cells, the head has {}", cells.len(), head.len())));
        }
        let cells = head.iter().zip(cells).filter(|(_, cell)| !cell.is_empty());
        Ok((at, cells.map(|(name, cell)| (name.clone(), Value::String(cell))).collect()))
    };
    rows.map(object).collect()
}

/// A record while it is being read.
struct Fields<'a> {
    at: usize,
    record: &'a Map<String, Value>,
}

impl Fields<'_> {
    fn value(&self, name: &str) -> Option<&Value> {
        let mut parts = name.split('.');
        let first = self.record.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part)).filter(|value| !value.is_null())
    }

    fn text(&self, name: &'static str) -> Result<Option<String>, Refused> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(refuse(Some(self.at), name, "is not text")),
        }
    }

    fn needed(&self, name: &'static str) -> Result<String, Refused> {
        self.text(name)?.ok_or_else(|| refuse(Some(self.at), name, "is missing"))
    }

    fn secret(&self, name: &'static str) -> Result<Option<Secret>, Refused> {
        Ok(self.text(name)?.map(Secret::new))
    }

    /// RFC 3339, what databases print, or seconds since 1970.
    fn moment(&self, name: &'static str) -> Result<Option<Timestamp>, Refused> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        if let Ok(seconds) = text.parse::<i64>() {
            return Ok(Some(Timestamp::from_seconds(seconds)));
        }
        let written = text.trim().replacen(' ', "T", 1);
        let zoned =
            if written.ends_with('Z') || written.get(19..).is_some_and(|rest| rest.contains(['+', '-'])) { written } else { written + "Z" };
        let read =
            zoned.parse::<jiff::Timestamp>().ok().map(|at| Timestamp::from_seconds(at.as_second())).or_else(|| moment::rfc3339(&zoned));
        read.map(Some).ok_or_else(|| refuse(Some(self.at), name, "is no moment; write it like 2027-01-31T12:00:00Z"))
    }

    fn list(&self, name: &str) -> Vec<String> {
        match self.value(name) {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(text)) => text.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect(),
            _ => vec![],
        }
    }

    fn is_set(&self, name: &str) -> bool {
        !matches!(self.value(name), None | Some(Value::Bool(false)))
            && !matches!(self.value(name), Some(Value::String(text)) if matches!(text.as_str(), "f" | "false" | "0" | ""))
    }
}

const COLUMNS: [&str; 10] =
    ["network", "instance", "network_id", "name", "access_token", "refresh_token", "token_secret", "expires_at", "since", "scopes"];

fn of_csv(fields: &Fields<'_>) -> Result<Row, Refused> {
    if let Some(unknown) = fields.record.keys().find(|name| !COLUMNS.contains(&name.as_str())) {
        let what = if unknown.len() <= 40 && unknown.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') { unknown } else { "a column" };
        return Err(refuse(None, "file", format!("{what} is not known; the columns are {}", COLUMNS.join(", "))));
    }
    let called = fields.needed("network")?;
    Ok(Row {
        at: fields.at,
        network: networks::find(&called).map(|network| network.about().name),
        called,
        instance: fields.text("instance")?,
        network_id: fields.text("network_id")?,
        name: fields.text("name")?.unwrap_or_default(),
        access_token: fields.secret("access_token")?,
        refresh_token: fields.secret("refresh_token")?,
        token_secret: fields.secret("token_secret")?,
        expires_at: fields.moment("expires_at")?,
        since: fields.moment("since")?,
        scopes: fields.list("scopes"),
        tenant: None,
    })
}

/// `GET /connections/{id}` of Nango's API (formerly `/connection/{id}`), one object for each connection. Whose it is stands in its tags, or,
/// as it was done before there were tags, with its end user.
fn of_nango(fields: &Fields<'_>) -> Result<Row, Refused> {
    let called = match fields.text("provider")? {
        Some(provider) => provider,
        None => fields.needed("provider_config_key")?,
    };
    Ok(Row {
        at: fields.at,
        network: network_of(Tool::Nango, &called),
        called,
        instance: None,
        network_id: None,
        name: fields.text("connection_id")?.unwrap_or_default(),
        access_token: fields.secret("credentials.access_token")?.or(fields.secret("credentials.oauth_token")?),
        refresh_token: fields.secret("credentials.refresh_token")?,
        token_secret: fields.secret("credentials.oauth_token_secret")?,
        expires_at: fields.moment("credentials.expires_at")?,
        since: fields.moment("created_at")?,
        scopes: fields.list("credentials.raw.scope"),
        tenant: fields.text("tags.organization_id")?.or(fields.text("end_user.organization.id")?).or(fields.text("environment_id")?),
    })
}

/// A row of Postiz's table `Integration`; what was deleted there stays behind.
fn of_postiz(fields: &Fields<'_>) -> Result<Row, Refused> {
    let called = fields.needed("providerIdentifier")?;
    let gone = fields.is_set("deletedAt");
    Ok(Row {
        at: fields.at,
        network: network_of(Tool::Postiz, &called).filter(|_| !gone),
        called: if gone { format!("{called}, deleted there") } else { called },
        instance: None,
        // With a root it is a page; what the table calls its id is the page's.
        network_id: fields.text("internalId")?,
        name: fields.text("name")?.unwrap_or_default(),
        access_token: fields.secret("token")?,
        refresh_token: fields.secret("refreshToken")?,
        token_secret: None,
        expires_at: fields.moment("tokenExpiration")?,
        since: fields.moment("createdAt")?,
        scopes: vec![],
        tenant: fields.text("organizationId")?,
    })
}

/// A row of Mixpost's table `mixpost_accounts`, whose token set is sealed with the app key of the installation it comes from.
fn of_mixpost(fields: &Fields<'_>, key: Option<&AppKey>) -> Result<Row, Refused> {
    let called = fields.needed("provider")?;
    let sealed = fields.needed("access_token")?;
    let key =
        key.ok_or_else(|| refuse(None, "key", "is needed: the APP_KEY of the installation the table comes from, in a file (--key-file)"))?;
    let wrong = || refuse(Some(fields.at), "access_token", "does not open with this key; is it the APP_KEY of that installation?");
    let tokens = key.open(&sealed).ok_or_else(wrong)?;
    let tokens: Value = serde_json::from_slice(tokens.expose().as_bytes()).map_err(|_| wrong())?;
    let secret = |name: &str| tokens[name].as_str().filter(|text| !text.is_empty()).map(Secret::new);
    // A column of JSON comes as text out of some dumps.
    let data = match fields.value("data") {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        Some(value) => value.clone(),
        None => Value::Null,
    };
    let ends = tokens["expires_in"].as_i64().or_else(|| tokens["expires_in"].as_str()?.parse().ok());
    Ok(Row {
        at: fields.at,
        network: network_of(Tool::Mixpost, &called),
        called,
        instance: data["server"].as_str().map(str::to_owned),
        network_id: fields.text("provider_id")?,
        name: fields.text("name")?.unwrap_or_default(),
        access_token: secret("access_token").or_else(|| secret("page_access_token")),
        refresh_token: secret("refresh_token"),
        token_secret: None,
        // It stores the moment under the name of the span.
        expires_at: ends.filter(|at| *at > 1_000_000_000).map(Timestamp::from_seconds),
        since: fields.moment("created_at")?,
        scopes: vec![],
        tenant: None,
    })
}

/// Nothing in a row may be more than what it stands for.
fn check(row: &Row) -> Result<(), Refused> {
    let at = Some(row.at);
    for (field, text) in [("name", &row.name), ("network", &row.called)].into_iter().chain(row.scopes.iter().map(|scope| ("scopes", scope)))
    {
        if text.chars().count() > TEXT_MAX {
            return Err(refuse(at, field, format!("has more than {TEXT_MAX} characters")));
        }
        if text.chars().any(char::is_control) {
            return Err(refuse(at, field, "holds control characters"));
        }
        if csv::is_formula(text) {
            return Err(refuse(at, field, "begins like the formula of a spreadsheet"));
        }
    }
    if let Some(id) = &row.network_id {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, ':' | '_' | '-' | '.' | '@' | '/' | '=');
        if id.len() > TEXT_MAX
            || !id.chars().all(plain)
            || id.starts_with(['/', '=', '@', '-'])
            || id.split(['/', ':']).any(|part| part == "..")
        {
            return Err(refuse(at, "network_id", "is no id: it looks like a path or a formula"));
        }
    }
    if let Some(instance) = &row.instance {
        let host = instance.trim_start_matches("https://").trim_end_matches('/');
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':');
        if host.is_empty() || host.len() > 253 || !host.chars().all(plain) || host.contains("..") {
            return Err(refuse(at, "instance", "is not the name of a server"));
        }
    }
    for (field, token) in [("access_token", &row.access_token), ("refresh_token", &row.refresh_token), ("token_secret", &row.token_secret)]
    {
        let Some(token) = token else { continue };
        if token.expose().len() > TOKEN_MAX {
            return Err(refuse(at, field, format!("has more than {TOKEN_MAX} characters")));
        }
        if !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(refuse(at, field, "holds characters that no token has"));
        }
    }
    Ok(())
}

/// A dump may hold the tokens of several customers: which of them is meant has to be said.
fn of_one_tenant(mut rows: Vec<Row>, wanted: Option<&str>) -> Result<Vec<Row>, Refused> {
    let tenants: std::collections::BTreeSet<&str> = rows.iter().filter_map(|row| row.tenant.as_deref()).collect();
    match wanted {
        None if tenants.len() > 1 => {
            let what = format!("holds token sets of {} tenants; name the one that is yours (--tenant)", tenants.len());
            Err(refuse(None, "file", what))
        }
        Some(wanted) if !tenants.contains(wanted) => Err(refuse(None, "file", "holds nothing of that tenant")),
        Some(wanted) => {
            rows.retain(|row| row.tenant.as_deref() == Some(wanted));
            Ok(rows)
        }
        None => Ok(rows),
    }
}
