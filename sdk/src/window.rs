//! Transforms of tumbling windows: [`Fold`], what [`window!`](crate::window!) exports of it, and [`Rehearsal`] for tests.

use std::any::Any;
use std::cell::RefCell;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::window_bindings::exports::kinesieve::transform::window::{Conclusion, Folding, Span};
use crate::{Error, Event, Output, Settings};

pub use crate::window_bindings::exports::kinesieve::transform::window::Ending;

/// The state of a tumbling window: events are folded into it, and it becomes outputs when the window closes.
///
/// Between two batches it is JSON, of 700,000 bytes at most, so it is best a sum of what came, and no list of it.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use kinesieve_sdk::{Error, Event, Fold, Output, Rehearsal, Settings, Window};
/// use serde::{Deserialize, Serialize};
///
/// /// How many events each key had.
/// #[derive(Default, Serialize, Deserialize)]
/// struct Counts(BTreeMap<String, u64>);
///
/// impl Fold for Counts {
///     const FORM: &str = "counts/1";
///     type Config = ();
///
///     fn configure(settings: Settings) -> Result<(), Error> {
///         Ok(settings.only(&[])?)
///     }
///
///     fn accumulate(&mut self, _: &(), event: Event) -> Result<(), Error> {
///         *self.0.entry(event.partition_key).or_default() += 1;
///         Ok(())
///     }
///
///     fn finish(self, _: &(), _: Window) -> Result<Vec<Output>, Error> {
///         Ok(self.0.into_iter().map(|(key, count)| Output::new(count.to_string()).partition_key(key)).collect())
///     }
/// }
///
/// kinesieve_sdk::window!(Counts);
///
/// let mut rehearsal = Rehearsal::<Counts>::new([]).unwrap();
/// rehearsal.fold(Event::new("a")).unwrap();
/// rehearsal.fold(Event::new("b")).unwrap();
/// assert_eq!(rehearsal.finish().unwrap(), [Output::new("2").partition_key("key")]);
/// ```
pub trait Fold: Default + Serialize + DeserializeOwned + 'static {
    /// The name and the version of this form, as `sums/1`. It changes when what was saved before can't be read any more:
    /// a state of another form is refused.
    const FORM: &'static str;

    /// What is made of the settings.
    type Config: 'static;

    /// Reads what the deployment sets, once, when an instance starts.
    ///
    /// # Errors
    /// What is wrong with the settings: it stops the processor from starting.
    fn configure(settings: Settings) -> Result<Self::Config, Error>;

    /// Folds an event into the state. The same events have to lead to the same state: after a failure they come a second
    /// time.
    ///
    /// # Errors
    /// [`Error::Retry`] has the event come again, any other error dead-letters it. Either way the state is as it was
    /// before, whatever was done to it.
    fn accumulate(&mut self, config: &Self::Config, event: Event) -> Result<(), Error>;

    /// What is delivered of the window. An output without a partition key goes under the shard's id.
    ///
    /// # Errors
    /// [`Error::Retry`] has the window close again later, any other error dead-letters its state.
    fn finish(self, config: &Self::Config, window: Window) -> Result<Vec<Output>, Error>;
}

/// A window that closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its first millisecond, since the Unix epoch.
    pub start: u64,
    /// The first millisecond that is not part of it.
    pub end: u64,
    /// How it closes.
    pub ending: Ending,
}

/// Makes a [`Fold`] the transform that a component exports. There is one in a component.
#[macro_export]
macro_rules! window {
    ($state:ty) => {
        const _: () = {
            struct __Window;
            impl $crate::__private::window::Guest for __Window {
                fn configure(settings: $crate::__private::Pairs) -> ::core::result::Result<(), ::std::string::String> {
                    $crate::__private::window::configure::<$state>(settings)
                }
                fn state_form() -> ::std::string::String {
                    ::std::string::String::from(<$state as $crate::Fold>::FORM)
                }
                fn open(
                    span: $crate::__private::window::Span,
                    state: ::core::option::Option<::std::vec::Vec<u8>>,
                ) -> ::core::result::Result<(), ::std::string::String> {
                    $crate::__private::window::open::<$state>(span, state)
                }
                fn accumulate(event: $crate::Event) -> $crate::__private::window::Folding {
                    $crate::__private::window::accumulate::<$state>(event)
                }
                fn save() -> ::std::vec::Vec<u8> {
                    $crate::__private::window::save::<$state>()
                }
                fn finish(ending: $crate::Ending) -> $crate::__private::window::Conclusion {
                    $crate::__private::window::finish::<$state>(ending)
                }
            }
    $crate::window_bindings::export_window!(__Window with_types_in $crate::window_bindings);
        };
    };
}

/// A window without a processor, for the tests of a [`Fold`]. It goes by the same rules: what fails leaves no trace, and
/// the state is saved and read again after each event.
#[derive(Debug)]
pub struct Rehearsal<F: Fold> {
    config: F::Config,
    window: Window,
    saved: Option<Vec<u8>>,
}

impl<F: Fold> Rehearsal<F> {
    /// Begins with a window: the first minute of the Unix epoch.
    ///
    /// # Errors
    /// When the settings are refused.
    pub fn new(settings: impl Into<Settings>) -> Result<Self, Error> {
        let window = Window { start: 0, end: 60_000, ending: Ending::Complete };
        Ok(Self { config: F::configure(settings.into())?, window, saved: None })
    }

    /// The same, with another window.
    #[must_use]
    pub fn in_window(self, window: Window) -> Self {
        Self { window, ..self }
    }

    /// Folds an event.
    ///
    /// # Errors
    /// What becomes of the event.
    ///
    /// # Panics
    /// When the state can't be saved or read again.
    pub fn fold(&mut self, event: Event) -> Result<(), Error> {
        let mut state = self.state();
        state.accumulate(&self.config, event)?;
        self.saved = Some(saved(&state));
        Ok(())
    }

    /// What a processor would carry from one batch to the next.
    pub fn saved(&self) -> Option<&[u8]> {
        self.saved.as_deref()
    }

    /// Closes the window. The next event begins with the state anew.
    ///
    /// # Errors
    /// What becomes of the window.
    ///
    /// # Panics
    /// When the state can't be read.
    pub fn finish(&mut self) -> Result<Vec<Output>, Error> {
        let outputs = self.state().finish(&self.config, self.window)?;
        self.saved = None;
        Ok(outputs)
    }

    fn state(&self) -> F {
        read(self.saved.as_deref()).expect("the state is read as it was saved")
    }
}

/// What an instance has.
struct Held<F: Fold> {
    config: F::Config,
    /// None: no window is open.
    open: Option<(Span, F)>,
}

thread_local! {
    // An instance has one thread. The type is erased because the macro's functions have no place for it.
    static HELD: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

/// # Panics
/// When the processor calls before `configure`, which it does not.
fn with_held<F: Fold, R>(work: impl FnOnce(&mut Held<F>) -> R) -> R {
    HELD.with_borrow_mut(|held| {
        let held = held.as_mut().expect("the processor calls configure first");
        work(held.downcast_mut().expect("the type is the one that was configured"))
    })
}

pub(crate) fn configure<F: Fold>(settings: Settings) -> Result<(), String> {
    let config = F::configure(settings).map_err(|(Error::Retry(why) | Error::Reject(why))| why)?;
    HELD.with_borrow_mut(|held| *held = Some(Box::new(Held::<F> { config, open: None })));
    Ok(())
}

pub(crate) fn open<F: Fold>(span: Span, state: Option<Vec<u8>>) -> Result<(), String> {
    let state = read(state.as_deref())?;
    with_held::<F, _>(|held| held.open = Some((span, state)));
    Ok(())
}

pub(crate) fn accumulate<F: Fold>(event: Event) -> Folding {
    with_held::<F, _>(|held| {
        let (_, state) = held.open.as_mut().expect("the processor opens a window first");
        match state.accumulate(&held.config, event) {
            Ok(()) => Folding::Folded,
            Err(Error::Retry(why)) => Folding::Retry(why),
            Err(Error::Reject(why)) => Folding::Reject(why),
        }
    })
}

pub(crate) fn save<F: Fold>() -> Vec<u8> {
    with_held::<F, _>(|held| saved(&held.open.as_ref().expect("the processor opens a window first").1))
}

pub(crate) fn finish<F: Fold>(ending: Ending) -> Conclusion {
    with_held::<F, _>(|held| {
        let (span, state) = held.open.take().expect("the processor opens a window first");
        match state.finish(&held.config, Window { start: span.start, end: span.end, ending }) {
            Ok(outputs) => Conclusion::Emit(outputs),
            Err(Error::Retry(why)) => Conclusion::Retry(why),
            Err(Error::Reject(why)) => Conclusion::Reject(why),
        }
    })
}

fn saved<F: Fold>(state: &F) -> Vec<u8> {
    serde_json::to_vec(state).expect("the state can be written as JSON")
}

fn read<F: Fold>(state: Option<&[u8]>) -> Result<F, String> {
    let Some(state) = state else { return Ok(F::default()) };
    serde_json::from_slice(state).map_err(|error| {
        // Serde quotes values, and those are made of payloads.
        let what = if error.is_data() { "a value of another type" } else { "no JSON" };
        format!("{what} at line {} column {}", error.line(), error.column())
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// The bytes of all payloads, and which of them there were.
    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Sum {
        bytes: u64,
        seen: Vec<String>,
    }

    impl Fold for Sum {
        const FORM: &str = "sum/1";
        type Config = u64;

        fn configure(settings: Settings) -> Result<u64, Error> {
            settings.only(&["most"])?;
            Ok(settings.parse("most")?.unwrap_or(10))
        }

        fn accumulate(&mut self, most: &u64, event: Event) -> Result<(), Error> {
            self.seen.push(event.text()?.to_owned());
            self.bytes += event.data.len() as u64;
            match self.bytes > *most {
                true => Err(Error::reject("too much")),
                false => Ok(()),
            }
        }

        fn finish(self, _: &u64, window: Window) -> Result<Vec<Output>, Error> {
            Ok(vec![Output::new(format!("{} of {:?} until {}", self.bytes, self.seen, window.end))])
        }
    }

    #[test]
    fn what_fails_leaves_no_trace() {
        let mut rehearsal = Rehearsal::<Sum>::new([("most", "3")]).unwrap();
        assert_eq!(rehearsal.fold(Event::new("ab")), Ok(()));
        assert_eq!(rehearsal.fold(Event::new("cd")), Err(Error::reject("too much")));
        assert_eq!(rehearsal.fold(Event::new("e")), Ok(()));
        assert_eq!(rehearsal.saved(), Some(&br#"{"bytes":3,"seen":["ab","e"]}"#[..]));
        assert_eq!(rehearsal.finish(), Ok(vec![Output::new(r#"3 of ["ab", "e"] until 60000"#)]));
        assert_eq!(rehearsal.finish(), Ok(vec![Output::new("0 of [] until 60000")]));
    }

    // `HELD` is of the thread, and each test has one of its own.
    #[test]
    fn an_instance_serves_one_window_after_the_other() {
        let span = |start: u64| Span { start, end: start + 1000 };
        configure::<Sum>(Settings::from([("most", "100")])).unwrap();
        open::<Sum>(span(0), None).unwrap();
        assert_eq!(accumulate::<Sum>(Event::new("abc")), Folding::Folded);
        let first = save::<Sum>();
        open::<Sum>(span(1000), None).unwrap();
        assert_eq!(
            accumulate::<Sum>(Event::new([0xff])),
            Folding::Reject("invalid utf-8 sequence of 1 bytes from index 0".to_owned())
        );
        open::<Sum>(span(0), Some(first)).unwrap();
        assert_eq!(accumulate::<Sum>(Event::new("d")), Folding::Folded);
        let Conclusion::Emit(outputs) = finish::<Sum>(Ending::Complete) else { panic!("no outputs") };
        assert_eq!(outputs, [Output::new(r#"4 of ["abc", "d"] until 1000"#)]);
    }

    #[test]
    fn a_state_that_is_none_is_refused_without_showing_it() {
        configure::<Sum>(Settings::default()).unwrap();
        let refused = |state: &str| open::<Sum>(Span { start: 0, end: 1 }, Some(state.into())).unwrap_err();
        assert_eq!(refused(r#"{"bytes":"secret","seen":[]}"#), "a value of another type at line 1 column 17");
        assert_eq!(refused(r#"{"bytes":1,"#), "no JSON at line 1 column 11");
        assert_eq!(configure::<Sum>(Settings::from([("x", "1")])).unwrap_err(), "unknown setting `x`: there is `most`");
    }
}
