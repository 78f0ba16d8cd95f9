//! Each record before and after the transform, for whoever writes one.

pub(in crate::cli) mod columns;
pub(in crate::cli) mod palette;
pub(in crate::cli) mod payload;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use self::columns::Columns;
use self::palette::Palette;
use crate::cli::foreign::plain;
use crate::cli::guest_lines::{self, GuestLines};
use crate::event::{Batch, Event, Payload, PayloadError};
use crate::processor::Observer;
use crate::settings::{Route, Settings, SettingsError, normal_route};
use crate::stdout;
use crate::telemetry::{self, EVENT_LINES, LogFormat, LogOptions};
use crate::transform::{Emission, Emissions, Fault, FaultKind, Verdict};

/// The most outputs of a record that are shown.
const MOST_OUTPUTS: usize = 20;

/// As wide as lines are where nobody says how wide they may be.
const WIDTH: usize = 100;

/// Where it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum ShowStream {
    Stdout,
    Stderr,
}

/// Whether anything is delivered while it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShowDelivery {
    Really,
    Nowhere,
}

/// Shows records as they are processed.
#[derive(Debug)]
pub(super) struct Show {
    place: ShowStream,
    columns: Columns,
    /// How many records are shown.
    most: u64,
    seen: AtomicU64,
    /// Routes that lead somewhere.
    routes: BTreeSet<String>,
    lines: GuestLines,
}

impl ShowDelivery {
    /// Who names no destination at all only looks.
    pub(super) fn of(settings: &Settings, routes: &[Route]) -> Result<Self, SettingsError> {
        let names_none =
            settings.output.is_none() && settings.dead_letter.is_none() && settings.routes(routes)?.is_empty();
        Ok(if names_none { ShowDelivery::Nowhere } else { ShowDelivery::Really })
    }
}

impl Show {
    /// Shows so many records, or all, with what the guest says about each. From here on there is a log without that, and
    /// without what the processor says of single events where nothing is delivered.
    pub(super) fn begin<'a>(
        place: ShowStream,
        most: Option<NonZeroU32>,
        settings: &Settings,
        log: LogFormat,
        routes: impl Iterator<Item = &'a str>,
        delivering: ShowDelivery,
    ) -> Arc<Self> {
        let lines = GuestLines::from_level(settings.log);
        let without: &[&str] = match delivering {
            ShowDelivery::Really => &[guest_lines::TARGET],
            ShowDelivery::Nowhere => &[guest_lines::TARGET, EVENT_LINES],
        };
        let options = LogOptions { level: settings.log, format: log, without };
        telemetry::log_for_command_beside(lines.clone(), options, io::stderr);
        Arc::new(Self::new(place, most.map_or(u64::MAX, |most| most.get().into()), routes, lines))
    }

    fn new<'a>(place: ShowStream, most: u64, routes: impl Iterator<Item = &'a str>, lines: GuestLines) -> Self {
        let columns = columns_on(place);
        let routes = routes.map(normal_route).collect();
        Self { place, columns, most, seen: AtomicU64::new(0), routes, lines }
    }

    fn shown(&self, number: u64, event: Event<'_>, verdict: &Verdict) -> String {
        let dim = self.columns.palette.dim;
        let mut text = record_line(self.columns.palette, number, event, None, &became(event, verdict));
        let before = payload::lines(event.payload.bytes());
        match verdict {
            Verdict::Emit(emissions) if !emissions.is_empty() => self.outputs(&mut text, &before, emissions),
            _ => self.columns.one(&mut text, &before),
        }
        for line in self.lines.take_about(event.sequence_number.as_str(), event.sub_sequence_number) {
            // As wide as it is: names in backtraces are long, and the end of one says most.
            let _ = writeln!(text, "  {dim}{}{dim:#}", payload::printable(&line.text));
        }
        text.push('\n');
        text
    }

    // A String takes everything; here and below.
    fn outputs(&self, text: &mut String, before: &[String], emissions: &Emissions) {
        let count = emissions.len();
        for (index, emission) in emissions.iter().enumerate().take(MOST_OUTPUTS) {
            let after = payload::lines(emission.data);
            let heading = self.heading(index, count, &emission);
            match index {
                0 => self.columns.two(text, before, &after, &heading),
                _ => self.columns.further(text, &after, &heading),
            }
        }
        if count > MOST_OUTPUTS {
            let _ = writeln!(text, "  … and {} more outputs", count - MOST_OUTPUTS);
        }
    }

    fn heading(&self, index: usize, count: usize, emission: &Emission<'_>) -> String {
        let mut heading = if count == 1 { "output".to_owned() } else { format!("output {} of {count}", index + 1) };
        if let Some(key) = emission.partition_key {
            let _ = write!(heading, ", key {}", plain(key));
        }
        if let Some(route) = emission.route {
            let _ = write!(heading, ", route {}", plain(route));
            if !self.routes.contains(&normal_route(route)) {
                let _ = write!(heading, " (leads nowhere: --route {}=TARGET)", plain(route));
            }
        }
        heading
    }
}

impl Observer for Show {
    fn see(&self, _batch: &Batch, event: Event<'_>, verdict: &Verdict) {
        let number = self.seen.fetch_add(1, Ordering::Relaxed) + 1;
        if number > self.most {
            // They would pile up.
            drop(self.lines.take());
            return;
        }
        let text = self.shown(number, event, verdict);
        match self.place {
            // Whoever runs the records asks whether that is possible any more.
            ShowStream::Stdout => drop(stdout::write(text.as_bytes())),
            // A reader that is gone changes nothing about what was done.
            ShowStream::Stderr => drop(io::stderr().write_all(text.as_bytes())),
        }
    }
}

/// How lines are written to a stream: as wide as that is, and in colours if it shows them.
pub(in crate::cli) fn columns_on(place: ShowStream) -> Columns {
    let is_terminal = match place {
        ShowStream::Stdout => io::stdout().is_terminal(),
        ShowStream::Stderr => io::stderr().is_terminal(),
    };
    let in_colour = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let palette = if in_colour { Palette::coloured() } else { Palette::default() };
    Columns { width: width(place), palette }
}

/// The line that a record begins with: which it is, and what there is to be said of it.
pub(in crate::cli) fn record_line(
    palette: Palette,
    number: u64,
    event: Event<'_>,
    shard_id: Option<&str>,
    what: &str,
) -> String {
    let Palette { title, dim, .. } = palette;
    let position = match event.sub_sequence_number {
        0 => event.sequence_number.as_str().to_owned(),
        index => format!("{}/{index}", event.sequence_number.as_str()),
    };
    let key = plain(event.partition_key);
    let shard = shard_id.map_or_else(String::new, |id| format!(", {}", plain(id)));
    format!("{title}record {number}: {what}{title:#} {dim}(sequence number {position}, key {key}{shard}){dim:#}\n")
}

/// What became of an event, in a few words.
pub(in crate::cli) fn became(event: Event<'_>, verdict: &Verdict) -> String {
    match verdict {
        Verdict::Keep => "kept".to_owned(),
        Verdict::Drop => "dropped".to_owned(),
        Verdict::Folded => "folded into its window".to_owned(),
        Verdict::Emit(emissions) => match emissions.len() {
            0 => "replaced by nothing".to_owned(),
            1 => "replaced".to_owned(),
            count => format!("replaced by {count} outputs"),
        },
        Verdict::Retry(reason) => format!("retry: {}", plain(reason)),
        Verdict::Reject(reason) => format!("rejected: {}", plain(reason)),
        Verdict::Fault(Fault { kind, reason }) => {
            let kind = match kind {
                FaultKind::Trap => "trap",
                FaultKind::Timeout => "timeout",
                FaultKind::Memory => "memory",
            };
            format!("the transform broke ({kind}): {}", plain(reason))
        }
        Verdict::Undecodable => match event.payload {
            Payload::Undecodable { flaw: PayloadError::Nothing, .. } => "nothing to process in it".to_owned(),
            Payload::Undecodable { reason, .. } => format!("can't be decoded: {}", plain(reason)),
            Payload::Decoded(_) => "can't be decoded".to_owned(),
        },
        Verdict::Interrupted => "interrupted".to_owned(),
        Verdict::Unavailable(reason) => format!("not processed: {}", plain(reason)),
    }
}

/// How wide lines may be: what COLUMNS says, or the terminal.
fn width(place: ShowStream) -> usize {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
    let terminal = || match place {
        ShowStream::Stdout => terminal_size::terminal_size_of(io::stdout()),
        ShowStream::Stderr => terminal_size::terminal_size_of(io::stderr()),
    };
    said.or_else(|| terminal().map(|(width, _)| usize::from(width.0))).unwrap_or(WIDTH)
}
