//! What came of it, for a person.

use std::fmt;
use std::time::Duration;

use super::putter::{PutCounts, PutStop};
use super::remedy::remedy;
use crate::cli::explain::Hint;
use crate::cli::figures::{byte_rate, record_rate};
use crate::cli::foreign::one_line;
use crate::cli::summary::counted;
use crate::error_code::ErrorCode;
use crate::settings::StreamName;

/// What came of it.
#[derive(Debug)]
pub(super) struct PutSummary<'a> {
    pub(super) tally: &'a PutCounts,
    /// None: all lines are put.
    pub(super) stop: Option<&'a PutStop>,
    pub(super) stream: &'a StreamName,
    pub(super) region: &'a str,
    /// What the input is called.
    pub(super) input: &'a str,
    pub(super) from_line: u64,
    pub(super) elapsed: Duration,
}

impl fmt::Display for PutSummary<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PutCounts { records, bytes, retries, .. } = *self.tally;
        let seconds = self.elapsed.as_secs_f64().max(1e-9);
        writeln!(
            formatter,
            "{} put into {} in {seconds:.2} s: {}, {}",
            counted(records, "record"),
            self.stream,
            record_rate(records as f64 / seconds),
            byte_rate(bytes as f64 / seconds),
        )?;
        writeln!(formatter, "  bytes    {bytes}")?;
        write!(formatter, "  retries  {retries}")?;
        match self.stop {
            None if records == 0 && self.from_line > 1 => {
                write!(formatter, "\n{} has no lines from line {} on", one_line(self.input), self.from_line)
            }
            None => Ok(()),
            Some(stop) => self.say_stop(formatter, stop),
        }
    }
}

impl PutSummary<'_> {
    fn say_stop(&self, formatter: &mut fmt::Formatter<'_>, stop: &PutStop) -> fmt::Result {
        let next = self.next_line();
        let before = if self.tally.up_to_line == 0 { "nothing before it is put" } else { "all before it is put" };
        match stop {
            PutStop::NoRecord { line, reason } => write!(
                formatter,
                "\nline {line} of {} is no record: {}\n{before}; go on with --from-line {line} once it is mended, or \
                 behind it with --from-line {}",
                one_line(self.input),
                one_line(reason),
                line + 1,
            ),
            PutStop::NotPut { line, reason, is_for_good, put_behind, lasting_error } => {
                write!(formatter, "\nline {line} of {} was not put: {}", one_line(self.input), one_line(reason))?;
                if let Some(remedy) = lasting_error.as_ref().and_then(|code| remedy(code, self.stream, self.region)) {
                    write!(formatter, "\n{}", one_line(&remedy))?;
                }
                write!(formatter, "\n{before}; go on with --from-line {line}")?;
                if *is_for_good {
                    write!(formatter, ", or behind it with --from-line {}", line + 1)?;
                }
                if *put_behind > 0 {
                    write!(
                        formatter,
                        ": {} behind it that {} put already then {} twice",
                        counted(*put_behind, "record"),
                        if *put_behind == 1 { "is" } else { "are" },
                        if *put_behind == 1 { "comes" } else { "come" }
                    )?;
                }
                write!(formatter, "\n{}", Hint(ErrorCode::DestinationRefused))
            }
            PutStop::Broken { reason } => {
                write!(formatter, "\n{}", one_line(reason))?;
                if self.tally.up_to_line > 0 {
                    write!(formatter, "\nall up to line {} is put; go on with --from-line {next}", next - 1)?;
                }
                Ok(())
            }
            PutStop::Interrupted => {
                write!(formatter, "\ninterrupted")?;
                if self.tally.up_to_line > 0 {
                    write!(formatter, ": all up to line {} is put; go on with --from-line {next}", next - 1)?;
                }
                Ok(())
            }
        }
    }

    fn next_line(&self) -> u64 {
        self.tally.up_to_line + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(tally: &PutCounts, stop: Option<&PutStop>) -> String {
        let stream = "readings".parse().expect("a name");
        let elapsed = Duration::from_millis(250);
        let (region, input) = ("eu-west-1", "app.log");
        PutSummary { tally, stop, stream: &stream, region, input, from_line: 1, elapsed }.to_string()
    }

    fn tally() -> PutCounts {
        PutCounts { records: 1200, bytes: 180_000, retries: 14, up_to_line: 1210 }
    }

    #[test]
    fn says_what_was_put() {
        insta::assert_snapshot!(summary(&tally(), None), @r"
        1200 records put into readings in 0.25 s: 4800 records/s, 720 kB/s
          bytes    180000
          retries  14
        ");
    }

    #[test]
    fn says_from_where_to_go_on_and_what_would_come_twice() {
        let stop = PutStop::NotPut {
            line: 1211,
            reason: "the service took nothing for a minute: InternalFailure".to_owned(),
            is_for_good: false,
            put_behind: 37,
            lasting_error: None,
        };
        insta::assert_snapshot!(summary(&tally(), Some(&stop)).lines().skip(3).collect::<Vec<_>>().join("\n"), @r"
        line 1211 of app.log was not put: the service took nothing for a minute: InternalFailure
        all before it is put; go on with --from-line 1211: 37 records behind it that are put already then come twice
        for more: kinesieve explain K302
        ");
        let stop = PutStop::NoRecord { line: 1211, reason: "it is not JSON".to_owned() };
        insta::assert_snapshot!(summary(&tally(), Some(&stop)).lines().skip(3).collect::<Vec<_>>().join("\n"), @r"
        line 1211 of app.log is no record: it is not JSON
        all before it is put; go on with --from-line 1211 once it is mended, or behind it with --from-line 1212
        ");
        insta::assert_snapshot!(summary(&tally(), Some(&PutStop::Interrupted)).lines().skip(3).collect::<Vec<_>>().join("\n"), @"interrupted: all up to line 1210 is put; go on with --from-line 1211");
    }

    #[test]
    fn says_what_to_change_where_the_stream_refuses_everything() {
        let refused = |code: &str| PutStop::NotPut {
            line: 1,
            reason: format!("the service refuses it: {code}"),
            is_for_good: false,
            put_behind: 0,
            lasting_error: Some(code.to_owned()),
        };
        let nothing = PutCounts::default();
        let denied = summary(&nothing, Some(&refused("AccessDeniedException")));
        assert!(
            denied.contains(r#""kinesis:PutRecords", "Resource": "arn:aws:kinesis:eu-west-1:*:stream/readings""#),
            "{denied}"
        );
        let missing = summary(&nothing, Some(&refused("ResourceNotFoundException")));
        assert!(
            missing.contains("stream readings not found in eu-west-1") && missing.contains("nothing before it"),
            "{missing}"
        );
    }
}
