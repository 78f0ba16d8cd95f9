//! The objects of a bucket below a prefix, in the order of their keys, each read as a whole.

use std::collections::VecDeque;
use std::io;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::Object;

use super::body::{self, BodyError};
use super::{ReadRefusal, object_key};
use crate::aws::{Streamed, bucket_and_prefix, reading_config, s3_config};
use crate::settings::Arn;

/// Reads the objects below a prefix.
#[derive(Debug)]
pub(in crate::source) struct BucketReader {
    client: Client,
    /// As messages call it.
    place: String,
    bucket: String,
    prefix: String,
    /// Whether an object is read, by its key.
    is_wanted: fn(&str) -> bool,
    /// The largest object that is read, in bytes.
    most_bytes: usize,
    keys: VecDeque<String>,
    listed: ListingState,
    bytes_read: u64,
    left_out: u64,
}

/// How far the bucket is listed.
#[derive(Debug)]
enum ListingState {
    NotYet,
    UpTo(String),
    ToTheEnd,
}

/// An object that was listed.
#[derive(Debug)]
pub(in crate::source) struct FoundObject {
    pub(in crate::source) key: String,
    /// As messages call it: `s3://BUCKET/KEY`.
    pub(in crate::source) name: String,
    pub(in crate::source) content: Result<Vec<u8>, ObjectUnread>,
}

/// Why an object was not read, while others can be.
#[derive(Debug)]
pub(in crate::source) enum ObjectUnread {
    /// It is none to read, for a person.
    NotTaken(String),
    /// It was there when it was listed, and is not there any more.
    Gone(ReadRefusal),
}

impl BucketReader {
    /// Reads the objects of which the key is wanted, with no more than so many bytes each.
    pub(in crate::source) async fn open(
        place: &Arn,
        is_wanted: fn(&str) -> bool,
        most_bytes: usize,
    ) -> Result<Self, ReadRefusal> {
        let config = reading_config(place).await;
        if config.region().is_none() {
            let source = io::Error::other("the ARN of a bucket has no region: set AWS_REGION to the one of the bucket");
            return Err(ReadRefusal::Unreadable { place: place.to_string(), source });
        }
        let client = Client::from_conf(s3_config(&config).build());
        let (bucket, prefix) = bucket_and_prefix(place);
        Ok(Self {
            client,
            place: place.to_string(),
            bucket: bucket.to_owned(),
            prefix,
            is_wanted,
            most_bytes,
            keys: VecDeque::new(),
            listed: ListingState::NotYet,
            bytes_read: 0,
            left_out: 0,
        })
    }

    /// The next object; none at the end.
    pub(in crate::source) async fn next(&mut self) -> Result<Option<FoundObject>, ReadRefusal> {
        loop {
            match self.keys.pop_front() {
                Some(key) => return self.get(key).await.map(Some),
                None if matches!(self.listed, ListingState::ToTheEnd) => return Ok(None),
                None => self.list().await?,
            }
        }
    }

    /// Deletes an object.
    pub(in crate::source) async fn delete(&self, key: &str) -> Result<(), ReadRefusal> {
        let deleted = self.client.delete_object().bucket(&self.bucket).key(key).send().await;
        deleted.map(drop).map_err(|error| ReadRefusal::refused(&self.name_of(key), "s3:DeleteObject", &error))
    }

    pub(in crate::source) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// How many objects are not read, since nobody wants objects of their names.
    pub(in crate::source) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// A page of keys.
    async fn list(&mut self) -> Result<(), ReadRefusal> {
        let mut request = self.client.list_objects_v2().bucket(&self.bucket).prefix(&self.prefix);
        if let ListingState::UpTo(token) = &self.listed {
            request = request.continuation_token(token);
        }
        let page = request.send().await.map_err(|error| ReadRefusal::refused(&self.place, "s3:ListBucket", &error))?;
        self.listed = page.next_continuation_token.map_or(ListingState::ToTheEnd, ListingState::UpTo);
        let objects = page.contents.unwrap_or_default();
        let keys = objects.into_iter().filter_map(|Object { key, .. }| key);
        // What ends in a slash is a folder.
        for key in keys.filter(|key| !key.ends_with('/')) {
            if (self.is_wanted)(&key) {
                self.keys.push_back(key);
            } else {
                self.left_out += 1;
            }
        }
        Ok(())
    }

    async fn get(&mut self, key: String) -> Result<FoundObject, ReadRefusal> {
        let name = self.name_of(&key);
        let content = self.content_of(&key, &name).await?;
        self.bytes_read += content.as_ref().map_or(0, Vec::len) as u64;
        Ok(FoundObject { key, name, content })
    }

    async fn content_of(&self, key: &str, name: &str) -> Result<Result<Vec<u8>, ObjectUnread>, ReadRefusal> {
        let not_taken = |reason| Ok(Err(ObjectUnread::NotTaken(reason)));
        // Whoever may put objects chooses their names.
        if let Err(why) = object_key::check(key, &self.prefix) {
            return not_taken(format!("its key is not read: {why}"));
        }
        let too_large = |bytes: String| {
            format!("it has {bytes} bytes, and {} can be read: fetch it, and name the file", self.most_bytes)
        };
        let request = self.client.get_object().bucket(&self.bucket).key(key).customize().interceptor(Streamed);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                let refusal = ReadRefusal::refused(name, "s3:GetObject", &error);
                return if error.code() == Some("NoSuchKey") {
                    Ok(Err(ObjectUnread::Gone(refusal)))
                } else {
                    Err(refusal)
                };
            }
        };
        let bytes = answer.content_length().unwrap_or_default();
        if usize::try_from(bytes).is_ok_and(|bytes| bytes > self.most_bytes) {
            return not_taken(too_large(bytes.to_string()));
        }
        match body::read(answer.body, self.most_bytes).await {
            Ok(content) => Ok(Ok(content)),
            Err(BodyError::TooLong(_)) => not_taken(too_large("more".to_owned())),
            Err(BodyError::Broken(error)) => {
                Err(ReadRefusal::Unreadable { place: self.place.clone(), source: error.into() })
            }
        }
    }

    fn name_of(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }
}
