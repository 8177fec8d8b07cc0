//! The replication session: CopyBoth on the frontend protocol. The only speaker of it.
//!
//! [`Session::connect`] dials, negotiates TLS and logs in; [`Session::start`] turns the session
//! into a [`Stream`] of frames. What a frame's payload means is the business of `decode`.

mod auth;
mod dial;
mod error;
mod session;
mod stream;
mod vigil;
mod wire;

pub use error::ReplicationError;
pub use session::{Session, System};
pub use stream::{Frame, Stream};
