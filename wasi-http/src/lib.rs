//! `wasi:http` for components: a server that has each request answered by an instance of its own, and requests that guests send.
//!
//! Guests are synchronous: they wait in `wasi:io/poll`, which is a system call. The network is `hyper` on `tokio`, whose threads run guests, too, and go on elsewhere while
//! they wait. Between them are [pipes](pipe), one for each body, which hold little; whoever is too fast waits.
//!
//! Nothing of this is in the program `wasmer`: it is in `wasmer-serve`, to which `wasmer serve` hands over, and `wasmer run` with a component that sends requests.

mod app;
mod body;
mod client;
mod ctx;
mod deadlines;
mod fields;
mod incoming;
mod link;
mod log;
mod net;
mod outgoing;
mod pipe;
mod server;
mod tls;
mod types;

pub use app::App;
pub use client::{Client, Sender};
pub use ctx::WasiHttp;
pub use link::{add_imports_to_linker, add_to_linker};
pub use log::Access;
pub use server::{Listener, Options, Stop, serve};
pub use types::{DnsErrorPayload, ErrorCode, FieldSizePayload, HttpFailure, TlsAlertReceivedPayload};
