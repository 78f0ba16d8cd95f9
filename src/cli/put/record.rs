//! From a line to a record: its data and its key.

use std::borrow::Cow;

use clap::ValueEnum;
use serde::Deserialize;

use super::hash_key::HashKeyChoice;
use super::key::{self, KeyChoice};
use crate::event::{Batch, Event, SequenceNumber};

/// How the input holds its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum InputFormat {
    /// Told by the first line
    Auto,
    /// Each line is the data of a record, whatever it is
    Lines,
    /// Each line is an output of kinesieve: {"partitionKey":"...","data":"..."}, or "dataBase64"
    Outputs,
}

/// A record that is ready to be put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PutRecord<'a> {
    /// The line that it was made of, counted from 1.
    pub(super) line: u64,
    /// The sequence number, as a batch has it.
    pub(super) sequence_number: SequenceNumber<'a>,
    pub(super) partition_key: Cow<'a, str>,
    /// None: the hash of the partition key decides the shard.
    pub(super) explicit_hash_key: Option<u128>,
    pub(super) data: Cow<'a, [u8]>,
}

impl PutRecord<'_> {
    /// What it counts in a request; an explicit hash key counts nothing.
    pub(super) fn bytes(&self) -> usize {
        self.data.len() + self.partition_key.len()
    }
}

/// Makes records of lines.
#[derive(Debug)]
pub(super) struct LineReader {
    format: InputFormat,
    /// Whether the format was told by the first line.
    was_told: bool,
    /// None: an output has its own, and any other line gets a random one.
    key: Option<KeyChoice>,
    hash_key: Option<HashKeyChoice>,
    /// Lines before this one are passed over.
    from_line: u64,
}

/// An output as `kinesieve run` writes it, and nothing else.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only whether it has these fields is of interest")]
struct WrittenOutput<'a> {
    #[serde(borrow)]
    partition_key: Cow<'a, str>,
    #[serde(borrow)]
    data: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data_base64: Option<Cow<'a, str>>,
    #[serde(borrow)]
    route: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sequence_number: Cow<'a, str>,
    sub_sequence_number: u64,
}

/// What of an output is put.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OutputLine<'a> {
    #[serde(borrow)]
    partition_key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data_base64: Option<Cow<'a, str>>,
}

/// The key that a line has of its own, and its data.
type KeyAndData<'a> = (Option<Cow<'a, str>>, Cow<'a, [u8]>);

impl LineReader {
    pub(super) fn new(
        format: InputFormat,
        key: Option<KeyChoice>,
        hash_key: Option<HashKeyChoice>,
        from_line: u64,
    ) -> Self {
        Self { format, was_told: false, key, hash_key, from_line }
    }

    /// Looks at the first line of the input, before any is read: it tells the format, where nobody said it.
    ///
    /// # Errors
    /// What the input is instead of lines of text.
    pub(super) fn look_at(&mut self, first_line: &[u8]) -> Result<(), String> {
        if self.format != InputFormat::Auto {
            return Ok(());
        }
        let line = without_mark(first_line);
        if line.starts_with(&[0x1f, 0x8b]) {
            return Err("it is compressed with gzip: `gunzip -c FILE | kinesieve put ...` puts its lines".to_owned());
        }
        if line.contains(&0) {
            return Err(
                "it is binary, and not lines of text; --input-format lines puts its lines all the same".to_owned()
            );
        }
        let text = line.trim_ascii();
        let is_cut = |error: serde_json::Error| error.is_eof();
        // A line of a log may start with a bracket; one that ends where JSON has to go on is no line of a log.
        if text.starts_with(b"{") && serde_json::from_slice::<serde::de::IgnoredAny>(text).is_err_and(is_cut)
            || text == b"["
        {
            return Err(
                "it is JSON over several lines, and each line would be a record: `jq -c .` makes a line of an \
                        object, `jq -c '.[]'` lines of an array; --input-format lines puts its lines all the same"
                    .to_owned(),
            );
        }
        let is_output = serde_json::from_slice::<WrittenOutput<'_>>(text)
            .is_ok_and(|output| output.data.is_some() != output.data_base64.is_some());
        self.format = if is_output { InputFormat::Outputs } else { InputFormat::Lines };
        self.was_told = true;
        Ok(())
    }

    /// The records that are asked for, up to the first line that is none, with why it is.
    pub(super) fn records<'a>(&'a self, batches: &'a [Batch]) -> (Vec<PutRecord<'a>>, Option<(u64, String)>) {
        let mut records = Vec::with_capacity(batches.iter().map(Batch::len).sum());
        for event in batches.iter().flat_map(Batch::iter) {
            // The source numbers lines, and nothing else.
            let line = event.sequence_number.as_str().parse().unwrap_or(0);
            if line < self.from_line {
                continue;
            }
            match self.read(line, event) {
                Ok(record) => records.push(record),
                Err(reason) => return (records, Some((line, reason))),
            }
        }
        (records, None)
    }

    /// Makes a record of a line.
    ///
    /// # Errors
    /// Why it is none. The message holds nothing of the line.
    fn read<'a>(&'a self, line: u64, event: Event<'a>) -> Result<PutRecord<'a>, String> {
        let text = event.payload.bytes();
        let text =
            if line == 1 && (self.was_told || self.format == InputFormat::Outputs) { without_mark(text) } else { text };
        let (own_key, data) = match self.format {
            InputFormat::Auto | InputFormat::Lines => (None, Cow::Borrowed(text)),
            InputFormat::Outputs => self.output(text)?,
        };
        let partition_key = match (&self.key, own_key) {
            (Some(key), _) => key.of(&data)?,
            (None, Some(own)) => key::checked(own).map_err(|wrong| format!("its partitionKey is {wrong}"))?,
            (None, None) => KeyChoice::Random.of(&data)?.into_owned().into(),
        };
        let explicit_hash_key = self.hash_key.as_ref().map(|choice| choice.of(&data)).transpose()?;
        Ok(PutRecord { line, sequence_number: event.sequence_number, partition_key, explicit_hash_key, data })
    }

    /// The key, unless another is asked for, and the data of an output.
    fn output<'a>(&self, text: &'a [u8]) -> Result<KeyAndData<'a>, String> {
        const FORM: &str = "{\"partitionKey\":\"...\",\"data\":\"...\"}, or \"dataBase64\"";
        let refusal = |wrong: &str| match self.was_told {
            true => format!(
                "{wrong}: as the first line is an output of kinesieve, each has to be ({FORM}); --input-format lines \
                 puts every line as it is"
            ),
            false => format!("{wrong}: an output is {FORM}"),
        };
        let output: OutputLine<'a> = serde_json::from_slice(text)
            .map_err(|error| refusal(&format!("it is no such object (column {})", error.column())))?;
        if output.partition_key.is_none() && self.key.is_none() {
            return Err(refusal("it has no partitionKey"));
        }
        let data = match (output.data, output.data_base64) {
            (Some(Cow::Borrowed(data)), None) => Cow::Borrowed(data.as_bytes()),
            (Some(Cow::Owned(data)), None) => Cow::Owned(data.into_bytes()),
            (None, Some(base64)) => base64_simd::STANDARD
                .decode_to_vec(base64.as_bytes())
                .map_err(|_| refusal("its dataBase64 is no base64"))?
                .into(),
            (None, None) => return Err(refusal("it has no data")),
            (Some(_), Some(_)) => return Err(refusal("it has both data and dataBase64")),
        };
        Ok((output.partition_key, data))
    }
}

/// A line without the mark of the byte order that some editors begin a file with.
fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Record as BatchRecord;

    const OUTPUT: &str =
        r#"{"partitionKey":"k","data":"a\nb","route":null,"sequenceNumber":"7","subSequenceNumber":0}"#;

    /// Keys and data of the lines, or what is wrong with the first that is none.
    fn read(format: InputFormat, key: Option<&str>, lines: &[&[u8]]) -> Result<Vec<(String, Vec<u8>)>, String> {
        let mut reader = LineReader::new(format, key.map(|key| key.parse().expect("a key")), None, 1);
        let mut batch = Batch::builder("arn", "shard");
        for (number, line) in (1..).zip(lines) {
            let number = format!("{number}");
            let record =
                BatchRecord { partition_key: "", sequence_number: &number, sub_sequence_number: 0, arrived_at: 0 };
            batch.push_bytes(record, line).expect("a number");
        }
        let batch = batch.build();
        reader.look_at(lines[0])?;
        match reader.records(&[batch]) {
            (_, Some((_, reason))) => Err(reason),
            (records, None) => {
                let pair = |record: PutRecord<'_>| (record.partition_key.into_owned(), record.data.into_owned());
                Ok(records.into_iter().map(pair).collect())
            }
        }
    }

    fn pairs(pairs: &[(&str, &str)]) -> Result<Vec<(String, Vec<u8>)>, String> {
        Ok(pairs.iter().map(|(key, data)| ((*key).to_owned(), data.as_bytes().to_vec())).collect())
    }

    #[test]
    fn outputs_are_told_by_their_first_line_and_keep_their_keys() {
        let base64 = br#"{"partitionKey":"b","dataBase64":"/wA="}"#;
        let expected = vec![("k".to_owned(), b"a\nb".to_vec()), ("b".to_owned(), vec![0xff, 0])];
        assert_eq!(read(InputFormat::Auto, None, &[OUTPUT.as_bytes(), base64]), Ok(expected.clone()));
        let marked = format!("\u{feff}{OUTPUT}");
        assert_eq!(read(InputFormat::Auto, None, &[marked.as_bytes(), base64]), Ok(expected));
        assert_eq!(
            read(InputFormat::Outputs, None, &[br#"{"partitionKey":"k","data":"x","more":1}"#]),
            pairs(&[("k", "x")])
        );
        let keyed = br#"{"data":"{\"id\":7}"}"#;
        assert_eq!(read(InputFormat::Outputs, Some("/id"), &[keyed]), pairs(&[("7", "{\"id\":7}")]));
        assert_eq!(read(InputFormat::Lines, Some("/partitionKey"), &[OUTPUT.as_bytes()]), pairs(&[("k", OUTPUT)]));
    }

    /// Data of somebody's own that looks similar stays as it is.
    #[test]
    fn everything_else_is_lines() {
        for line in [
            "plain",
            "[1,2]",
            "[2026-11-21] started",
            "{not json}",
            r#"{"partitionKey":"k","data":"x"}"#,
            r#"{"partitionKey":"k","route":null,"sequenceNumber":"7","subSequenceNumber":0}"#,
            r#"{"partitionKey":"k","data":"x","route":null,"sequenceNumber":"7","subSequenceNumber":0,"mine":1}"#,
        ] {
            let records = read(InputFormat::Auto, None, &[line.as_bytes()]).expect(line);
            assert_eq!(records[0].1, line.as_bytes());
        }
        assert_eq!(
            read(InputFormat::Auto, Some("/a"), &["\u{feff}{\"a\":1}".as_bytes()]),
            pairs(&[("1", "{\"a\":1}")])
        );
    }

    #[test]
    fn an_input_that_is_no_lines_of_text_is_said_unless_it_is_asked_for() {
        for (line, wrong) in [
            (&b"\x1f\x8b\x08\x00"[..], "gunzip"),
            (b"\x00\x01", "binary"),
            (b"{", "jq -c ."),
            (b" {\"a\": [", "jq -c ."),
            (b"[", "jq -c '.[]'"),
        ] {
            let message = read(InputFormat::Auto, None, &[line]).expect_err("no text");
            assert!(message.contains(wrong), "{message}");
            assert_eq!(read(InputFormat::Lines, None, &[line]).expect("a line")[0].1, line);
        }
    }

    #[test]
    fn an_output_that_is_none_is_said() {
        for (line, wrong) in [
            ("hunter2", "it is no such object (column 1)"),
            (r#"{"data":"hunter2"}"#, "it has no partitionKey: as the first line is an output"),
            (r#"{"partitionKey":"k"}"#, "it has no data"),
            (r#"{"partitionKey":"k","data":"hunter2","dataBase64":""}"#, "it has both"),
            (r#"{"partitionKey":"k","dataBase64":"hunter2"}"#, "its dataBase64 is no base64"),
            (r#"{"partitionKey":"","data":""}"#, "its partitionKey is a partition key of 0 characters"),
        ] {
            let message = read(InputFormat::Auto, None, &[OUTPUT.as_bytes(), line.as_bytes()]).expect_err(line);
            assert!(message.contains(wrong) && !message.contains("hunter2"), "{message}");
        }
    }
}
