//! What Kinesieve does, seen from outside: a module a topic. They need guests, some of them emulators: `make test` has all of
//! it made. What needs neither is in `without_tools/`.

mod access;
mod bad_input;
mod cases;
mod checkpoint;
mod command_line;
mod doctor;
mod emulators;
mod exit_codes;
mod explain;
mod failing_targets;
mod faults;
mod function;
mod hostile;
mod insights;
mod inspect;
mod invocations;
mod kinesis_target;
mod kit;
mod live;
mod liveness;
mod log_lines;
mod pace;
mod package;
mod payloads;
mod pool;
mod precompiled;
mod promise;
mod put;
mod redrive;
mod rescue;
mod retry_budget;
mod run_input;
mod runtime_api;
mod same_place;
mod sandbox;
mod show;
mod side_by_side;
mod soak;
mod status;
mod stdout;
#[allow(dead_code, reason = "the tests without tools use the rest")]
mod support;
mod troubles;
mod windows;
