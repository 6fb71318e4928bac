//! The state of one component.

use std::fmt;

use wasmer_wasi::WasiCtx;

use crate::cli::{TerminalInput, TerminalOutput};
use crate::filesystem::{Descriptor, DirectoryEntryStream};
use crate::host::GuestWaker;
use crate::io::{IoError, Pollable};
use crate::slab::Slab;
use crate::sockets::{
    Grants, IncomingDatagramStream, OutgoingDatagramStream, ResolveAddressStream, TcpSocket, UdpSocket,
};
use crate::streams::{InputStream, OutputStream};

/// What one component can reach by WASI 0.2: what was granted to a [`WasiCtx`], and the resources that the component made of it.
pub struct WasiP2 {
    pub(crate) ctx: WasiCtx,
    pub(crate) net: Grants,
    pub(crate) errors: Slab<IoError>,
    pub(crate) pollables: Slab<Pollable>,
    pub(crate) inputs: Slab<InputStream>,
    pub(crate) outputs: Slab<OutputStream>,
    pub(crate) descriptors: Slab<Descriptor>,
    pub(crate) listings: Slab<DirectoryEntryStream>,
    pub(crate) terminal_inputs: Slab<TerminalInput>,
    pub(crate) terminal_outputs: Slab<TerminalOutput>,
    pub(crate) tcp_sockets: Slab<TcpSocket>,
    pub(crate) udp_sockets: Slab<UdpSocket>,
    pub(crate) incoming: Slab<IncomingDatagramStream>,
    pub(crate) outgoing: Slab<OutgoingDatagramStream>,
    pub(crate) lookups: Slab<ResolveAddressStream>,
    /// What streams and events of the host wake, and its descriptor once there is one.
    pub(crate) waker: Option<(GuestWaker, Option<u32>)>,
}

impl WasiP2 {
    /// A component that reaches what a context was granted, and no network.
    pub fn new(ctx: WasiCtx) -> WasiP2 {
        WasiP2::with_net(ctx, Grants::none())
    }

    /// One that reaches a part of the network, too.
    pub fn with_net(ctx: WasiCtx, net: Grants) -> WasiP2 {
        WasiP2 {
            ctx,
            net,
            errors: Slab::default(),
            pollables: Slab::default(),
            inputs: Slab::default(),
            outputs: Slab::default(),
            descriptors: Slab::default(),
            listings: Slab::default(),
            terminal_inputs: Slab::default(),
            terminal_outputs: Slab::default(),
            tcp_sockets: Slab::default(),
            udp_sockets: Slab::default(),
            incoming: Slab::default(),
            outgoing: Slab::default(),
            lookups: Slab::default(),
            waker: None,
        }
    }

    /// What was granted, for [`WasiCtx::set_interrupt_check`] for instance.
    pub fn ctx_mut(&mut self) -> &mut WasiCtx {
        &mut self.ctx
    }
}

impl fmt::Debug for WasiP2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiP2").field("ctx", &self.ctx).finish_non_exhaustive()
    }
}
