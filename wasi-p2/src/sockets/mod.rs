//! `wasi:sockets`: TCP, UDP and the lookup of names. Nothing is reachable but what [`Grants`] allow.

mod grants;
mod lookup;
mod network;
mod tcp;
mod udp;

pub use grants::{GrantError, Grants};
pub(crate) use lookup::ResolveAddressStream;
pub(crate) use network::Network;
pub(crate) use tcp::TcpSocket;
pub(crate) use udp::{IncomingDatagramStream, OutgoingDatagramStream, UdpSocket};
