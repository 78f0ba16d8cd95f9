//! Streams for a person: a line each, and what some of them did not say.

use std::collections::BTreeMap;
use std::fmt;

use anstyle::Style;

use crate::cli::foreign::{one_line, plain};
use crate::source::live::{Refusal, StreamProfile};

const HEADING: Style = Style::new().bold();

/// Stands for what a stream does not say.
const UNKNOWN: &str = "-";

/// All streams, a line each.
pub(super) struct Listing<'a> {
    pub(super) streams: &'a [StreamProfile],
}

impl fmt::Display for Listing<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles = ["stream", "mode", "open shards", "retention", "encryption", "consumers"].map(str::to_owned);
        let cells: Vec<[String; 6]> = self.streams.iter().map(cells).collect();
        let width = |column: usize| {
            let rows = std::iter::once(&titles).chain(&cells);
            rows.map(|row| row[column].chars().count()).max().unwrap_or_default()
        };
        let widths: [usize; 6] = std::array::from_fn(width);
        let line = |row: &[String; 6]| {
            let padded = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        writeln!(formatter, "{HEADING}{}{HEADING:#}", line(&titles))?;
        cells.iter().try_for_each(|row| writeln!(formatter, "{}", line(row)))
    }
}

fn cells(stream: &StreamProfile) -> [String; 6] {
    let unknown = || UNKNOWN.to_owned();
    let details = stream.details.as_ref().ok();
    let consumers = match &stream.consumers {
        Err(_) => unknown(),
        Ok(names) if names.is_empty() => "none".to_owned(),
        Ok(names) => plain(&names.join(", ")),
    };
    // A stream that is being made or deleted has no shards to read.
    let name = match details {
        Some(details) if details.status != "ACTIVE" => {
            format!("{} ({})", plain(&stream.name), plain(&details.status.to_lowercase()))
        }
        _ => plain(&stream.name),
    };
    [
        name,
        stream.mode.map_or_else(unknown, |mode| mode.as_str().to_owned()),
        details.map_or_else(unknown, |details| details.open_shards.to_string()),
        details.map_or_else(unknown, |details| retention(details.retention_hours)),
        details.map_or_else(unknown, |details| details.key.as_deref().map_or_else(|| "none".to_owned(), plain)),
        consumers,
    ]
}

/// Days, where it is whole ones.
fn retention(hours: u32) -> String {
    match hours {
        24 => "1 day".to_owned(),
        hours if hours.is_multiple_of(24) => format!("{} days", hours / 24),
        hours => format!("{hours} hours"),
    }
}

/// What streams did not say, by what they were asked.
pub(super) struct Refusals<'a> {
    /// The first stream with its reason, and how many there are.
    by_action: BTreeMap<&'static str, (&'a str, &'a Refusal, usize)>,
}

impl<'a> Refusals<'a> {
    pub(super) fn of(streams: &'a [StreamProfile]) -> Self {
        let mut by_action = BTreeMap::new();
        for stream in streams {
            let refusals = [stream.details.as_ref().err(), stream.consumers.as_ref().err()];
            for refusal in refusals.into_iter().flatten() {
                by_action.entry(refusal.action).or_insert((stream.name.as_str(), refusal, 0)).2 += 1;
            }
        }
        Self { by_action }
    }

    /// A line for each action.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        self.by_action.iter().map(|(action, (stream, refusal, count))| {
            let more = match count - 1 {
                0 => String::new(),
                1 => " and 1 more stream".to_owned(),
                more => format!(" and {more} more streams"),
            };
            let remedy = if refusal.is_denied { "; allow it on arn:aws:kinesis:REGION:ACCOUNT:stream/*" } else { "" };
            let (stream, reason) = (one_line(stream), one_line(&refusal.reason));
            format!("{action} is refused for {stream}{more}, so {UNKNOWN} stands there: {reason}{remedy}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::live::{CapacityMode, StreamDetails};

    #[test]
    fn a_person_sees_a_line_for_each_stream_and_what_is_missing() {
        let details = |hours: u32, key: Option<&str>, status: &str| StreamDetails {
            status: status.to_owned(),
            open_shards: 4,
            retention_hours: hours,
            key: key.map(str::to_owned),
        };
        let stream = |name: &str, details, consumers: Result<Vec<String>, Refusal>| StreamProfile {
            name: name.to_owned(),
            arn: None,
            mode: Some(CapacityMode::OnDemand),
            details,
            consumers,
        };
        let denied = |action| Refusal { action, reason: "AccessDeniedException: no".to_owned(), is_denied: true };
        let streams = [
            stream("readings", Ok(details(24, None, "ACTIVE")), Ok(vec![])),
            stream(
                "orders",
                Ok(details(8760, Some("alias/aws/kinesis"), "ACTIVE")),
                Ok(vec!["a".to_owned(), "b".to_owned()]),
            ),
            stream("new", Ok(details(30, None, "CREATING")), Err(denied("kinesis:ListStreamConsumers"))),
            stream("hidden", Err(denied("kinesis:DescribeStreamSummary")), Err(denied("kinesis:ListStreamConsumers"))),
        ];
        let text = anstream::adapter::strip_str(&Listing { streams: &streams }.to_string()).to_string();
        let expected = "\
stream          mode       open shards  retention  encryption         consumers
readings        on-demand  4            1 day      none               none
orders          on-demand  4            365 days   alias/aws/kinesis  a, b
new (creating)  on-demand  4            30 hours   none               -
hidden          on-demand  -            -          -                  -
";
        assert_eq!(text, expected);
        let lines: Vec<String> = Refusals::of(&streams).lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("kinesis:DescribeStreamSummary is refused for hidden, so"), "{lines:?}");
        assert!(
            lines[1].starts_with("kinesis:ListStreamConsumers is refused for new and 1 more stream, so"),
            "{lines:?}"
        );
        assert!(lines.iter().all(|line| line.contains("AccessDeniedException: no; allow it on arn:")), "{lines:?}");
    }
}
