//! A point that is put into a row by hand, or taken over from another consumer: the one write that may move a row backwards.

use std::collections::HashMap;

use time::format_description::well_known::Rfc3339;

use super::heartbeat::{RUN_BEAT_AT, RUN_BY};
use super::resume_point::ResumePoint;
use super::row::{
    BEHIND, CLIENT_ID, CheckpointRow, HIGH_WATER_MARK, LAST_ARRIVAL_AT, PARALLELIZATION_FACTOR, POSITION, SHARD_END,
    START_AT, STREAM_ID, STUCK, STUCK_AT, STUCK_MADE_BY, STUCK_SUB_SEQUENCE_NUMBER, USER_RECORDS, Update, WRITTEN_AT,
    WRITTEN_BY, key, number, text,
};
use crate::timestamp::{now_millis, rfc3339};

/// The row of a shard with this point, and nothing else that it said. It holds only where nobody has claimed the row, and where
/// it is as it was `seen`; none: there was none.
pub(super) fn update(place: (&str, &str), point: &ResumePoint, seen: Option<&CheckpointRow>) -> Update {
    let mut said = vec![(WRITTEN_AT, text(&rfc3339(now_millis())))];
    match point {
        ResumePoint::ShardEnd => said.push((SHARD_END, aws_sdk_dynamodb::types::AttributeValue::Bool(true))),
        ResumePoint::After(position) => said.push((POSITION, text(position.sequence_number().as_str()))),
        ResumePoint::Within(position) => said.extend([
            (STUCK_AT, text(position.sequence_number().as_str())),
            (STUCK_SUB_SEQUENCE_NUMBER, number(position.sub_sequence_number())),
            (STUCK_MADE_BY, text(USER_RECORDS)),
        ]),
        ResumePoint::Start(start) => said.push((START_AT, text(&start.to_string()))),
    }
    // All that any row of ours says of the position. A run that is gone is gone from the row as well.
    let all = [
        POSITION,
        HIGH_WATER_MARK,
        WRITTEN_BY,
        LAST_ARRIVAL_AT,
        BEHIND,
        PARALLELIZATION_FACTOR,
        SHARD_END,
        START_AT,
        RUN_BY,
        RUN_BEAT_AT,
    ];
    let is_said = |attribute: &&str| said.iter().any(|(name, _)| name == attribute);
    let gone: Vec<&str> = all.into_iter().chain(STUCK).filter(|attribute| !is_said(attribute)).collect();
    let assignments: Vec<String> = said.iter().map(|(name, _)| format!("{name} = :{name}")).collect();
    let change = format!("SET {} REMOVE {}", assignments.join(", "), gone.join(", "));
    let mut values: HashMap<String, _> = said.into_iter().map(|(name, value)| (format!(":{name}"), value)).collect();

    let mut condition = format!("attribute_not_exists({CLIENT_ID})");
    match seen {
        None => condition += &format!(" AND attribute_not_exists({STREAM_ID})"),
        Some(row) => {
            let written_at = row.written_at.and_then(|at| at.format(&Rfc3339).ok());
            let heartbeat = row.heartbeat.as_ref();
            for (attribute, before) in [
                (POSITION, row.position.as_deref()),
                (HIGH_WATER_MARK, row.high_water_mark.as_deref()),
                (WRITTEN_AT, written_at.as_deref()),
                (RUN_BY, heartbeat.map(|heartbeat| heartbeat.run.as_str())),
                (RUN_BEAT_AT, heartbeat.map(|heartbeat| heartbeat.at.as_str()).filter(|at| !at.is_empty())),
            ] {
                match before {
                    None => condition += &format!(" AND attribute_not_exists({attribute})"),
                    Some(before) => {
                        condition += &format!(" AND {attribute} = :seen{attribute}");
                        values.insert(format!(":seen{attribute}"), text(before));
                    }
                }
            }
        }
    }
    Update { key: key(place.0, place.1), change, condition, values }
}
