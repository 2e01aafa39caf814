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

/// A new id of the kind asked for.
pub fn fresh<T: Fresh>() -> T {
    T::fresh()
}
