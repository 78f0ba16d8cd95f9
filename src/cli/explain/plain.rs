//! Markdown as plain text, for a terminal: as much of it as the pages of errors have.

/// Returns a page without the marks of headings, code blocks and links. Code blocks are indented instead.
pub(super) fn text(page: &str) -> String {
    let mut text = String::with_capacity(page.len());
    let mut is_code = false;
    for line in page.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
            continue;
        }
        if is_code {
            if !line.is_empty() {
                text.push_str("    ");
            }
            text.push_str(line);
        } else {
            let is_heading = line.starts_with('#');
            without_links(if is_heading { line.trim_start_matches(['#', ' ']) } else { line }, &mut text);
        }
        text.push('\n');
    }
    text
}

/// Adds a line, in which the texts of links stand for the links.
fn without_links(line: &str, text: &mut String) {
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('[') {
        let Some((name, behind)) = after.split_once("](") else { break };
        let Some((_, behind)) = behind.split_once(')') else { break };
        text.push_str(before);
        text.push_str(name);
        rest = behind;
    }
    text.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn marks_go_and_words_stay() {
        let page = "# K101: a title\n\nSee [the page](../x.md#y) and [another](z.md), or `a[0]`.\n\n```text\n# said\n\n\
                    [a](b)\n```\n\n- one\n  two\n";
        let plain =
            "K101: a title\n\nSee the page and another, or `a[0]`.\n\n    # said\n\n    [a](b)\n\n- one\n  two\n";
        assert_eq!(text(page), plain);
    }
}
