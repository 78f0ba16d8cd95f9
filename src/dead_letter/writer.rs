//! Dead letters on their way to their target, some megabytes at a time.

use std::time::Instant;

use bytes::Bytes;

use super::envelope::DataFingerprint;
use super::form::{self, KeyText, LetterForm};
use super::{Cutting, DeadLetter, DeadLetters, large};
use crate::event::{Batch, Event};
use crate::sink::{Delivery, DeliveryTiming, Output, SinkResponse};

/// Bytes of letters that are in memory at once, but for one that is larger by itself.
const CHUNK_BYTES: usize = 4 << 20;

/// What a letter takes besides its data and its key, in bytes: a reason is mostly shorter than this.
const ENVELOPE_BYTES: usize = 1 << 10;

/// Bytes of data from which on a letter is put together on another thread: others have theirs to do meanwhile.
const MUCH_DATA: usize = 64 << 10;

/// Writes letters in order, chunk after chunk, up to the first chunk in which one fails.
pub(super) async fn write(
    letters: &DeadLetters,
    batch: &Batch,
    all: &[DeadLetter<'_>],
    until: Option<Instant>,
) -> SinkResponse {
    let most_bytes = match letters.sink.hand_over() {
        DeliveryTiming::Promptly => CHUNK_BYTES,
        DeliveryTiming::Gathered { bytes } => bytes,
    };
    let mut answer = SinkResponse { deliveries: Vec::with_capacity(all.len()), ..SinkResponse::default() };
    let mut rest = all;
    while !rest.is_empty() {
        let (chunk, behind) = rest.split_at(chunk_length(rest, most_bytes));
        let failed = LetterChunk { letters, batch, chunk, until }.write(&mut answer).await;
        rest = behind;
        if failed {
            let not_sent =
                || Delivery::Failed { reason: "it was not sent, since an earlier letter was not taken".into() };
            answer.deliveries.resize_with(all.len(), not_sent);
            break;
        }
    }
    answer
}

/// Returns how many letters go together. It depends on their events alone, so that a replay hands over the same.
fn chunk_length(letters: &[DeadLetter<'_>], most_bytes: usize) -> usize {
    let mut bytes = 0_usize;
    let fits = |letter: &&DeadLetter<'_>| {
        let event = letter.event;
        let data_bytes = event.payload.bytes().len().div_ceil(3).saturating_mul(4);
        bytes = bytes.saturating_add(data_bytes + event.partition_key.len() + ENVELOPE_BYTES);
        bytes <= most_bytes
    };
    letters.iter().take_while(fits).count().max(1)
}

/// Letters that are handed over together.
struct LetterChunk<'a> {
    letters: &'a DeadLetters,
    batch: &'a Batch,
    chunk: &'a [DeadLetter<'a>],
    until: Option<Instant>,
}

/// A letter in a form that the target does not refuse beforehand.
struct PreparedLetter {
    /// Its place in the chunk.
    place: usize,
    form: LetterForm,
    bytes: Vec<u8>,
}

/// A form that the target refused.
struct RefusedForm {
    form: LetterForm,
    why: String,
}

impl LetterChunk<'_> {
    /// Writes them, adds a result for each, and returns whether one failed.
    async fn write(&self, answer: &mut SinkResponse) -> bool {
        let mut results: Vec<Option<Delivery>> = vec![None; self.chunk.len()];
        let mut pending = Vec::with_capacity(self.chunk.len());
        for (place, result) in results.iter_mut().enumerate() {
            match self.prepare(place, None).await {
                Ok(prepared) => pending.push(prepared),
                Err(failure) => {
                    *result = Some(failure);
                    break;
                }
            }
        }
        while !pending.is_empty() {
            let outputs: Vec<Output<'_>> =
                pending.iter().map(|prepared| self.output(prepared.place, &prepared.bytes)).collect();
            let said = self.letters.sink.deliver(&outputs, self.until).await;
            drop(outputs);
            answer.retries += said.retries;
            answer.lasting_error = said.lasting_error.or_else(|| answer.lasting_error.take());
            // What is behind a letter that takes another form goes again, in its order.
            let takes_another_form =
                said.deliveries.iter().any(|delivery| matches!(delivery, Delivery::Undeliverable { .. }));
            let held_back = if takes_another_form { said.held_back } else { Vec::new() };
            let mut deliveries = said.deliveries.into_iter();
            let mut again = Vec::new();
            for (at, PreparedLetter { place, form, bytes }) in std::mem::take(&mut pending).into_iter().enumerate() {
                if held_back.binary_search(&at).is_ok() {
                    deliveries.next();
                    again.push(PreparedLetter { place, form, bytes });
                    continue;
                }
                drop(bytes);
                results[place] = match deliveries.next() {
                    // The service takes less than its sink knows of, a stream's records for instance.
                    Some(Delivery::Undeliverable { reason: why }) => {
                        match self.prepare(place, Some(RefusedForm { form, why: why.to_string() })).await {
                            Ok(prepared) => {
                                again.push(prepared);
                                None
                            }
                            Err(failure) => Some(failure),
                        }
                    }
                    Some(Delivery::Delivered) => {
                        self.log_cut(self.chunk[place].event, form);
                        Some(Delivery::Delivered)
                    }
                    Some(failed @ Delivery::Failed { .. }) => Some(failed),
                    None => Some(Delivery::Failed { reason: "the target gave no answer for it".into() }),
                };
            }
            pending = again;
        }
        let not_sent = || Delivery::Failed { reason: "it was not sent, since an earlier letter was not taken".into() };
        let first = answer.deliveries.len();
        answer.deliveries.extend(results.into_iter().map(|result| result.unwrap_or_else(not_sent)));
        answer.deliveries[first..].iter().any(|delivery| *delivery != Delivery::Delivered)
    }

    /// Returns a letter in the first form, behind a refused one, that the target does not refuse.
    async fn prepare(&self, place: usize, refused: Option<RefusedForm>) -> Result<PreparedLetter, Delivery> {
        let Self { letters, batch, chunk, until } = *self;
        let letter = &chunk[place];
        let data = letter.event.payload.bytes();
        let (mut form, mut why) = match refused {
            None => (LetterForm::Whole, String::new()),
            Some(RefusedForm { form, why }) => (self.next_form(form, data.len(), &why)?, why),
        };
        let mut data = WorkData { borrowed: data, owned: None, fingerprint: None };
        loop {
            if until.is_some_and(|until| Instant::now() >= until) {
                return Err(Delivery::Failed { reason: "it was not sent before the deadline".into() });
            }
            let key = if matches!(form, LetterForm::Whole | LetterForm::Compressed) {
                KeyText::Whole
            } else {
                KeyText::Bounded
            };
            let head = form::head(batch, letter, &letters.transform, key);
            let bytes = match form {
                LetterForm::Whole => Some(data.work(move |data| form::whole(&head, data)).await?),
                LetterForm::Compressed => {
                    let whole_bytes = form::whole_bytes(&head, data.borrowed.len());
                    let packed = data.work(move |data| form::compressed(&head, data)).await?;
                    packed.ok().filter(|packed| packed.len() < whole_bytes)
                }
                LetterForm::Pointer => {
                    Some(form::pointer(&head, &self.store(place, &mut data).await?, data.fingerprint().await?))
                }
                LetterForm::Cut(front) => Some(form::cut(&head, &data.borrowed[..front], data.fingerprint().await?)),
            };
            if let Some(bytes) = bytes {
                match letters.sink.refuses(&self.output(place, &bytes)) {
                    None => return Ok(PreparedLetter { place, form, bytes }),
                    Some(reason) => why = reason,
                }
            }
            form = self.next_form(form, data.borrowed.len(), &why)?;
        }
    }

    /// Returns the form to try behind one that is refused.
    fn next_form(&self, form: LetterForm, data_bytes: usize, why: &str) -> Result<LetterForm, Delivery> {
        let undeliverable = |reason: String| Err(Delivery::Undeliverable { reason: reason.into() });
        let next = match form {
            LetterForm::Whole => Some(LetterForm::Compressed),
            LetterForm::Compressed if self.letters.large.is_some() => Some(LetterForm::Pointer),
            LetterForm::Compressed => match (LetterForm::first_cut(data_bytes), self.letters.cutting) {
                (Some(cut), Cutting::Allowed) => Some(cut),
                (None, _) => None,
                (Some(_), Cutting::Forbidden) => {
                    return undeliverable(not_cut("KINESIEVE_DEAD_LETTER_CUT=false, or redrive", why));
                }
                (Some(_), Cutting::NowhereElse) => return undeliverable(not_cut("no stream has it", why)),
            },
            LetterForm::Pointer => None,
            LetterForm::Cut(front) => LetterForm::cut_further(front),
        };
        next.map_or_else(|| undeliverable(why.to_owned()), Ok)
    }

    /// Writes a letter whole to where large ones go, and returns where it is.
    async fn store(&self, place: usize, data: &mut WorkData<'_>) -> Result<String, Delivery> {
        let Some(large) = &self.letters.large else {
            return Err(Delivery::Failed { reason: "there is no place for large letters".into() });
        };
        let letter = &self.chunk[place];
        let head = form::head(self.batch, letter, &self.letters.transform, KeyText::Whole);
        let sha256 = data.fingerprint().await?.sha256.clone();
        let bytes = data.work(move |data| form::whole(&head, data)).await?;
        let output = self.output(place, &bytes);
        let name = large::name(&output, letter.event, &sha256);
        match large.store(&name, output, self.until).await {
            Delivery::Delivered => Ok(large.address(&name)),
            Delivery::Failed { reason } | Delivery::Undeliverable { reason } => {
                // The target itself would take the pointer: it is worth another try.
                Err(Delivery::Failed { reason: format!("KINESIEVE_DEAD_LETTER_LARGE: {reason}").into() })
            }
        }
    }

    fn output<'a>(&'a self, place: usize, letter: &'a [u8]) -> Output<'a> {
        let event = self.chunk[place].event;
        Output { data: letter, partition_key: key(event), ..Output::as_it_came(self.batch.shard(), event) }
    }

    /// Position and sizes, never the payload.
    fn log_cut(&self, event: Event<'_>, form: LetterForm) {
        if let LetterForm::Cut(front) = form {
            tracing::warn!(
                shard_id = self.batch.shard_id(),
                sequence_number = event.sequence_number.as_str(),
                "its dead letter holds {front} of {} bytes, since the target takes no more: the record is whole in the \
                 stream until its retention ends; KINESIEVE_DEAD_LETTER_LARGE keeps letters whole",
                event.payload.bytes().len(),
            );
        }
    }
}

/// Why a letter that its target refuses is not cut, and what to do.
fn not_cut(because: &str, why: &str) -> String {
    format!(
        "its target does not take it whole, and it is not cut ({because}): set KINESIEVE_DEAD_LETTER_LARGE to an S3 \
         prefix; the target: {why}"
    )
}

/// The data of a letter. Where there is much of it, what takes a while is done on another thread, which has to own it.
struct WorkData<'a> {
    borrowed: &'a [u8],
    owned: Option<Bytes>,
    fingerprint: Option<DataFingerprint>,
}

impl WorkData<'_> {
    async fn fingerprint(&mut self) -> Result<&DataFingerprint, Delivery> {
        let fingerprint = match self.fingerprint.take() {
            Some(fingerprint) => fingerprint,
            None => self.work(DataFingerprint::of).await?,
        };
        Ok(self.fingerprint.insert(fingerprint))
    }

    async fn work<T: Send + 'static>(&mut self, work: impl FnOnce(&[u8]) -> T + Send + 'static) -> Result<T, Delivery> {
        if self.borrowed.len() < MUCH_DATA {
            return Ok(work(self.borrowed));
        }
        let owned = self.owned.get_or_insert_with(|| Bytes::copy_from_slice(self.borrowed)).clone();
        tokio::task::spawn_blocking(move || work(&owned))
            .await
            .map_err(|error| Delivery::Failed { reason: format!("it could not be put together: {error}").into() })
    }
}

/// The key to deliver under. A record that can't be decoded may have lost its own, a user record of an aggregate may
/// have one that is too long, and a stream takes no record without one; its position will do.
fn key(event: Event<'_>) -> &str {
    let is_key = !event.partition_key.is_empty() && event.partition_key.chars().nth(form::KEY_CHARACTERS).is_none();
    if is_key { event.partition_key } else { event.sequence_number.as_str() }
}

#[cfg(test)]
mod tests;
