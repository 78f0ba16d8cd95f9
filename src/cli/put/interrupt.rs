//! Ctrl-C: the first lets what is on its way arrive, the second ends at once.

use std::pin::pin;

use futures_util::future::{Either, select};
use tokio::sync::watch;

use crate::cli::progress::Progress;

/// What a shell says of a program that Ctrl-C ended.
pub(super) const INTERRUPTED: u8 = 130;

/// Whether somebody pressed Ctrl-C.
#[derive(Debug, Clone)]
pub(super) struct Interrupt {
    asked: watch::Receiver<bool>,
}

impl Interrupt {
    /// Listens from now on, inside a runtime.
    pub(super) fn listen(progress: &Progress) -> Self {
        let (sender, asked) = watch::channel(false);
        let progress = progress.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_err() {
                // The signal then ends the program by itself.
                return std::future::pending().await;
            }
            progress.say(&"ends once what is on its way is put; Ctrl-C again ends at once");
            // Nobody listens any more: it is ending already.
            let _ = sender.send(true);
            if tokio::signal::ctrl_c().await.is_ok() {
                progress.finish();
                std::process::exit(INTERRUPTED.into());
            }
        });
        Self { asked }
    }

    pub(super) fn is_asked(&self) -> bool {
        *self.asked.borrow()
    }

    /// Waits for something; none: Ctrl-C came first.
    pub(super) async fn or<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let asked = async {
            if self.asked.wait_for(|asked| *asked).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        match select(pin!(asked), pin!(work)).await {
            Either::Left(_) => None,
            Either::Right((done, _)) => Some(done),
        }
    }
}
