//! How fast the records of a shard are taken.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kinesieve::processor::{Cause, Deadline, Pace, Processor};
use kinesieve::transform::Limits;

use crate::support::events::batch;
use crate::support::sinks::Recorder;
use crate::support::{Scripted, block_on, guest_file, kinesieve, stderr};

fn paced(pace: Pace) -> (Processor, Arc<Recorder>) {
    let output = Arc::<Recorder>::default();
    let processor = Scripted::new(Limits::default()).processor(&output, &output, None::<&Arc<Recorder>>);
    (processor.with_pace(pace), output)
}

fn records(rate: u32) -> Pace {
    Pace { records_per_second: NonZeroU32::new(rate), bytes_per_second: None }
}

/// Sleeps are never too short, so the least time holds on the busiest machine.
#[test]
fn a_shard_keeps_its_pace_from_batch_to_batch() {
    let (processor, output) = paced(records(100));
    let started = Instant::now();
    for _ in 0..2 {
        assert_eq!(block_on(processor.process(Arc::new(batch(&["keep"; 30])), None)).stop, None);
    }
    // The first record begins at once, and each further one 10 ms later.
    assert!(started.elapsed() >= Duration::from_millis(580), "{:?}", started.elapsed());
    assert_eq!(output.texts().len(), 60);
}

#[test]
fn bytes_are_paced_as_records_are() {
    let pace = Pace { records_per_second: None, bytes_per_second: NonZeroU64::new(1000) };
    let (processor, _) = paced(pace);
    let payload = format!("keep {}", "x".repeat(95));
    let started = Instant::now();
    assert_eq!(block_on(processor.process(Arc::new(batch(&[payload.as_str(); 5])), None)).stop, None);
    assert!(started.elapsed() >= Duration::from_millis(390), "{:?}", started.elapsed());
}

/// What there is no time for comes again; what was done is not lost, and the answer is in time.
#[test]
fn a_pace_too_slow_for_the_deadline_ends_the_batch_in_time() {
    let (processor, output) = paced(records(10));
    let started = Instant::now();
    let deadline =
        Deadline { interrupt_at: started + Duration::from_millis(550), answer_by: started + Duration::from_secs(30) };
    let stop = block_on(processor.process(Arc::new(batch(&["keep"; 1000])), Some(deadline))).stop.expect("a stop");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!(stop.cause, Cause::Deadline);
    // One at once, and one each tenth of a second: six at most, fewer where the machine is busy.
    assert!((1..=6).contains(&stop.index), "{}", stop.index);
    assert_eq!(output.texts().len(), stop.index);
    // The next is due later than this batch ends: it comes again, and is not taken for one that hangs.
    let deadline = Deadline { interrupt_at: Instant::now(), answer_by: Instant::now() + Duration::from_secs(30) };
    let stop = block_on(processor.process(Arc::new(batch(&["keep"])), Some(deadline))).stop.expect("a stop");
    assert_eq!((stop.index, stop.cause), (0, Cause::Deadline));
}

#[test]
fn the_command_line_keeps_the_pace_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("input.txt");
    std::fs::write(&input, "keep\n".repeat(21)).expect("written");
    let started = Instant::now();
    let output = kinesieve(&["run", "--output", "none", "--max-records-per-shard-per-second", "50", "--transform"])
        .args([guest_file("keep").as_os_str(), "--input".as_ref(), input.as_os_str()])
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(started.elapsed() >= Duration::from_millis(390), "{:?}", started.elapsed());
}
