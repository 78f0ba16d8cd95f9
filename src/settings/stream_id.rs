//! How a stream is written in the checkpoint table.

use std::fmt;
use std::str::FromStr;

use crate::aws::{Arn, StreamName};

/// Of a key of DynamoDB, in bytes.
const MOST_BYTES: usize = 2048;

/// How a stream is written in the table: as the other consumers that share the table write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamIdForm {
    /// By its name.
    Name,
    /// By its ARN.
    Arn,
    /// These by a text each, and others by their name.
    Aliases(Vec<StreamAlias>),
}

/// A stream, and the text that stands for it in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamAlias {
    stream: StreamName,
    text: String,
}

impl StreamIdForm {
    /// Returns how the stream of an ARN is written.
    pub fn of<'a>(&'a self, stream_arn: &'a str) -> &'a str {
        let name = || stream_arn.rsplit_once('/').map_or(stream_arn, |(_, name)| name);
        match self {
            StreamIdForm::Name => name(),
            StreamIdForm::Arn => stream_arn,
            StreamIdForm::Aliases(aliases) => {
                let arn: Option<Arn> = stream_arn.parse().ok();
                let is_of = |alias: &&StreamAlias| arn.as_ref().is_some_and(|arn| alias.stream.is_that_of(arn));
                aliases.iter().find(is_of).map_or_else(name, |alias| &alias.text)
            }
        }
    }

    /// Returns the stream that is written so, as requests can name it: what stands in the table, but for an alias.
    pub fn stream_of(&self, stream_id: &str) -> String {
        self.aliases()
            .find(|alias| alias.text == stream_id)
            .map_or(stream_id.to_owned(), |alias| alias.stream.to_string())
    }

    /// Returns how a stream that a person names is written: as it is named, but for one with an alias.
    pub fn written(&self, stream: &str) -> String {
        let alias = self.aliases().find(|alias| alias.stream.to_string() == stream || alias.stream.name() == stream);
        alias.map_or(stream.to_owned(), |alias| alias.text.clone())
    }

    fn aliases(&self) -> impl Iterator<Item = &StreamAlias> {
        let aliases: &[StreamAlias] = match self {
            StreamIdForm::Aliases(aliases) => aliases,
            StreamIdForm::Name | StreamIdForm::Arn => &[],
        };
        aliases.iter()
    }
}

impl FromStr for StreamIdForm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "name" => return Ok(StreamIdForm::Name),
            "arn" => return Ok(StreamIdForm::Arn),
            _ => {}
        }
        let mut aliases: Vec<StreamAlias> = Vec::new();
        for part in text.split(',').map(str::trim) {
            let alias: StreamAlias = part.parse()?;
            if aliases.iter().any(|known| known.text == alias.text) {
                return Err(format!(
                    "{:?} stands for two streams, whose rows would replace each other: give each a text of its own",
                    alias.text
                ));
            }
            if aliases.iter().any(|known| known.stream == alias.stream) {
                return Err(format!("{} has two texts: give it one", alias.stream));
            }
            aliases.push(alias);
        }
        Ok(StreamIdForm::Aliases(aliases))
    }
}

impl FromStr for StreamAlias {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refusal = |reason: &str| {
            format!(
                "{text:?} is no form of a stream in the table: {reason}; use name, arn, or STREAM=TEXT for a text of your own, as \
                 in readings=arn:aws:kinesis:*:111122223333:stream/readings"
            )
        };
        let (stream, written) = text.split_once('=').ok_or_else(|| refusal("it is neither name nor arn"))?;
        let stream = stream.trim().parse().map_err(|error: crate::aws::InvalidStreamName| refusal(error.reason))?;
        let written = written.trim();
        if written.is_empty() || written.len() > MOST_BYTES || written.contains(char::is_control) {
            return Err(refusal("the text has 1 to 2048 bytes, without control characters"));
        }
        Ok(Self { stream, text: written.to_owned() })
    }
}

impl fmt::Display for StreamIdForm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StreamIdForm::Name => formatter.write_str("name"),
            StreamIdForm::Arn => formatter.write_str("arn"),
            StreamIdForm::Aliases(aliases) => {
                for (place, StreamAlias { stream, text }) in aliases.iter().enumerate() {
                    let comma = if place == 0 { "" } else { "," };
                    write!(formatter, "{comma}{stream}={text}")?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READINGS: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/readings";
    const ORDERS: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/orders";

    #[test]
    fn a_stream_is_written_by_name_by_arn_or_by_a_text() {
        for (text, of_readings, of_orders) in [
            ("name", "readings", "orders"),
            ("arn", READINGS, ORDERS),
            ("readings=mine", "mine", "orders"),
            ("arn:aws:kinesis:*:123456789012:stream/readings=mine", "mine", "orders"),
            ("arn:aws:kinesis:eu-west-1:210987654321:stream/readings=mine", "readings", "orders"),
            (
                "readings=arn:aws:kinesis:*:123456789012:stream/readings,orders=a=b c",
                "arn:aws:kinesis:*:123456789012:stream/readings",
                "a=b c",
            ),
        ] {
            let form: StreamIdForm = text.parse().expect(text);
            assert_eq!((form.of(READINGS), form.of(ORDERS)), (of_readings, of_orders), "{text}");
            assert_eq!(form.to_string(), text);
        }
    }

    #[test]
    fn a_text_leads_back_to_its_stream() {
        let form: StreamIdForm = "readings=mine".parse().expect("an alias");
        assert_eq!((form.stream_of("mine"), form.stream_of("orders")), ("readings".to_owned(), "orders".to_owned()));
        assert_eq!((form.written("readings"), form.written("orders")), ("mine".to_owned(), "orders".to_owned()));
        assert_eq!(form.written("mine"), "mine");
        assert_eq!(StreamIdForm::Arn.written(READINGS), READINGS);
    }

    #[test]
    fn what_is_no_form_is_refused_with_what_would_be() {
        for (text, reason) in [
            ("", "neither name nor arn"),
            ("id", "use name, arn, or STREAM=TEXT"),
            ("Name", "use name, arn"),
            ("readings=", "1 to 2048 bytes"),
            ("=mine", "a name has 1 to 128"),
            ("a b=mine", "a name has 1 to 128"),
            ("readings=a\tb", "control characters"),
            ("readings=mine,orders=mine", "stands for two streams"),
            ("readings=mine,readings=yours", "has two texts"),
            ("readings=mine,", "neither name nor arn"),
        ] {
            let message = text.parse::<StreamIdForm>().expect_err(text);
            assert!(message.contains(reason), "{text}: {message}");
        }
        assert!(format!("readings={}", "x".repeat(2049)).parse::<StreamIdForm>().is_err());
    }
}
