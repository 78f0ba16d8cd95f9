//! Ctrl-C and SIGTERM: the first lets what is under way come to its end, the second ends at once.

use std::pin::pin;

use futures_util::future::{Either, select};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::progress::ProgressDisplay;

/// What a shell says of a program that Ctrl-C ended: 128 and the signal's number.
pub(super) const INTERRUPTED: u8 = 130;

/// Whether somebody wants it to end.
#[derive(Debug, Clone)]
pub(super) struct Interrupt {
    asked: watch::Receiver<bool>,
}

impl Interrupt {
    /// Listens from now on, inside a runtime. The first signal is answered with what happens now.
    pub(super) fn listen(progress: &ProgressDisplay, what_happens: impl Fn() -> String + Send + 'static) -> Self {
        let (sender, asked) = watch::channel(false);
        let progress = progress.clone();
        // Without a handler, a signal ends the program by itself.
        let mut interrupted = signal(SignalKind::interrupt()).ok();
        let mut terminated = signal(SignalKind::terminate()).ok();
        tokio::spawn(async move {
            either(&mut interrupted, &mut terminated).await;
            progress.say(&format_args!("{}; Ctrl-C again ends at once", what_happens()));
            // Nobody listens any more: it is ending already.
            let _ = sender.send(true);
            either(&mut interrupted, &mut terminated).await;
            progress.finish();
            std::process::exit(INTERRUPTED.into());
        });
        Self { asked }
    }

    pub(super) fn is_asked(&self) -> bool {
        *self.asked.borrow()
    }

    /// Waits until it is asked.
    pub(super) async fn asked(&mut self) {
        if self.asked.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits for something; none: the signal came first.
    pub(super) async fn or<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        match select(pin!(self.asked()), pin!(work)).await {
            Either::Left(_) => None,
            Either::Right((done, _)) => Some(done),
        }
    }
}

async fn either(left: &mut Option<Signal>, right: &mut Option<Signal>) {
    select(pin!(one(left)), pin!(one(right))).await;
}

async fn one(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
