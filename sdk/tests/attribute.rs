//! The attribute as authors use it: from another crate, and one that takes no `unsafe`.

#![forbid(unsafe_code)]

use kinesieve_sdk::{Event, Outcome, SettingError, Settings, transform};

struct Table<A, B>(A, B);

impl Table<u8, u8> {
    fn load(_: Settings) -> Result<Self, SettingError> {
        Ok(Self(1, 2))
    }
}

/// A path to a method, and a comma inside a type, are read right.
#[transform(configure = Table::<u8, u8>::load)]
fn process(table: &Table<u8, u8>, _: Event) -> Outcome {
    Outcome::replace(vec![table.0, table.1])
}

#[test]
fn the_function_under_the_attribute_stays_a_function() {
    let outcome = process(&Table(3, 4), Event::new(""));
    assert_eq!(outcome, Outcome::replace(vec![3, 4]));
}
