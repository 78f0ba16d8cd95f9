//! The pages of the documentation, one a code.

use crate::error_code::{ErrorCode, with_every_code};

macro_rules! define {
    ($($name:ident $code:literal $title:literal;)*) => {
        /// Returns the page of a code, as Markdown.
        pub(super) fn page(code: ErrorCode) -> &'static str {
            match code {
                $(ErrorCode::$name => include_str!(concat!("../../../docs/reference/errors/", $code, ".md")),)*
            }
        }
    };
}
with_every_code!(define);
