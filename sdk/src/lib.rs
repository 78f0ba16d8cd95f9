//! Write a transform for Kinesieve as a plain function.
//!
//! Kinesieve calls it once for each record of a Kinesis stream, in shard order, and does what the
//! returned [`Outcome`] says.
//!
//! ```
//! use kinesieve_sdk::{Event, Outcome, transform};
//!
//! /// Lets only errors through.
//! #[transform]
//! fn process(event: Event) -> Outcome {
//!     if event.data.starts_with(b"ERROR") {
//!         Outcome::Keep
//!     } else {
//!         Outcome::Drop
//!     }
//! }
//! ```
//!
//! The crate has to be a `cdylib` (`[lib] crate-type = ["cdylib"]`). Build it into a component with
//! `cargo build --release --target wasm32-wasip2`, and test the function as any other with
//! `cargo test`: [`Event::new`] makes an event, and the functions of the host have stand-ins.
//!
//! What the macros of the `log` crate write goes to the processor's log, and so does what [`log`](fn@log) is given.
//!
//! [`Event::edit_json`] changes values of a JSON payload and leaves all else as it is written, byte for byte.
//!
//! Two features can be switched off, for a smaller build: `json` ([`Json`], [`Event::edit_json`], [`Settings::read`],
//! [`Fold`]) and `log`.
//!
//! A transform of tumbling windows is a [`Fold`] instead, exported by [`window!`].
//!
//! A panic, an endless loop and memory beyond the limit are no way to answer: they cost the event
//! (it goes to the dead letters) and the instance (the next event meets a fresh one).
//!
//! # Memory
//!
//! The crate brings the component's allocator: what is allocated in a call costs next to nothing, since it is given
//! back at its end. A component with an allocator of its own switches that off with `default-features = false`.

#[doc(hidden)]
#[allow(missing_docs, reason = "not for people")]
pub mod __private;
#[cfg(any(test, all(target_family = "wasm", not(target_feature = "atomics"), feature = "arena")))]
mod arena;
#[doc(hidden)]
pub mod bindings;
#[cfg(feature = "json")]
mod canonical;
mod error;
mod event;
#[cfg(feature = "log")]
mod facade;
mod host;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "json")]
mod json_edit;
#[cfg(feature = "json")]
mod json_scanner;
#[cfg(feature = "json")]
mod json_string;
mod outcome;
mod settings;
#[cfg(feature = "json")]
mod typed_settings;
#[cfg(feature = "json")]
mod window;
#[cfg(feature = "json")]
#[doc(hidden)]
pub mod window_bindings;

pub use bindings::kinesieve::transform::host::{Level, Shard};
pub use bindings::kinesieve::transform::types::{Event, Outcome, Output};
#[cfg(feature = "json")]
pub use canonical::canonical_json;
pub use error::{Error, OrElse};
pub use event::FromEvent;
pub use host::{current_shard, log};
#[cfg(feature = "json")]
pub use json::Json;
#[cfg(feature = "json")]
pub use json_edit::{Edit, JsonKind, JsonStep, JsonValue};
pub use outcome::IntoOutcome;
pub use settings::{SettingError, Settings};
#[cfg(feature = "json")]
pub use window::{Ending, Fold, Rehearsal, Window};

#[cfg(all(target_family = "wasm", not(target_feature = "atomics"), feature = "arena"))]
#[global_allocator]
static ALLOCATOR: arena::Arena = arena::Arena::new();

/// From here on, memory is a call's.
fn open_arena() {
    #[cfg(all(target_family = "wasm", not(target_feature = "atomics"), feature = "arena"))]
    ALLOCATOR.open();
}

/// Makes a function the transform that a component exports. There is one in a component.
///
/// The function takes what is [`FromEvent`], an [`Event`] or [`Json`], and returns whatever is [`IntoOutcome`]:
///
/// | it returns | the event |
/// | --- | --- |
/// | [`Outcome`] | what that says |
/// | [`Json`] | is replaced by that one output |
/// | `Some` of these, or `None` | `None` drops it |
/// | `Ok` of these | what that says |
/// | `Err` of [`Error::Retry`] | comes again |
/// | `Err` of [`Error::Reject`], or of any error that implements [`std::error::Error`] | is dead-lettered |
///
/// # Settings
///
/// With `configure`, what the deployment sets is read once, when an instance starts, and the
/// function takes what was made of it. An error (anything that can be displayed) stops the
/// processor from starting. Without `configure`, a deployment that gives settings doesn't start.
///
/// ```
/// use kinesieve_sdk::{Error, Event, Outcome, SettingError, Settings, transform};
///
/// struct Config { below: f64 }
///
/// fn configure(settings: Settings) -> Result<Config, SettingError> {
///     settings.only(&["below"])?;
///     Ok(Config { below: settings.parse("below")?.unwrap_or(0.0) })
/// }
///
/// #[transform(configure = configure)]
/// fn process(config: &Config, event: Event) -> Result<Outcome, Error> {
///     let reading: f64 = event.text()?.parse()?;
///     Ok(if reading < config.below { Outcome::Drop } else { Outcome::Keep })
/// }
///
/// let config = configure(Settings::from([("below", "10")])).unwrap();
/// assert_eq!(process(&config, Event::new("9.5")), Ok(Outcome::Drop));
/// assert_eq!(process(&config, Event::new("hot")), Err(Error::reject("invalid float literal")));
/// ```
///
/// State that lasts from event to event belongs into the configuration too, in a
/// [`Cell`](std::cell::Cell) or [`RefCell`](std::cell::RefCell). It is no place for what must not
/// be lost: an instance is thrown away after a failure, and several may run side by side.
pub use kinesieve_sdk_macros::transform;

/// The attribute refuses what it can't export: anything but a function,
///
/// ```compile_fail
/// #[kinesieve_sdk::transform]
/// struct Process;
/// ```
///
/// the wrong number of parameters,
///
/// ```compile_fail
/// use kinesieve_sdk::{Event, Outcome, transform};
/// #[transform]
/// fn process(config: &u8, event: Event) -> Outcome { Outcome::Keep }
/// ```
///
/// another type in their place,
///
/// ```compile_fail
/// use kinesieve_sdk::{Outcome, transform};
/// #[transform]
/// fn process(event: String) -> Outcome { Outcome::Keep }
/// ```
///
/// a configuration of another type than `configure` makes,
///
/// ```compile_fail
/// use kinesieve_sdk::{Event, Outcome, Settings, transform};
/// fn configure(_: Settings) -> Result<u8, String> { Ok(1) }
/// #[transform(configure = configure)]
/// fn process(config: &u16, event: Event) -> Outcome { Outcome::Keep }
/// ```
///
/// and an answer that is no outcome.
///
/// ```compile_fail
/// use kinesieve_sdk::{Event, transform};
/// #[transform]
/// fn process(event: Event) -> bool { true }
/// ```
#[cfg(doctest)]
struct Refused;
