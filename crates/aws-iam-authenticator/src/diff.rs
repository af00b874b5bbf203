//! A change for people: what goes and what comes, with the lines around it.

use crate::output::printable;

/// How many lines around a change are shown.
const CONTEXT: usize = 3;

/// The change of a text as one hunk of a unified diff; nothing where there is none.
///
/// Everything between the first and the last line that differ is shown as gone and come anew: for one entry of a list that is
/// what happened.
pub(crate) fn unified(name: &str, before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - same;
    let same_end = old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    let (old_end, new_end) = (old.len() - same_end, new.len() - same_end);
    if same == old_end && same == new_end {
        return String::new();
    }
    let start = same.saturating_sub(CONTEXT);
    let tail = same_end.min(CONTEXT);
    let count = |end: usize| end + tail - start;
    let first = |count: usize| if count == 0 { start } else { start + 1 };
    let mut out = format!(
        "--- {name}\n+++ {name}\n@@ -{},{} +{},{} @@\n",
        first(count(old_end)),
        count(old_end),
        first(count(new_end)),
        count(new_end)
    );
    let mut lines = |mark: char, lines: Option<&[&str]>| {
        for line in lines.unwrap_or_default() {
            out.push_str(&format!("{mark}{}\n", printable(line)));
        }
    };
    lines(' ', old.get(start..same));
    lines('-', old.get(same..old_end));
    lines('+', new.get(same..new_end));
    lines(' ', old.get(old_end..old_end + tail));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_with_three_lines_around_it() {
        assert_eq!(unified("x", "a\n", "a\n"), "");
        assert_eq!(unified("x", "", "a\n"), "--- x\n+++ x\n@@ -0,0 +1,1 @@\n+a\n");
        assert_eq!(
            unified("x", "1\n2\n3\n4\nold\n6\n7\n8\n9\n", "1\n2\n3\n4\nnew\nnewer\n6\n7\n8\n9\n"),
            "--- x\n+++ x\n@@ -2,7 +2,8 @@\n 2\n 3\n 4\n-old\n+new\n+newer\n 6\n 7\n 8\n"
        );
        assert_eq!(
            unified("x", "a\na\n", "a\n"),
            "--- x\n+++ x\n@@ -1,2 +1,1 @@\n a\n-a\n",
            "nothing is counted twice"
        );
    }
}
