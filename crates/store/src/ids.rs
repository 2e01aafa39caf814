//! The one place where ids are made: time-ordered UUIDs.

use lifecycle::ids;

/// A kind of id that can be made.
pub trait Fresh {
    /// A new one.
    fn fresh() -> Self;
}

macro_rules! fresh {
    ($($name:ident),*) => {$(
        impl Fresh for ids::$name {
            fn fresh() -> Self {
                Self::from_u128(uuid::Uuid::now_v7().as_u128())
            }
        }
    )*};
}

fresh!(
    OrganisationId,
    UserId,
    TeamId,
    ApiKeyId,
    PersonId,
    GrantId,
    ProfileId,
    AccessId,
    ConnectionId,
    EventId,
    EndpointId,
    FeedId,
    OutboxId,
    PermissionSetId,
    AttemptId,
    SessionId,
    NodeId,
    FreezeId,
    ActId
);

/// The first half of every key that is lent to the operator: no time-ordered UUID begins so.
const LENT: u64 = u64::MAX;

/// A new id of a key that is lent to the operator.
pub(crate) fn fresh_lent() -> ids::ApiKeyId {
    let dice = uuid::Uuid::now_v7().as_u128() & u128::from(u64::MAX);
    ids::ApiKeyId::from_u128((u128::from(LENT) << 64) | dice)
}

/// Whether a key is lent to the operator.
pub fn is_lent(id: &ids::ApiKeyId) -> bool {
    is_of_lent(id.as_str())
}

/// The same of an id as text.
pub(crate) fn is_of_lent(id: &str) -> bool {
    id.strip_prefix(ids::ApiKeyId::PREFIX).is_some_and(|digits| digits.starts_with("ffffffffffffffff"))
}

/// A new id of the kind asked for.
pub fn fresh<T: Fresh>() -> T {
    T::fresh()
}
