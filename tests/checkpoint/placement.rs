//! A point that is put into a row by hand: whole, and only where the row is as it was seen.

use kinesieve::checkpoint::{CheckpointError, ResumePoint, StartAt};
use kinesieve::event::Position;

use crate::support::block_on;
use crate::support::events::SHARD_ID;
use crate::support::positions::{Positions, STREAM, TIME_LIMIT, note, stuck_at, up_to};

fn place(positions: &Positions, point: &ResumePoint, is_seen: bool) -> Result<(), CheckpointError> {
    let seen = is_seen.then(|| positions.row());
    block_on(positions.table().place(STREAM, SHARD_ID, point, seen.as_ref(), TIME_LIMIT))
}

fn points() -> [ResumePoint; 5] {
    let position = |number| Position::new("4966", number).expect("a position");
    [
        ResumePoint::After(position(0)),
        ResumePoint::Within(position(3)),
        ResumePoint::Start(StartAt::TrimHorizon),
        ResumePoint::Start(StartAt::AtTimestamp(1_545_084_650_987)),
        ResumePoint::ShardEnd,
    ]
}

#[test]
fn each_point_is_read_back_as_it_was_placed() {
    for point in points() {
        let positions = Positions::new();
        assert_eq!(place(&positions, &point, false), Ok(()));
        assert_eq!(positions.row().resume_point(), Ok(Some(point)));
    }
}

#[test]
fn a_point_takes_the_place_of_all_that_the_row_said() {
    let positions = Positions::new();
    let side_by_side = positions.mirror_with(|options| options.parallelization_factor = 2);
    note(&positions.checkpoint_writer(), up_to("5000"));
    note(&positions.checkpoint_writer(), stuck_at("5001", 3));
    note(&side_by_side, up_to("5010"));
    for point in points() {
        assert_eq!(place(&positions, &point, true), Ok(()), "{point}");
        let row = positions.row();
        assert_eq!(row.resume_point(), Ok(Some(point)));
        assert_eq!((row.stuck, row.written_by, row.high_water_mark, row.behind), (None, None, None, None));
    }
}

#[test]
fn a_row_that_is_another_one_by_now_stays_as_it_is() {
    let positions = Positions::new();
    let [point, ..] = points();
    note(&positions.checkpoint_writer(), up_to("5000"));
    assert!(matches!(place(&positions, &point, false), Err(CheckpointError::Overtaken { .. })), "there is a row");
    let seen = positions.row();
    note(&positions.checkpoint_writer(), up_to("5001"));
    let late = block_on(positions.table().place(STREAM, SHARD_ID, &point, Some(&seen), TIME_LIMIT));
    assert_eq!(late, Err(CheckpointError::Overtaken { position: "5001".to_owned() }));
    assert_eq!(positions.position().as_deref(), Some("5001"));
}

#[test]
fn a_row_of_a_run_that_may_be_alive_stays_as_it_is() {
    let positions = Positions::new();
    let run = positions.mirror_with(|options| options.run = Some("kinesieve run a".to_owned()));
    note(&run, up_to("5000"));
    for point in points() {
        assert!(matches!(place(&positions, &point, true), Err(CheckpointError::Running { .. })), "{point}");
    }
    assert_eq!(positions.position().as_deref(), Some("5000"));
}
