//! What the code that `#[transform]` writes calls into: the way from the contract's functions to
//! the author's.

use std::any::Any;
use std::cell::OnceCell;
use std::fmt::Display;

pub use crate::bindings::exports::kinesieve::transform::transform::Guest;
use crate::{Event, FromEvent, IntoOutcome, Outcome, Settings};

/// Settings as they cross the boundary.
pub type Pairs = Vec<(String, String)>;

thread_local! {
    // An instance has one thread, and the configuration lives as long as the instance does: so it
    // may be leaked, and need be neither `Send` nor `Sync`. Its type is erased because the
    // attribute, which sees only tokens, doesn't know it; comparing type ids takes about 1 ns.
    static CONFIG: OnceCell<&'static dyn Any> = const { OnceCell::new() };
}

pub fn configure<C: 'static, E: Display>(
    configure: fn(Settings) -> Result<C, E>,
    settings: Pairs,
) -> Result<(), String> {
    before_all();
    let config = configure(Settings::from(settings)).map_err(|error| error.to_string())?;
    CONFIG
        .with(|slot| slot.set(Box::leak(Box::new(config))))
        .map_err(|_| "configured twice: an instance is configured once".to_owned())?;
    crate::open_arena();
    Ok(())
}

/// A transform without settings refuses any: one that goes unread is a mistake in the deployment.
pub fn configure_nothing(settings: Pairs) -> Result<(), String> {
    before_all();
    Settings::from(settings).only(&[]).map_err(|error| error.to_string())?;
    crate::open_arena();
    Ok(())
}

/// The same for what `window!` writes. The arena stays closed: the state of a window outlives a call.
#[cfg(feature = "json")]
pub mod window {
    pub use crate::window_bindings::exports::kinesieve::transform::window::{Conclusion, Folding, Guest, Span};

    use crate::{Ending, Event, Fold, Settings, window};

    pub fn configure<F: Fold>(settings: super::Pairs) -> Result<(), String> {
        super::before_all();
        window::configure::<F>(Settings::from(settings))
    }

    pub fn open<F: Fold>(span: Span, state: Option<Vec<u8>>) -> Result<(), String> {
        window::open::<F>(span, state)
    }

    pub fn accumulate<F: Fold>(event: Event) -> Folding {
        window::accumulate::<F>(event)
    }

    pub fn save<F: Fold>() -> Vec<u8> {
        window::save::<F>()
    }

    pub fn finish<F: Fold>(ending: Ending) -> Conclusion {
        window::finish::<F>(ending)
    }
}

fn before_all() {
    #[cfg(feature = "log")]
    crate::facade::install();
}

#[inline]
pub fn process<I: FromEvent, R: IntoOutcome>(process: fn(I) -> R, event: Event) -> Outcome {
    I::from_event(event).map(process).into_outcome()
}

/// Takes `configure` as well, though not to call it: that is how the compiler checks that the two
/// functions agree on the configuration's type.
#[inline]
pub fn process_configured<C: 'static, E, I: FromEvent, R: IntoOutcome>(
    _configure: fn(Settings) -> Result<C, E>,
    process: fn(&C, I) -> R,
    event: Event,
) -> Outcome {
    let config = CONFIG
        .with(|slot| slot.get().copied())
        .expect("the processor calls configure before process")
        .downcast_ref()
        .expect("the type is the one that configure returned");
    I::from_event(event).map(|input| process(config, input)).into_outcome()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SettingError;

    // `CONFIG` is of the thread, and each test has one of its own.

    fn step(settings: Settings) -> Result<u64, SettingError> {
        settings.parse("step").map(|step| step.unwrap_or(1))
    }

    fn count_up(step: &u64, event: Event) -> Outcome {
        Outcome::replace(format!("{}", event.sub_sequence_number + step))
    }

    #[test]
    fn the_function_gets_what_configure_made() {
        let pairs = vec![("step".to_owned(), "5".to_owned())];
        configure(step, pairs).unwrap();
        assert_eq!(process_configured(step, count_up, Event::new("")), Outcome::replace("5".to_owned()));
    }

    #[test]
    fn an_instance_is_configured_once() {
        let once = || configure(|_| Ok::<_, String>(1u64), Vec::new());
        assert_eq!(once(), Ok(()));
        assert!(once().unwrap_err().starts_with("configured twice"));
    }

    #[test]
    fn the_error_of_configure_is_its_text() {
        let error = configure(|_| Err::<u64, _>("no table"), Vec::new());
        assert_eq!(error, Err("no table".to_owned()));
    }

    #[test]
    fn a_transform_without_settings_refuses_any() {
        assert_eq!(configure_nothing(Vec::new()), Ok(()));
        let pairs = vec![("step".to_owned(), "5".to_owned())];
        assert_eq!(
            configure_nothing(pairs),
            Err("unknown setting `step`: this transform takes no settings".to_owned())
        );
    }
}
