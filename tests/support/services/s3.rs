//! An S3 bucket: PutObject, GetObject and ListObjectsV2.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Bound;

use super::http::{Answer, Request};
use super::json::base64;
use super::{Details, Front, Lie, Luck, Put, Store};

const MOST_KEY_BYTES: usize = 1024;
const MOST_LISTED: usize = 1000;
/// When every object was put; in a list and in a header.
const LAST_MODIFIED: [&str; 2] = ["2018-12-17T21:10:50.000Z", "Mon, 17 Dec 2018 21:10:50 GMT"];

pub(super) struct S3;

impl Front for S3 {
    fn read(&self, request: &Request) -> Result<Option<Vec<Put>>, Answer> {
        let key = key(request);
        if request.method != "PUT" || key.is_empty() {
            return Ok(None);
        }
        let own = |header: &str| request.header(header).map(str::to_owned);
        let details = Details::Object {
            key: key.to_owned(),
            content_type: own("content-type"),
            content_encoding: own("content-encoding"),
        };
        Ok(Some(vec![Put { partition_key: None, data: request.body.clone(), details }]))
    }

    fn apply(&self, request: &Request, puts: Vec<Put>, store: &mut Store, _luck: &mut Luck) -> Result<Answer, Answer> {
        match (request.method.as_str(), key(request)) {
            ("PUT", _) if !puts.is_empty() => put_object(request, puts, store),
            ("GET", "") if request.query.get("list-type").is_some_and(|kind| kind == "2") => list(request, store),
            ("GET", key) if !key.is_empty() => get_object(key, store),
            _ => Err(error(405, "MethodNotAllowed", "nothing but objects and their list is here")),
        }
    }

    fn error(&self, status: u16, code: &str, message: &str) -> Answer {
        error(status, code, message)
    }

    /// There is nothing to say but that something is wrong.
    fn lie(&self, lie: Lie, answer: Answer) -> Answer {
        match lie {
            Lie::Fewer | Lie::Empty => Answer::new(200, "text/html", "<html>please log in</html>"),
            Lie::Neither | Lie::Both | Lie::Unnamed => {
                Answer { body: error(200, "InternalError", "on purpose").body, ..answer }
            }
            Lie::Endless(_) => answer,
        }
    }

    fn passing_errors(&self) -> &'static [(u16, &'static str)] {
        &[
            (503, "SlowDown"),
            (500, "InternalError"),
            (503, "ServiceUnavailable"),
            (400, "RequestTimeout"),
            (400, "ExpiredToken"),
        ]
    }

    fn lasting_status(&self) -> u16 {
        403
    }
}

/// The objects, by key: of several puts the last one counts.
pub(super) fn objects<'a>(puts: &'a [Put]) -> BTreeMap<&'a str, &'a Put> {
    let object = |put: &'a Put| match &put.details {
        Details::Object { key, .. } => Some((key.as_str(), put)),
        _ => None,
    };
    puts.iter().filter_map(object).collect()
}

/// The bucket stands in the host's name, or first in the path where the host is an address.
fn key(request: &Request) -> &str {
    let host = request.header("host").and_then(|host| host.split(':').next()).unwrap_or_default();
    let path = request.path.strip_prefix('/').unwrap_or(&request.path);
    if host == "localhost" || host.parse::<IpAddr>().is_ok() {
        path.split_once('/').map_or("", |(_bucket, key)| key)
    } else {
        path
    }
}

fn put_object(request: &Request, puts: Vec<Put>, store: &mut Store) -> Result<Answer, Answer> {
    let key = key(request);
    if key.len() > MOST_KEY_BYTES {
        return Err(error(400, "KeyTooLongError", "a key has at most 1024 bytes"));
    }
    if request.header("x-amz-checksum-crc32").is_some_and(|expected| expected != checksum(&request.body)) {
        return Err(error(400, "BadDigest", "the checksum does not match the body"));
    }
    if request.header("if-none-match") == Some("*") && objects(&store.puts).contains_key(key) {
        return Err(error(412, "PreconditionFailed", "there is such an object"));
    }
    let tag = entity_tag(&request.body);
    store.puts.extend(puts);
    Ok(Answer::new(200, "application/xml", "").with("etag", tag))
}

fn get_object(key: &str, store: &Store) -> Result<Answer, Answer> {
    let objects = objects(&store.puts);
    let put = objects.get(key).ok_or_else(|| error(404, "NoSuchKey", "there is no such object"))?;
    let (content_type, content_encoding) = match &put.details {
        Details::Object { content_type, content_encoding, .. } => {
            (content_type.as_deref(), content_encoding.as_deref())
        }
        _ => (None, None),
    };
    let answer = Answer::new(200, content_type.unwrap_or("binary/octet-stream"), put.data.clone())
        .with("etag", entity_tag(&put.data))
        .with("last-modified", LAST_MODIFIED[1])
        .with("x-amz-checksum-crc32", checksum(&put.data));
    Ok(match content_encoding {
        Some(coding) => answer.with("content-encoding", coding),
        None => answer,
    })
}

/// A continuation token is the last key of the page before.
fn list(request: &Request, store: &Store) -> Result<Answer, Answer> {
    let asked = |name: &str| request.query.get(name).map(String::as_str);
    if asked("delimiter").is_some_and(|delimiter| !delimiter.is_empty()) {
        return Err(error(501, "NotImplemented", "a list with a delimiter is not known here"));
    }
    let most = match asked("max-keys").map(str::parse) {
        None => MOST_LISTED,
        Some(Ok(most)) => MOST_LISTED.min(most),
        Some(Err(_)) => return Err(error(400, "InvalidArgument", "max-keys is no number")),
    };
    let prefix = asked("prefix").unwrap_or_default();
    let after = asked("continuation-token").or(asked("start-after")).map_or(Bound::Unbounded, Bound::Excluded);
    let objects = objects(&store.puts);
    let rest: Vec<_> =
        objects.range::<str, _>((after, Bound::Unbounded)).filter(|(key, _)| key.starts_with(prefix)).collect();
    let page = &rest[..most.min(rest.len())];
    let mut contents = String::new();
    for (key, put) in page {
        contents += &format!(
            "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>",
            escaped(key),
            LAST_MODIFIED[0],
            escaped(&entity_tag(&put.data)),
            put.data.len()
        );
    }
    let next = match page.last() {
        Some((key, _)) if page.len() < rest.len() => {
            format!("<NextContinuationToken>{}</NextContinuationToken>", escaped(key))
        }
        _ => String::new(),
    };
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult><Prefix>{}</Prefix><KeyCount>{}</KeyCount>\
         <MaxKeys>{most}</MaxKeys><IsTruncated>{}</IsTruncated>{next}{contents}</ListBucketResult>",
        escaped(prefix),
        page.len(),
        !next.is_empty()
    );
    Ok(Answer::new(200, "application/xml", xml))
}

fn error(status: u16, code: &str, message: &str) -> Answer {
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{}</Message></Error>",
        escaped(message)
    );
    Answer::new(status, "application/xml", xml)
}

/// CRC-32, in base64 as the headers have it.
fn checksum(bytes: &[u8]) -> String {
    base64(&crc32(bytes).to_be_bytes())
}

/// Opaque to clients; only the same bytes have the same one.
fn entity_tag(bytes: &[u8]) -> String {
    format!("\"{:032x}\"", crc32(bytes))
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
