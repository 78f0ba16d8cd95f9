//! Whether a thread is inside a guest, looked at now and then by another one.
//!
//! A clock that is asked at each way in and out would take as long as the way. A flag costs next to nothing, and who looks at
//! it often enough knows the shares.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::{CallHook, Store};

use crate::transform::host::HostState;

/// How often somebody looks. A sleep takes some longer, and is no multiple of a record's time.
const LOOK: Duration = Duration::from_micros(100);

/// Whether a thread is inside a guest.
#[derive(Debug, Default)]
pub struct GuestPresence {
    inside: AtomicBool,
}

/// Looks at it until it is asked what it saw.
#[derive(Debug)]
pub struct PresenceWatch {
    ended: Arc<AtomicBool>,
    thread: JoinHandle<PresenceShare>,
}

/// How often the thread was inside of the guest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PresenceShare {
    /// All looks.
    pub looks: u64,
    /// Those that found it inside.
    pub inside: u64,
}

impl GuestPresence {
    /// The call is over, however it ended.
    pub(super) fn leave(&self) {
        self.inside.store(false, Ordering::Relaxed);
    }

    /// Begins to look at it.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn watch(self: &Arc<Self>) -> std::io::Result<PresenceWatch> {
        let ended = Arc::new(AtomicBool::new(false));
        let (presence, is_ended) = (Arc::clone(self), Arc::clone(&ended));
        let thread = std::thread::Builder::new().name("looker".into()).spawn(move || {
            let mut share = PresenceShare::default();
            while !is_ended.load(Ordering::Relaxed) {
                std::thread::sleep(LOOK);
                share.looks += 1;
                share.inside += u64::from(presence.inside.load(Ordering::Relaxed));
            }
            share
        })?;
        Ok(PresenceWatch { ended, thread })
    }
}

impl PresenceWatch {
    /// Ends it, and answers what it saw.
    pub fn end(self) -> PresenceShare {
        self.ended.store(true, Ordering::Relaxed);
        // It does nothing that panics.
        self.thread.join().unwrap_or_default()
    }
}

/// Has the flag follow an instance of this store, in and out of host functions as well.
pub(super) fn follow(presence: &Arc<GuestPresence>, store: &mut Store<HostState>) {
    let presence = Arc::clone(presence);
    store.call_hook(move |_store, hook| {
        let inside = matches!(hook, CallHook::CallingWasm | CallHook::ReturningFromHost);
        presence.inside.store(inside, Ordering::Relaxed);
        Ok(())
    });
}
