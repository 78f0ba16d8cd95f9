//! One payload after the other, decoded.

use std::ops::Range;

use super::DecodeOther;
use super::parts::RecordParts;
use super::record::Unpacker;
use crate::event::batch::{PayloadError, RecordSpan};
use crate::event::cloudwatch_logs::{self, LogOrigin, MessageContents, MessageError};
use crate::event::decoding::{DecodeError, DecodeStep, EVENT_BYTES, RecordAllowance};
use crate::event::lines;

/// Where a payload lies after its wrappings were taken off.
enum Unwrapped {
    /// Where it lay: there was nothing to take off.
    Unchanged,
    /// In [`Unpacker::payload`].
    Aside,
    /// At the end of the batch.
    InBatch(Range<usize>),
}

impl Unpacker {
    /// Takes in a payload that is in no aggregate any more.
    pub(super) fn decode(&mut self, slot: RecordSpan, allowance: &mut RecordAllowance, parts: &mut RecordParts) {
        let payload = &self.batch.payloads[slot.payload.clone()];
        if !self.how.is_encoded(payload) {
            return parts.push(&mut self.batch, slot);
        }
        self.payload.clear();
        self.payload.extend_from_slice(payload);
        let end_before = self.batch.payloads.len();
        let decoded = match self.how.decode.splitting() {
            Some(DecodeStep::CloudWatchLogs) => self.message(&slot, LogOrigin::Short, allowance, parts),
            Some(DecodeStep::CloudWatchLogsFull) => self.message(&slot, LogOrigin::Full, allowance, parts),
            Some(_) => self.lines(&slot, allowance, parts),
            None => self.unwrapped(&slot, allowance).map(|payload| {
                parts.push(&mut self.batch, RecordSpan { payload, ..slot.clone() });
            }),
        };
        if let Err(error) = decoded {
            self.batch.payloads.truncate(end_before);
            parts.push_undecodable(&mut self.batch, slot, PayloadError::Payload, error.to_string());
        }
    }

    /// Takes the wrappings off the payload at hand, and returns where in the batch what was in them lies.
    fn unwrapped(&mut self, slot: &RecordSpan, allowance: &mut RecordAllowance) -> Result<Range<usize>, DecodeError> {
        match self.unwrap(true, allowance)? {
            Unwrapped::InBatch(place) => Ok(place),
            Unwrapped::Unchanged => Ok(slot.payload.clone()),
            Unwrapped::Aside => self.take_payload_in(allowance),
        }
    }

    /// Takes the wrappings off the payload at hand, one after the other. What the last one makes of it goes to the end of
    /// the batch, if that is wanted.
    fn unwrap(&mut self, is_last_in_batch: bool, allowance: &mut RecordAllowance) -> Result<Unwrapped, DecodeError> {
        let mut unwrapped = Unwrapped::Unchanged;
        let mut steps = self.how.decode.wrappings().peekable();
        while let Some(step) = steps.next() {
            let is_last = is_last_in_batch && steps.peek().is_none();
            let start = self.batch.payloads.len();
            let decoded = if is_last {
                self.decoder.decode(step, &self.payload, &mut allowance.events, &mut self.batch.payloads)
            } else {
                self.text.clear();
                self.decoder.decode(step, &self.payload, &mut allowance.steps, &mut self.text)
            };
            match decoded {
                Ok(()) if is_last => return Ok(Unwrapped::InBatch(start..self.batch.payloads.len())),
                Ok(()) => {
                    std::mem::swap(&mut self.payload, &mut self.text);
                    unwrapped = Unwrapped::Aside;
                }
                Err(DecodeError::Not(_)) if step == DecodeStep::Auto || self.how.other == DecodeOther::Pass => {}
                Err(error) => return Err(error),
            }
        }
        Ok(unwrapped)
    }

    /// Appends the payload at hand to the batch, and returns where it lies there.
    fn take_payload_in(&mut self, allowance: &mut RecordAllowance) -> Result<Range<usize>, DecodeError> {
        allowance.events.take(self.payload.len())?;
        let start = self.batch.payloads.len();
        self.batch.payloads.extend_from_slice(&self.payload);
        Ok(start..self.batch.payloads.len())
    }

    /// Takes in each line of the payload at hand. None is copied: they lie behind each other in the batch.
    fn lines(
        &mut self,
        slot: &RecordSpan,
        allowance: &mut RecordAllowance,
        parts: &mut RecordParts,
    ) -> Result<(), DecodeError> {
        let end_before = self.batch.payloads.len();
        let place = self.unwrapped(slot, allowance)?;
        let count = lines::count(&self.batch.payloads[place.clone()]);
        if count == 0 {
            self.batch.payloads.truncate(end_before);
            parts.push_undecodable(&mut self.batch, slot.clone(), PayloadError::Nothing, "a payload without a line");
            return Ok(());
        }
        allowance.events.take(count.saturating_mul(EVENT_BYTES))?;
        self.batch.slots.reserve(count);
        let mut from = 0;
        while let Some((line, behind)) = lines::next_line(&self.batch.payloads[place.clone()], from) {
            from = behind;
            let payload = place.start + line.start..place.start + line.end;
            parts.push(&mut self.batch, RecordSpan { payload, ..slot.clone() });
        }
        Ok(())
    }

    /// Takes in each log event of a message of CloudWatch Logs. They come compressed; Firehose and others may have
    /// unpacked them on the way.
    fn message(
        &mut self,
        slot: &RecordSpan,
        origin: LogOrigin,
        allowance: &mut RecordAllowance,
        parts: &mut RecordParts,
    ) -> Result<(), DecodeError> {
        let unwrapped = self.unwrap(false, allowance)?;
        self.text.clear();
        let text = match self.decoder.decode(DecodeStep::Auto, &self.payload, &mut allowance.events, &mut self.text) {
            Ok(()) => &self.text,
            Err(DecodeError::Not(_)) => &self.payload,
            Err(error) => return Err(error),
        };
        match cloudwatch_logs::read(text, origin, &mut allowance.events) {
            Err(MessageError::None(_)) if self.how.other == DecodeOther::Pass => {
                let payload = match unwrapped {
                    Unwrapped::Aside => self.take_payload_in(allowance)?,
                    Unwrapped::Unchanged | Unwrapped::InBatch(_) => slot.payload.clone(),
                };
                parts.push(&mut self.batch, RecordSpan { payload, ..slot.clone() });
            }
            Err(reason) => {
                let reason = reason.to_string();
                parts.push_undecodable(&mut self.batch, slot.clone(), PayloadError::Payload, reason);
            }
            Ok(MessageContents::Nothing(what)) => {
                parts.push_undecodable(&mut self.batch, slot.clone(), PayloadError::Nothing, what);
            }
            Ok(MessageContents::Events(events)) => {
                self.batch.slots.reserve(events.len());
                for event in events.iter() {
                    let start = self.batch.payloads.len();
                    let written = event.write(&mut self.batch.payloads);
                    if written.is_err() {
                        self.batch.payloads.extend_from_slice(event.text().as_bytes());
                    }
                    let own = RecordSpan { payload: start..self.batch.payloads.len(), ..slot.clone() };
                    match written {
                        Ok(()) => parts.push(&mut self.batch, own),
                        Err(reason) => parts.push_undecodable(&mut self.batch, own, PayloadError::Payload, reason),
                    }
                }
            }
        }
        Ok(())
    }
}
