//! One pure adapter per social network.
