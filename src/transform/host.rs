//! What the processor offers a guest, and what it refuses: the sandbox.

use std::sync::Arc;
use std::time::Instant;

use tracing::Level;
use wasmtime::Trap;
use wasmtime::component::{HasData, HasSelf, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::sync::io::poll;
use wasmtime_wasi::p2::{self, DynPollable};
use wasmtime_wasi::runtime::in_tokio;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::bindings::RecordTransform;
use super::bindings::kinesieve::transform::{host, types};
use super::limits::MemoryLimiter;
use super::log::{GuestLog, GuestStream};
use crate::event::Batch;

/// The most random bytes that one call gives: each is made on the host, and in no one's time limit.
const RANDOM_BYTES: u64 = 1 << 20;

/// The most WASI resources (streams, timers) that an instance may hold at once.
const RESOURCES: usize = 1024;

/// What belongs to one instance on the host's side.
pub(super) struct HostState {
    wasi: WasiCtx,
    table: ResourceTable,
    pub(super) limiter: MemoryLimiter,
    pub(super) log: GuestLog,
    /// The batch of the event in hand; none while the guest is configured.
    pub(super) batch: Option<Arc<Batch>>,
    /// When the call in hand has to be over.
    pub(super) call_ends: Instant,
}

impl HostState {
    pub(super) fn new(memory_limit: usize) -> Self {
        let log = GuestLog::default();
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES);
        let wasi = sandbox(&log).build();
        Self { wasi, table, limiter: MemoryLimiter::new(memory_limit), log, batch: None, call_ends: Instant::now() }
    }

    /// Takes other clocks and another source of randomness for the host's, before the guest has seen any.
    #[cfg(feature = "compiler")]
    pub(super) fn replace(&mut self, replacement: impl FnOnce(&mut WasiCtxBuilder)) {
        let mut builder = sandbox(&self.log);
        replacement(&mut builder);
        self.wasi = builder.build();
    }
}

/// The builder of what a guest gets of WASI. It has no directory, no environment, no arguments and a standard input that is at
/// its end; clocks and randomness are the host's. The network is denied twice: no address is allowed by default, and here no
/// socket is made at all.
fn sandbox(log: &GuestLog) -> WasiCtxBuilder {
    let mut builder = WasiCtxBuilder::new();
    builder
        .stdout(log.pipe(GuestStream::Out))
        .stderr(log.pipe(GuestStream::Error))
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .max_random_size(RANDOM_BYTES);
    builder
}

/// Everything that a guest may import.
pub(super) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<HostState>> {
    let mut linker = Linker::new(engine);
    p2::add_to_linker_sync(&mut linker)?;
    // WASI's own `poll` blocks for as long as the guest likes: a sleep would outlast every limit.
    linker.allow_shadowing(true);
    poll::add_to_linker::<HostState, BoundedPoll<'static>>(&mut linker, |state| BoundedPoll {
        table: &mut state.table,
        call_ends: state.call_ends,
    })?;
    linker.allow_shadowing(false);
    RecordTransform::add_to_linker::<HostState, HasSelf<HostState>>(&mut linker, |state| state)?;
    Ok(linker)
}

impl WasiView for HostState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl types::Host for HostState {}

impl host::Host for HostState {
    fn log(&mut self, level: host::Level, message: String) {
        let level = match level {
            host::Level::Trace => Level::TRACE,
            host::Level::Debug => Level::DEBUG,
            host::Level::Info => Level::INFO,
            host::Level::Warn => Level::WARN,
            host::Level::Error => Level::ERROR,
        };
        self.log.message(level, &message);
    }

    /// Both names are empty while the guest is configured: there is no event in hand.
    fn current_shard(&mut self) -> host::Shard {
        let (stream_arn, shard_id) = match &self.batch {
            Some(batch) => (batch.stream_arn().to_owned(), batch.shard_id().to_owned()),
            None => Default::default(),
        };
        host::Shard { stream_arn, shard_id }
    }
}

/// WASI's `poll`, within the time of the call in hand.
struct BoundedPoll<'a> {
    table: &'a mut ResourceTable,
    call_ends: Instant,
}

impl HasData for BoundedPoll<'static> {
    type Data<'a> = BoundedPoll<'a>;
}

impl BoundedPoll<'_> {
    /// Waits as asynchronous WASI does, but ends like any guest that takes too long.
    fn wait<T>(&mut self, wait: impl AsyncFnOnce(&mut ResourceTable) -> wasmtime::Result<T>) -> wasmtime::Result<T> {
        let call_ends = self.call_ends.into();
        in_tokio(async { tokio::time::timeout_at(call_ends, wait(self.table)).await })
            .unwrap_or_else(|_elapsed| Err(Trap::Interrupt.into()))
    }
}

impl poll::Host for BoundedPoll<'_> {
    fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        self.wait(async |table| p2::bindings::io::poll::Host::poll(table, pollables).await)
    }
}

impl poll::HostPollable for BoundedPoll<'_> {
    fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        poll::HostPollable::ready(self.table, pollable)
    }

    fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.wait(async |table| p2::bindings::io::poll::HostPollable::block(table, pollable).await)
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        poll::HostPollable::drop(self.table, pollable)
    }
}
