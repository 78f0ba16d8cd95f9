//! HTTP/1.1 as far as the clients of the services speak it: requests in, answers out, on connections
//! that are kept.

use std::collections::BTreeMap;
use std::io::{BufRead, Error, ErrorKind, Read, Result, Write};

/// A request. Names of headers are in lower case; trailers count as headers.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// The path, percent-decoded.
    pub(super) path: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("content-type", content_type.to_owned())], body: body.into() }
    }

    pub(super) fn with(mut self, header: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((header, value.into()));
        self
    }

    pub(super) fn write(&self, writer: &mut impl Write) -> Result<()> {
        let mut head = format!("HTTP/1.1 {} X\r\nx-amzn-requestid: 6b562146\r\n", self.status);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("content-length: {}\r\n\r\n", self.body.len());
        writer.write_all(&[head.as_bytes(), &self.body].concat())
    }
}

/// The next request on a connection; none at its end.
pub(super) fn read_request(reader: &mut impl BufRead) -> Result<Option<Request>> {
    let mut request_line = String::new();
    if reader.read_line(&mut request_line)? == 0 {
        return Ok(None);
    }
    let mut words = request_line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(broken("the request line"));
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method: method.to_owned(),
        path: percent_decoded(path),
        query: query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (percent_decoded(name), percent_decoded(value)))
            .collect(),
        headers: read_headers(reader)?,
        body: Vec::new(),
    };
    if request.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        let (body, trailers) = read_chunks(reader)?;
        request.body = body;
        request.headers.extend(trailers);
    } else if let Some(length) = request.header("content-length") {
        request.body = vec![0; length.parse().map_err(|_| broken("the content length"))?];
        reader.read_exact(&mut request.body)?;
    }
    take_off_aws_chunks(&mut request)?;
    Ok(Some(request))
}

/// The chunks of `aws-chunked` are a coding of the client's own inside the body. S3 takes it off, and
/// its name is no part of the object's content encoding.
fn take_off_aws_chunks(request: &mut Request) -> Result<()> {
    let codings: Vec<&str> = request.header("content-encoding").unwrap_or("").split(',').map(str::trim).collect();
    let rest: Vec<&str> = codings.iter().copied().filter(|coding| !matches!(*coding, "aws-chunked" | "")).collect();
    if !codings.contains(&"aws-chunked") {
        return Ok(());
    }
    let rest = rest.join(",");
    let (body, trailers) = read_chunks(&mut request.body.as_slice())?;
    request.body = body;
    request.headers.extend(trailers);
    if rest.is_empty() {
        request.headers.remove("content-encoding");
    } else {
        request.headers.insert("content-encoding".to_owned(), rest);
    }
    Ok(())
}

/// A chunked body and its trailers. A chunk's extension, a signature for instance, is passed over.
fn read_chunks(reader: &mut impl BufRead) -> Result<(Vec<u8>, BTreeMap<String, String>)> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = line.trim().split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(size, 16).map_err(|_| broken("the size of a chunk"))?;
        if size == 0 {
            return Ok((body, read_headers(reader)?));
        }
        if reader.take(size).read_to_end(&mut body)? as u64 != size {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        reader.read_line(&mut line)?;
    }
}

/// Headers or trailers, to the empty line that ends them.
fn read_headers(reader: &mut impl BufRead) -> Result<BTreeMap<String, String>> {
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            return Ok(headers);
        }
        let (name, value) = line.split_once(':').ok_or_else(|| broken("a header"))?;
        // A header that comes several times is one list.
        headers
            .entry(name.trim().to_ascii_lowercase())
            .and_modify(|list: &mut String| *list += &format!(",{}", value.trim()))
            .or_insert_with(|| value.trim().to_owned());
    }
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("{what} can't be read"))
}

/// The fields of a form.
pub(super) fn form_pairs(body: &[u8]) -> BTreeMap<String, String> {
    let decoded = |text: &str| percent_decoded(&text.replace('+', " "));
    let body = String::from_utf8_lossy(body);
    let pairs = body.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                rest = &after[2..];
            }
            None => {
                decoded.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
