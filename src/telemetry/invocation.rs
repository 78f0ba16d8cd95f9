//! Which invocation a log line belongs to: the one that is worked on where the line is written.
//!
//! Several invocations may be worked on at once, on one thread, and one invocation on several threads.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

tokio::task_local! {
    static OF_TASK: Arc<str>;
}

thread_local! {
    static OF_THREAD: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
}

/// The invocations that are worked on, by their request ids.
static UNDER_WAY: Mutex<Vec<Arc<str>>> = Mutex::new(Vec::new());

/// The invocation that something belongs to, or none.
#[derive(Debug, Clone, Default)]
pub(crate) struct InvocationContext(Option<Arc<str>>);

impl InvocationContext {
    /// That of whoever asks: of its task, or of its thread.
    pub(crate) fn current() -> Self {
        let of_task = OF_TASK.try_with(Arc::clone).ok();
        // While the thread ends there is none.
        let of_thread = || OF_THREAD.try_with(|id| id.borrow().clone()).ok().flatten();
        Self(of_task.or_else(of_thread))
    }

    /// That of whoever asks, or the only one there is: a panic may be on a thread that was told of none.
    pub(super) fn current_or_only() -> Self {
        let Self(Some(id)) = Self::current() else {
            let under_way = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
            return match under_way.as_slice() {
                [only] => Self(Some(Arc::clone(only))),
                _ => Self(None),
            };
        };
        Self(Some(id))
    }

    /// The id of its request; none: it is no invocation.
    pub(crate) fn request_id(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Does something on this thread that belongs to it.
    pub(crate) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = OF_THREAD.with(|id| id.replace(self.0.clone()));
        let done = work();
        OF_THREAD.with(|id| id.replace(before));
        done
    }
}

/// Works on the invocation of a request: its log lines name the request.
pub(crate) async fn in_invocation<T>(request_id: &str, work: impl Future<Output = T>) -> T {
    let under_way = UnderWay::begin(request_id);
    OF_TASK.scope(Arc::clone(&under_way.0), work).await
}

/// An invocation for as long as it is worked on.
struct UnderWay(Arc<str>);

impl UnderWay {
    fn begin(request_id: &str) -> Self {
        let id: Arc<str> = request_id.into();
        UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&id));
        Self(id)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner).retain(|id| !Arc::ptr_eq(id, &self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn current() -> Option<String> {
        InvocationContext::current().request_id().map(str::to_owned)
    }

    #[tokio::test]
    async fn each_of_several_at_once_has_its_own_and_its_threads_have_it_too() {
        let one = |id: &'static str| async move {
            in_invocation(id, async move {
                tokio::task::yield_now().await;
                let context = InvocationContext::current();
                let thread = std::thread::spawn(move || {
                    let within = context.within(current);
                    (within, current())
                });
                assert_eq!(thread.join().expect("it ends"), (Some(id.to_owned()), None));
                current()
            })
            .await
        };
        let (a, b) = tokio::join!(one("a"), one("b"));
        assert_eq!((a.as_deref(), b.as_deref(), current()), (Some("a"), Some("b"), None));
    }
}
