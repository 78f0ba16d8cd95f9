//! A way to a server that can be blocked: connections hang, or are refused.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

/// What becomes of what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Way {
    Open,
    /// Nothing arrives, and nothing is answered.
    Hangs,
    /// Connections are closed.
    Refuses,
}

/// A way to a server on this machine.
pub struct Relay {
    port: u16,
    way: Arc<AtomicU8>,
}

impl Relay {
    /// `to` is the server, as `http://HOST:PORT`.
    pub fn to(to: &str) -> Self {
        let to = to.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let way = Arc::new(AtomicU8::new(Way::Open as u8));
        let at = Arc::clone(&way);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&to) else { continue };
                let (Ok(client_too), Ok(server_too)) = (client.try_clone(), server.try_clone()) else { continue };
                let (forth, back) = (Arc::clone(&at), Arc::clone(&at));
                thread::spawn(move || copy(client, server, &forth));
                thread::spawn(move || copy(server_too, client_too, &back));
            }
        });
        Self { port, way }
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn is(&self, way: Way) {
        self.way.store(way as u8, Ordering::Relaxed);
    }
}

/// Copies what comes, as the way is just then.
fn copy(mut from: TcpStream, mut to: TcpStream, way: &AtomicU8) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        while way.load(Ordering::Relaxed) == Way::Hangs as u8 {
            thread::sleep(Duration::from_millis(20));
        }
        if way.load(Ordering::Relaxed) == Way::Refuses as u8 || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
