//! What an API key carries: permissions, each with the profiles it is about, until when, how often, and whether somebody
//! has to approve. One text form for the command line, the pages, REST and the table:
//!
//! ```text
//! posts:write network=threads,x team=tem_… until=2027-01-01T00:00:00Z rate=10/1h approval=usr_…
//! api:call GET,POST /rest/posts/** profile=prf_… rate=600/1m
//! tokens:read tag=launch,q4
//! ```

use std::fmt;
use std::str::FromStr;

use super::Act;
use crate::ids::{ProfileId, TeamId, UserId};
use crate::moment;
use crate::tag::Tag;
use crate::time::{Span, Timestamp};

/// A permission that an API key carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// What may be done.
    pub act: Act,
    /// With which profiles.
    pub reach: Reach,
    /// Which calls of the network's API; only with [`Act::CallApi`], and there always.
    pub calls: Option<Calls>,
    /// Until when; `None`: as long as the key.
    pub until: Option<Timestamp>,
    /// How often; `None`: as often as wanted.
    pub rate: Option<Rate>,
    /// Who has to approve each single act; `None`: nobody.
    pub approval: Option<UserId>,
}

/// Which profiles a permission is about. Each list that is not empty narrows: a profile must be in all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Only these profiles.
    pub profiles: Vec<ProfileId>,
    /// Only profiles in one of these teams.
    pub teams: Vec<TeamId>,
    /// Only profiles of these networks.
    pub networks: Vec<String>,
    /// Only profiles with one of these tags.
    pub tags: Vec<Tag>,
}

impl Reach {
    /// Whether it is about every profile.
    pub fn is_everything(&self) -> bool {
        self.profiles.is_empty() && self.teams.is_empty() && self.networks.is_empty() && self.tags.is_empty()
    }

    /// Whether a team is within, for what is done with teams.
    pub fn covers_team(&self, team: &TeamId) -> bool {
        self.profiles.is_empty() && self.networks.is_empty() && self.tags.is_empty() && (self.teams.is_empty() || self.teams.contains(team))
    }

    /// Whether a profile is within.
    pub fn covers(&self, id: &ProfileId, network: &str, teams: &[TeamId], tags: &[Tag]) -> bool {
        (self.profiles.is_empty() || self.profiles.contains(id))
            && (self.networks.is_empty() || self.networks.iter().any(|known| known == network))
            && (self.teams.is_empty() || self.teams.iter().any(|team| teams.contains(team)))
            && (self.tags.is_empty() || self.tags.iter().any(|tag| tags.contains(tag)))
    }
}

/// Which calls of a network's API: methods and a pattern over the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calls {
    /// The methods, upper case; empty: every method.
    methods: Vec<String>,
    /// `/rest/posts/*`: `*` stands for one segment, `**` at the end for one or more of them.
    path: String,
}

/// The methods that can be called through the proxy.
pub const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

impl Calls {
    /// Whether a call is one of these. The path is compared as it was sent, segment by segment, never decoded.
    pub fn covers(&self, method: &str, path: &str) -> bool {
        let known = METHODS.contains(&method) && (self.methods.is_empty() || self.methods.iter().any(|allowed| allowed == method));
        known && Self::matches(&self.path, path)
    }

    fn matches(pattern: &str, path: &str) -> bool {
        let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
        loop {
            match (wanted.next(), given.next()) {
                (Some("**"), Some(_)) | (None, None) => return true,
                (Some("*"), Some(segment)) if !segment.is_empty() => {}
                (Some(wanted), Some(given)) if wanted == given => {}
                _ => return false,
            }
        }
    }
}

/// How often: so many times in each window of that length. Windows begin at multiples of their length since 1970, so
/// that every node counts in the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many times.
    pub count: u32,
    /// In which length of time.
    pub per: Span,
}

impl Rate {
    /// The window a moment belongs to: when it began and when the next one begins.
    pub fn window(self, now: Timestamp) -> (Timestamp, Timestamp) {
        let per = self.per.as_micros().max(1);
        let began = Timestamp::from_micros(now.as_micros().div_euclid(per) * per);
        (began, began + self.per)
    }
}

/// A text is not a permission; says what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAPermission(String);

impl fmt::Display for NotAPermission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotAPermission {}

fn wrong<T>(why: impl Into<String>) -> Result<T, NotAPermission> {
    Err(NotAPermission(why.into()))
}

impl From<Act> for Permission {
    /// The act with every profile, for good, as often as wanted. [`Act::CallApi`]: every call.
    fn from(act: Act) -> Self {
        let calls = (act == Act::CallApi).then(|| Calls { methods: vec![], path: "/**".into() });
        Self { act, reach: Reach::default(), calls, until: None, rate: None, approval: None }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.act.as_str())?;
        if let Some(calls) = &self.calls {
            let methods = if calls.methods.is_empty() { "ANY".to_owned() } else { calls.methods.join(",") };
            write!(f, " {methods} {}", calls.path)?;
        }
        let mut list = |name: &str, values: Vec<&str>| if values.is_empty() { Ok(()) } else { write!(f, " {name}={}", values.join(",")) };
        list("profile", self.reach.profiles.iter().map(ProfileId::as_str).collect())?;
        list("team", self.reach.teams.iter().map(TeamId::as_str).collect())?;
        list("network", self.reach.networks.iter().map(String::as_str).collect())?;
        list("tag", self.reach.tags.iter().map(Tag::as_str).collect())?;
        if let Some(until) = self.until {
            write!(f, " until={}", moment::written(until))?;
        }
        if let Some(rate) = self.rate {
            write!(f, " rate={}/{}", rate.count, written(rate.per))?;
        }
        self.approval.as_ref().map_or(Ok(()), |user| write!(f, " approval={user}"))
    }
}

impl FromStr for Permission {
    type Err = NotAPermission;

    fn from_str(text: &str) -> Result<Self, NotAPermission> {
        let mut words = text.split_whitespace().peekable();
        let word = words.next().unwrap_or_default();
        let Some(act) = Act::parse(word) else {
            let all: Vec<_> = Act::ALL.iter().map(|act| act.as_str()).collect();
            return wrong(format!("\"{word}\" is not one of the permissions {}", all.join(", ")));
        };
        let mut made = Self::from(act);
        if act == Act::CallApi {
            let pair = (words.next(), words.next());
            let (Some(methods), Some(path)) = pair else {
                return wrong("api:call names methods and a path, as in: api:call GET,POST /rest/posts/**");
            };
            made.calls = Some(calls(methods, path)?);
        }
        for word in words {
            let Some((name, value)) = word.split_once('=').filter(|(_, value)| !value.is_empty()) else {
                return wrong(format!("\"{word}\" is not of the form name=value"));
            };
            made.narrow(name, value)?;
        }
        Ok(made)
    }
}

fn calls(methods: &str, path: &str) -> Result<Calls, NotAPermission> {
    let methods: Vec<String> = if methods == "ANY" { vec![] } else { methods.split(',').map(str::to_owned).collect() };
    if let Some(unknown) = methods.iter().find(|method| !METHODS.contains(&method.as_str())) {
        return wrong(format!("\"{unknown}\" is not one of the methods ANY, {}", METHODS.join(", ")));
    }
    let inner = path.trim_end_matches("/**");
    let plain = |segment: &str| segment == "*" || !(segment.contains('*') || matches!(segment, "." | ".."));
    if !path.starts_with('/') || path.contains(['?', '#', '\\']) || !inner.split('/').all(plain) {
        return wrong(format!("\"{path}\" is not a path pattern, as in /rest/posts/* or /rest/**"));
    }
    Ok(Calls { methods, path: path.to_owned() })
}

impl Permission {
    fn narrow(&mut self, name: &str, value: &str) -> Result<(), NotAPermission> {
        let of_profiles = self.act.is_about_profiles();
        match name {
            "profile" if of_profiles => self.reach.profiles = ids(value)?,
            "team" if of_profiles || self.act.is_about_teams() => self.reach.teams = ids(value)?,
            "network" if of_profiles => self.reach.networks = value.split(',').map(str::to_owned).collect(),
            "tag" if of_profiles => self.reach.tags = ids(value)?,
            "profile" | "team" | "network" | "tag" => return wrong(format!("{} is not about single profiles", self.act)),
            "until" => {
                let until = moment::rfc3339(value).or_else(|| moment::rfc3339(&format!("{value}T00:00:00Z")));
                self.until =
                    Some(until.map_or_else(|| wrong(format!("until={value}: write it as 2027-01-01 or 2027-01-01T12:00:00Z")), Ok)?);
            }
            "rate" if self.act.is_deed() => self.rate = Some(rate(value)?),
            "rate" => return wrong(format!("{} is not counted; only acts through a token are", self.act)),
            "approval" if self.act.can_wait() => {
                let user = value.parse().map_err(|error| NotAPermission(format!("approval={value}: {error}")));
                self.approval = Some(user?);
            }
            "approval" => return wrong(format!("{} cannot wait for an approval; posts:write and comments:write can", self.act)),
            _ => return wrong(format!("\"{name}\" is not one of profile, team, network, tag, until, rate, approval")),
        }
        Ok(())
    }
}

fn ids<T: FromStr<Err: fmt::Display>>(list: &str) -> Result<Vec<T>, NotAPermission> {
    list.split(',').map(|id| id.parse().map_err(|error: T::Err| NotAPermission(format!("\"{id}\": {error}")))).collect()
}

/// A length in the largest unit in which it is whole.
fn written(per: Span) -> String {
    let seconds = per.as_seconds();
    let whole = [("d", 86_400), ("h", 3_600), ("m", 60)].into_iter().find(|(_, unit)| seconds > 0 && seconds % unit == 0);
    whole.map_or_else(|| format!("{seconds}s"), |(name, unit)| format!("{}{name}", seconds / unit))
}

fn rate(text: &str) -> Result<Rate, NotAPermission> {
    let read = || {
        let (count, per) = text.split_once('/')?;
        let (number, unit) = per.split_at(per.find(|c: char| !c.is_ascii_digit())?);
        let number: i64 = if number.is_empty() { 1 } else { number.parse().ok()? };
        let per = match unit {
            "s" => Span::seconds(number),
            "m" => Span::minutes(number),
            "h" => Span::hours(number),
            "d" => Span::days(number),
            _ => return None,
        };
        let count = count.parse().ok()?;
        (count > 0 && (1..=366 * 86_400).contains(&per.as_seconds())).then_some(Rate { count, per })
    };
    read().map_or_else(|| wrong(format!("rate={text}: write it as 10/1h (s, m, h and d are known)")), Ok)
}

impl Permission {
    /// The same, over at the end of what carries it if not before.
    #[must_use]
    pub fn ending(&self, at: Option<Timestamp>) -> Self {
        Self { until: self.until.into_iter().chain(at).min(), ..self.clone() }
    }

    /// Whether everything the other one allows is allowed by this one, so that whoever has this may give that to others. One with a
    /// rate gives nothing away: counted twice it would be twice as much.
    pub fn includes(&self, other: &Self) -> bool {
        fn within<T: PartialEq>(narrow: &[T], wide: &[T]) -> bool {
            wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(|one| wide.contains(one)))
        }
        let calls = match (&self.calls, &other.calls) {
            (Some(wide), Some(narrow)) => {
                let ends = |calls: &Calls| calls.path.ends_with("/**");
                within(&narrow.methods, &wide.methods) && (ends(wide) || !ends(narrow)) && Calls::matches(&wide.path, &narrow.path)
            }
            (wide, narrow) => wide == narrow,
        };
        self.act == other.act
            && calls
            && within(&other.reach.profiles, &self.reach.profiles)
            && within(&other.reach.teams, &self.reach.teams)
            && within(&other.reach.networks, &self.reach.networks)
            && within(&other.reach.tags, &self.reach.tags)
            && self.until.is_none_or(|until| other.until.is_some_and(|earlier| earlier <= until))
            && self.rate.is_none()
            && (self.approval.is_none() || self.approval == other.approval)
    }
}
