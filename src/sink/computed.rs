//! Work that keeps a processor busy: what takes a while must not hold up those that wait for services, nor a deadline.

use crate::aws::causes;

/// Bytes that are compressed, hashed or encoded at once, where services are waited for: it takes less than a millisecond,
/// and to hand it to a thread and back would cost more than it saves.
pub(super) const AT_ONCE_BYTES: usize = 64 << 10;

/// The result of work on so many bytes: done at once where they are few, else on a thread that may take its time.
///
/// # Errors
/// When the work did not end: it panicked, or the process ends.
pub(super) async fn computed<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    if bytes <= AT_ONCE_BYTES {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(|error| format!("the work did not end: {}", causes(&error)))
}

/// Lets others go on between the pieces of work that can't leave its place.
#[derive(Debug, Default)]
pub(super) struct Yielder {
    bytes: usize,
}

impl Yielder {
    /// So many more bytes were worked on.
    pub(super) async fn after(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.bytes > AT_ONCE_BYTES {
            self.bytes = 0;
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn little_work_is_done_at_once_and_more_on_another_thread() {
        let here = thread::current().id();
        let place = |bytes| computed(bytes, || thread::current().id());
        assert_eq!(place(AT_ONCE_BYTES).await, Ok(here));
        assert_ne!(place(AT_ONCE_BYTES + 1).await.expect("it ends"), here);
        let panicked = computed(AT_ONCE_BYTES + 1, || panic!("on purpose")).await;
        assert!(panicked.expect_err("it panics").starts_with("the work did not end: "));
    }

    #[tokio::test]
    async fn others_go_on_between_the_pieces() {
        let turns = std::sync::atomic::AtomicU32::new(0);
        let other = async {
            loop {
                turns.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        };
        let work = async {
            let mut breather = Yielder::default();
            for _ in 0..100 {
                breather.after(AT_ONCE_BYTES / 4).await;
            }
        };
        tokio::select! {
            biased;
            () = other => {}
            () = work => {}
        }
        assert!((15..=30).contains(&turns.into_inner()), "a turn for every fifth piece");
    }
}
