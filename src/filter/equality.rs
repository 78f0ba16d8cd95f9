//! Whether two values are equal, where one may be an object of JSON that is still text, and the other a map that was written.

use cel::common::types::{CelBool, CelList, DYN_TYPE, Kind};
use cel::common::value::{CowVal, Val};
use cel::{Env, ExecutionError};

/// What `==` is in a compiled expression: nobody can write it.
pub(super) const EQUAL: &str = "@equal";

/// What `in` is in a compiled expression: nobody can write it.
pub(super) const WITHIN: &str = "@within";

/// Adds both to an environment.
pub(super) fn declare(env: &mut Env) {
    // Nothing else is of these names, so they can be declared.
    let _ = env.add_overload(EQUAL, "equal", vec![DYN_TYPE, DYN_TYPE], |arguments| match arguments.as_slice() {
        [one, other] => Ok(truth(equal(one.as_ref(), other.as_ref()))),
        _ => Err(ExecutionError::missing_argument_or_target()),
    });
    let _ = env.add_overload(WITHIN, "within", vec![DYN_TYPE, DYN_TYPE], |arguments| match arguments.as_slice() {
        [one, all] => within(one.as_ref(), all.as_ref()).map(truth),
        _ => Err(ExecutionError::missing_argument_or_target()),
    });
}

fn truth<'b, 'v>(is_so: bool) -> CowVal<'b, 'v> {
    CowVal::owned(CelBool::from(is_so))
}

/// Whether two values are equal. Lists and maps are, if what they hold is.
pub(super) fn equal(one: &dyn Val, other: &dyn Val) -> bool {
    let kinds = [one.get_type().kind(), other.get_type().kind()];
    if kinds == [Kind::Map; 2] {
        return are_equal_maps(one, other).unwrap_or(false);
    }
    match (one.downcast_ref::<CelList<'_>>(), other.downcast_ref::<CelList<'_>>()) {
        (Some(one), Some(other)) => {
            let (one, other) = (one.inner(), other.inner());
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one.as_ref(), other.as_ref()))
        }
        _ => one.equals(other),
    }
}

/// Whether two maps are equal; none: one of them is no map.
pub(super) fn are_equal_maps(one: &dyn Val, other: &dyn Val) -> Option<bool> {
    if one.as_sizer()?.size() != other.as_sizer()?.size() {
        return Some(false);
    }
    let (of_one, of_other) = (one.as_indexer()?, other.as_indexer()?);
    let mut keys = one.as_iterable()?.iter();
    while let Some(key) = keys.next() {
        let (Ok(one), Ok(other)) = (of_one.get(key), of_other.get(key)) else { return Some(false) };
        if !equal(one.as_ref(), other.as_ref()) {
            return Some(false);
        }
    }
    Some(true)
}

fn within(one: &dyn Val, all: &dyn Val) -> Result<bool, ExecutionError> {
    if let Some(list) = all.downcast_ref::<CelList<'_>>() {
        return Ok(list.inner().iter().any(|element| equal(element.as_ref(), one)));
    }
    let no_overload = || {
        let types = [one, all].map(|value| value.get_type().name().to_owned());
        ExecutionError::no_such_overload("in", types.into())
    };
    all.as_container().ok_or_else(no_overload)?.contains(one)
}
