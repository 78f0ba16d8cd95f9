//! Whether the dead letter of the largest record fits into its target.

use bytesize::ByteSize;

use super::finding::Finding;
use crate::settings::{Settings, Target};

/// The largest record of a stream that says nothing else (Kinesis Data Streams, `MaxRecordSizeInKiB`).
const LARGEST_RECORD: u64 = 1 << 20;

/// What a letter has besides its data, in bytes: a reason of 4 KiB, of which each character may be escaped, and the rest.
const BESIDES_THE_DATA: u64 = 28 << 10;

/// Looks whether any event of the stream can be dead-lettered whole; none: there is nothing to say of the target, or no
/// target. `largest_record` is what the stream takes, in bytes, where that is known.
pub(super) async fn check(settings: &Settings, largest_record: Option<u64>) -> Option<Finding> {
    let target = settings.dead_letter()?;
    let Target::Aws(destination) = target else { return None };
    let room = destination.kind().largest_record(destination.arn()).await?;
    let record = largest_record.unwrap_or(LARGEST_RECORD);
    // A letter holds what the transform saw.
    let event = if settings.decode.is_none() { record } else { record.max(settings.decode_limit.as_u64()) };
    Some(finding(settings, target, room, event))
}

fn finding(settings: &Settings, target: &Target, room: u64, event: u64) -> Finding {
    // Data is in base64.
    let data = room.saturating_sub(BESIDES_THE_DATA) / 4 * 3;
    let what = format!("dead letters of up to {}", ByteSize::b(event));
    if event <= data {
        return Finding::fine(format!("{what} fit"));
    }
    if let Some(large) = &settings.dead_letter_large {
        return Finding::fine(format!("{what}: what {target} does not take goes to {large}"));
    }
    let beyond = if settings.dead_letter_cut {
        "above that, what can't be compressed enough is cut, and only the stream has the rest, until its retention ends"
    } else {
        "above that, what can't be compressed enough stops its shard (KINESIEVE_DEAD_LETTER_CUT=false)"
    };
    Finding::care(
        what,
        format!(
            "{target} takes up to {} of data in a letter; {beyond}: set KINESIEVE_DEAD_LETTER_LARGE to an S3 prefix",
            ByteSize::b(data)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::FindingStatus;
    use crate::settings::FunctionSettings;
    use futures_util::FutureExt;

    fn found(variables: &[(&str, &str)], room: u64, event: u64) -> Finding {
        let least = [
            ("KINESIEVE_TRANSFORM", "t.cwasm"),
            ("KINESIEVE_OUTPUT", "none"),
            ("KINESIEVE_DEAD_LETTER", "arn:aws:sqs:eu-west-1:123456789012:dead"),
        ];
        let variables = least.iter().chain(variables).map(|(name, value)| (name.into(), value.into()));
        let settings = FunctionSettings::from_variables(variables).now_or_never().expect("nobody is asked");
        let (settings, _) = settings.expect("settings");
        let target = settings.common.dead_letter().expect("a target").clone();
        finding(&settings.common, &target, room, event)
    }

    #[test]
    fn what_does_not_fit_is_said_with_what_becomes_of_it() {
        let large = [("KINESIEVE_DEAD_LETTER_LARGE", "arn:aws:s3:::bucket/large")];
        assert_eq!(found(&[], 10 << 20, 1 << 20).verdict, FindingStatus::Fine);
        assert_eq!(found(&large, 1 << 20, 10 << 20).verdict, FindingStatus::Fine);
        let advice = |variables: &[(&str, &str)]| match found(variables, 1 << 20, 1 << 20).verdict {
            FindingStatus::Care { advice } => advice,
            other => panic!("{other:?}"),
        };
        assert!(advice(&[]).contains("takes up to 747.0 KiB of data in a letter"), "{}", advice(&[]));
        assert!(advice(&[]).contains("until its retention ends"));
        assert!(advice(&[("KINESIEVE_DEAD_LETTER_CUT", "false")]).contains("stops its shard"));
    }
}
