//! The list of all error codes, each with a link to its page.

use std::fmt::Write;

use super::markdown::{NOTICE, cell};
use crate::error_code::ErrorCode;

/// What the page says before the codes.
const HEAD: &str = "
# Error codes

Each error that keeps a command or the function from starting has a code, and so has each reason for which a batch stops or an
event is dead-lettered. A code keeps its meaning in later versions. The command line names it below the error, and the
function's log in the field `code`. `kinesieve explain K101` prints the page of a code.
";

/// Returns the page.
pub(super) fn page() -> String {
    let mut page = format!("{NOTICE}{HEAD}");
    let mut topic = "";
    for code in ErrorCode::ALL {
        // A String takes everything.
        if code.topic() != topic {
            topic = code.topic();
            let _ = write!(page, "\n## {topic}\n\n| code | error |\n| --- | --- |\n");
        }
        let _ = writeln!(page, "| [{code}]({code}.md) | {} |", cell(code.title()));
    }
    page
}
