//! The shards for a person: a line each, and one below for whatever needs attention.

use std::fmt;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use time::OffsetDateTime;

use super::ShardStatus;
use super::survey::Survey;
use crate::cli::foreign::plain;
use crate::source::Lag;

const HEADING: Style = Style::new().bold();
const ALARM: Style = AnsiColor::Red.on_default().bold();
const CARE: Style = AnsiColor::Yellow.on_default();

/// Streams that do not list their shards, and are named.
pub(super) const MOST_REFUSALS: usize = 10;

/// All shards, by stream.
pub(super) struct Listing<'a> {
    pub(super) survey: &'a Survey,
    pub(super) now: OffsetDateTime,
    pub(super) table: &'a str,
}

impl fmt::Display for Listing<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.survey.shards.is_empty() {
            writeln!(
                formatter,
                "no shard has a row in {}: the function writes one with its first batch. With --stream, name the stream \
                 as the table has it (KINESIEVE_CHECKPOINT_STREAM_ID)",
                self.table
            )?;
        }
        let streams = self.survey.shards.chunk_by(|left, right| left.row.stream_id == right.row.stream_id);
        for (index, stream) in streams.enumerate() {
            if index > 0 {
                writeln!(formatter)?;
            }
            self.stream(stream, formatter)?;
        }
        for (stream, refusal) in self.survey.unlisted.iter().take(MOST_REFUSALS) {
            let (stream, refusal) = (plain(stream), plain(refusal));
            writeln!(
                formatter,
                "{CARE}the stream {stream} does not say which shards it has{CARE:#}, so those without a row are not shown: \
                 {refusal}"
            )?;
        }
        match self.survey.unlisted.len().saturating_sub(MOST_REFUSALS) {
            0 => Ok(()),
            more => writeln!(formatter, "and so do not {more} other streams"),
        }
    }
}

impl Listing<'_> {
    fn stream(&self, shards: &[ShardStatus], formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells: Vec<[String; 4]> = shards.iter().map(|shard| self.cells(shard)).collect();
        let titles = [plain(&shards[0].row.stream_id), "acknowledged up to".into(), "behind".into(), "written".into()];
        let width = |column: usize| {
            std::iter::once(&titles).chain(&cells).map(|row| row[column].chars().count()).max().unwrap_or_default()
        };
        let widths = [width(0), width(1), width(2)];
        let line = |[first, second, third, fourth]: &[String; 4]| {
            format!("{first:0$}  {second:1$}  {third:2$}  {fourth}", widths[0], widths[1], widths[2])
        };
        writeln!(formatter, "{HEADING}{}{HEADING:#}", line(&titles).trim_end())?;
        for (shard, cells) in shards.iter().zip(&cells) {
            writeln!(formatter, "{}", line(cells).trim_end())?;
            remarks(shard, self.now, formatter)?;
        }
        Ok(())
    }

    fn cells(&self, shard: &ShardStatus) -> [String; 4] {
        let row = &shard.row;
        let position = match row.position.as_deref().or(row.high_water_mark.as_deref()) {
            _ if row.is_drained => "end of the shard".to_owned(),
            Some(position) => plain(position),
            None if row.broken_off_at.is_some() || row.start_at.is_some() => {
                row.resume_point().ok().flatten().map_or_else(|| "-".to_owned(), |point| point.to_string())
            }
            None if shard.is_closed => "no position, and closed".to_owned(),
            None if !shard.has_row => "no position yet".to_owned(),
            None => "-".to_owned(),
        };
        let behind = match (&shard.lag, row.behind) {
            (Some(Ok(lag)), _) => in_words(lag),
            (_, Some(behind)) => format!("{} when written", duration(behind)),
            (_, None) => "-".to_owned(),
        };
        let written = match row.written_at {
            Some(at) => format!("{} ago", duration((self.now - at).try_into().unwrap_or_default())),
            None => "-".to_owned(),
        };
        [plain(&row.shard_id), position, behind, written]
    }
}

/// What needs attention.
fn remarks(shard: &ShardStatus, now: OffsetDateTime, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let row = &shard.row;
    if let Some(stuck) = &row.stuck {
        let (position, reason) = (&stuck.position, plain(&stuck.reason));
        writeln!(formatter, "  {ALARM}blocked{ALARM:#} at {position} after {} attempts: {reason}", stuck.attempts)?;
    }
    if row.high_water_mark.is_some() {
        writeln!(
            formatter,
            "  {CARE}not safe to resume from{CARE:#}: a high-water mark, written with a parallelization factor above 1"
        )?;
    }
    if let Some(holder) = &row.held_by {
        let client = plain(&holder.client_id);
        match (holder.ended_ago(now), &holder.lease_timeout) {
            (Some(ago), _) => writeln!(
                formatter,
                "  {CARE}lease ended{CARE:#} {} ago, of {client}: the function does not write here until ClientID and \
                 LeaseTimeout are removed from the row",
                duration(ago)
            )?,
            (None, Some(end)) => writeln!(
                formatter,
                "  {CARE}held{CARE:#} by {client}, lease until {}: the function does not write here",
                plain(end)
            )?,
            (None, None) => writeln!(formatter, "  {CARE}held{CARE:#} by {client}: the function does not write here")?,
        }
    }
    if let Some(Err(refusal)) = &shard.lag {
        writeln!(formatter, "  {CARE}the stream does not say{CARE:#} what is behind: {}", plain(refusal))?;
    }
    Ok(())
}

fn in_words(lag: &Lag) -> String {
    match (lag.records, lag.is_complete) {
        (0, true) => "nothing".to_owned(),
        (1, true) => format!("{}, 1 record", duration(lag.time)),
        (records, true) => format!("{}, {records} records", duration(lag.time)),
        (records, false) => format!("{}, over {records} records", duration(lag.time)),
    }
}

/// The two largest units: a person does not count milliseconds of hours.
fn duration(duration: Duration) -> String {
    let rounded = match duration.as_secs() {
        0 => Duration::from_millis(duration.subsec_millis().into()),
        1..60 => Duration::from_secs(duration.as_secs()),
        60..3600 => duration - Duration::from_nanos(duration.subsec_nanos().into()),
        seconds @ 3600..86_400 => Duration::from_secs(seconds / 60 * 60),
        seconds => Duration::from_secs(seconds / 3600 * 3600),
    };
    humantime::format_duration(rounded).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::{BlockedProgress, CheckpointRow, LeaseHolder};
    use crate::event::Position;
    use crate::source::StreamShard;
    use time::format_description::well_known::Rfc3339;

    fn time(text: &str) -> OffsetDateTime {
        OffsetDateTime::parse(text, &Rfc3339).expect("a time")
    }

    fn shard(stream_id: &str, shard: u8, change: impl FnOnce(&mut CheckpointRow)) -> ShardStatus {
        let mut row = CheckpointRow {
            stream_id: stream_id.to_owned(),
            shard_id: format!("shardId-{shard:012}"),
            position: Some("49663180427159280344751027653810273645901442797913634337".to_owned()),
            written_at: Some(time("2026-11-21T07:30:00.5Z")),
            written_by: Some("readings-function".to_owned()),
            behind: Some(Duration::from_millis(1_250)),
            ..CheckpointRow::default()
        };
        change(&mut row);
        ShardStatus::of(row)
    }

    #[test]
    fn a_person_sees_where_each_shard_is_and_what_is_wrong() {
        let stuck = BlockedProgress {
            position: Position::new("49663180427159280344751027653810273645901442797913634339", 2).expect("a position"),
            attempts: 17,
            delivered: None,
            made_by: String::new(),
            code: None,
            reason: "the transform asks for it again: the table\nis locked".to_owned(),
        };
        let holder =
            LeaseHolder { client_id: "connect-1".to_owned(), lease_timeout: Some("2026-11-21T09:32:00Z".to_owned()) };
        let mut quiet = shard("readings", 3, |_| ());
        quiet.lag = Some(Ok(Lag { time: Duration::ZERO, records: 0, is_complete: true }));
        let mut busy = shard("readings", 4, |_| ());
        busy.lag = Some(Ok(Lag { time: Duration::from_secs(86_400 * 3 + 3_700), records: 51_000, is_complete: false }));
        let mut unknown = shard("readings", 5, |_| ());
        unknown.lag = Some(Err("kinesis:GetRecords: access denied".to_owned()));
        let gone = LeaseHolder {
            client_id: "connect-2".to_owned(),
            lease_timeout: Some("2026-11-18T21:31:06.123456789Z".to_owned()),
        };
        let listed = |shard: u8, is_closed| {
            ShardStatus::without_row("readings", &StreamShard { id: format!("shardId-{shard:012}"), is_closed })
        };
        let shards = vec![
            shard("orders", 0, |row| row.held_by = Some(gone)),
            shard("readings", 1, |row| row.stuck = Some(stuck)),
            shard("readings", 2, |row| {
                row.high_water_mark = row.position.take();
                row.held_by = Some(holder);
                (row.behind, row.written_at) = (None, None);
            }),
            quiet,
            busy,
            unknown,
            listed(6, false),
            listed(7, true),
        ];
        let unlisted = vec![("orders".to_owned(), "kinesis:ListShards: access\ndenied".to_owned()); 12];
        let survey = Survey { shards, unlisted };
        let listing = Listing { survey: &survey, now: time("2026-11-21T09:31:07Z"), table: "positions" };
        let text = anstream::adapter::strip_str(&listing.to_string()).to_string();
        insta::assert_snapshot!(text);
    }

    #[test]
    fn an_empty_table_says_what_that_means() {
        let listing = Listing { survey: &Survey::default(), now: OffsetDateTime::UNIX_EPOCH, table: "positions" };
        assert!(listing.to_string().starts_with("no shard has a row in positions"));
    }
}
