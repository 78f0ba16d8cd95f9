//! How often services have refused credentials. Who holds a key that was looked up asks for it anew after that: it may have
//! been exchanged for another.
//!
//! It is seen in the answers, where all services pass. Each has its own place for the code, so it is searched for.

use std::sync::atomic::{AtomicU64, Ordering};

use memchr::memmem;

use super::remedy;

/// The code stands at the beginning of an answer.
const BEGINNING: usize = 4 << 10;

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Whether credentials may be what an answer with this status is about. AWS's protocols in JSON have one status for all that
/// a client can do wrong.
pub(super) fn is_possible(status: u16) -> bool {
    matches!(status, 400 | 401 | 403)
}

/// Looks at the body of such an answer.
pub(super) fn look_at(body: &[u8]) {
    let beginning = &body[..body.len().min(BEGINNING)];
    if remedy::codes().any(|code| memmem::find(beginning, code.as_bytes()).is_some()) {
        COUNT.fetch_add(1, Ordering::Relaxed);
    }
}

/// How often it has happened in this process.
pub(crate) fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_seen_wherever_its_code_stands() {
        let before = count();
        look_at(br#"{"__type":"com.amazon.coral.service#UnrecognizedClientException","message":"no"}"#);
        look_at(b"<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>");
        assert!(count() >= before + 2);
        assert!(is_possible(400) && !is_possible(200) && !is_possible(503));
        let long = [b"x".repeat(1 << 20), b"ExpiredToken".to_vec()].concat();
        look_at(&long);
    }
}
