//! What Kinesieve does, seen from outside: a module a topic.

mod bad_input;
mod cases;
mod checkpoint;
mod command_line;
mod doctor;
mod emulators;
mod events;
mod faults;
mod function;
mod inspect;
mod kinesis_target;
mod kit;
mod live;
mod mapping;
mod pace;
mod patience;
mod precompiled;
mod promise;
mod put;
mod redrive;
mod sandbox;
mod services;
mod status;
mod support;
mod targets;
