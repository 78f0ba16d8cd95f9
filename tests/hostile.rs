//! Input that means harm: texts that a terminal would obey, files without an end, components that take gigabytes to
//! compile, and secrets that errors would tell.

mod compiling;
mod reading;
mod secrets;
mod terminal;
