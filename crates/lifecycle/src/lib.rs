//! The words, the rules and the renewal protocol of Staygreen.
//!
//! Everything here is pure: no I/O, no clock, no dice. Time and ids come in as arguments; what should
//! happen goes out as data. The shell (database, HTTP, mail) lives in `store`, `keeper` and `server`.
//!
//! | module | holds |
//! | --- | --- |
//! | [`ids`], [`time`], [`moment`], [`secret`] | the small vocabulary: typed ids, microseconds, moments as text, secrets that cannot be printed |
//! | [`words`] | cause, evidence, confidence: why something does not work |
//! | [`facts`] | what is known of a network's tokens, as a value |
//! | [`diagnosis`] | what one answer of a network says |
//! | [`grant`] | the life of a grant: `step(grant, event, facts, now)` |
//! | [`access`] | the edge from a grant to a profile, with the role held there |
//! | [`breaker`] | an incident of a network told apart from dead tokens |
//! | [`budget`] | how many calls an app may make now |
//! | [`departure`] | when a mail leaves: at once, with the digest, after quiet hours |
//! | [`incident`] | when people hear of an incident of a network, and that it is over |
//! | [`schedule`] | when to renew and probe; jitter without dice |
//! | [`erasure`] | when what is stored about a person goes because they asked their network for it |
//! | [`status`] | a profile's status, derived from its accesses, and the news that follow |
//! | [`repair`] | what repairs a profile, and who can do it |
//! | [`renewal`] | the renewal protocol as a machine that gives actions and takes outcomes |
//! | [`ledger`] | what is claimed, intended and committed, and the one storage trait |
//! | [`plan`] | from what happened to what is committed |
//! | [`permission`] | who may do what; deny by default |
//! | [`tag`] | words of an organisation's own on its profiles |
//! | [`waiting`] | posts and comments that wait: what they may become |

pub mod access;
pub mod breaker;
pub mod budget;
pub mod departure;
pub mod diagnosis;
pub mod erasure;
pub mod facts;
pub mod forecast;
pub mod grant;
pub mod ids;
pub mod incident;
pub mod ledger;
pub mod moment;
pub mod permission;
pub mod plan;
pub mod renewal;
pub mod repair;
pub mod routing;
pub mod schedule;
pub mod secret;
pub mod status;
pub mod tag;
pub mod time;
pub mod waiting;
pub mod words;
