//! The nearest known word to a mistyped one.

/// The candidate that is nearest to `word`, if any is near enough to be what was meant.
///
/// Near enough is at most a third of the word's characters wrong (three at most), counting a wrong,
/// missing, superfluous or swapped neighbouring character as one and letter case as none. Of equally near candidates
/// the first wins.
///
/// ```
/// use k8s_aws_mapping::suggest::nearest;
/// assert_eq!(nearest("rolarn", ["rolearn", "username", "groups"]), Some("rolearn"));
/// assert_eq!(nearest("comment", ["rolearn", "username", "groups"]), None);
/// ```
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let length = word.chars().count();
    if length > 64 {
        return None;
    }
    let most = (length / 3).min(3);
    let near = candidates.into_iter().map(|c| (distance(word, c), c)).filter(|(d, _)| *d <= most);
    near.min_by_key(|(d, _)| *d).map(|(_, c)| c)
}

/// Optimal string alignment distance, letter case aside.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().map(|c| c.to_ascii_lowercase()).collect();
    let b: Vec<char> = b.chars().map(|c| c.to_ascii_lowercase()).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or_default();
            let mut cost = (at(&last, j) + usize::from(ca != cb)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = j > 0 && i > 0 && a.get(i - 1) == Some(cb) && b.get(j - 1) == Some(ca);
            if swapped {
                cost = cost.min(at(&before, j - 1) + 1);
            }
            row.push(cost);
        }
        before = last;
        last = row;
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_costs_one() {
        for (a, b, want) in [
            ("", "", 0),
            ("rolearn", "RoleARN", 0),
            ("rolarn", "rolearn", 1),
            ("rolearnn", "rolearn", 1),
            ("roelarn", "rolearn", 1),
            ("rolebrn", "rolearn", 1),
            ("abc", "", 3),
        ] {
            assert_eq!(distance(a, b), want, "{a} {b}");
            assert_eq!(distance(b, a), want, "{b} {a}");
        }
    }

    #[test]
    fn far_words_have_no_suggestion() {
        assert_eq!(nearest("x", ["groups"]), None);
        assert_eq!(nearest("a", ["b"]), None);
        assert_eq!(nearest(&"groups".repeat(20), ["groups"]), None);
        assert_eq!(nearest("grups", ["username", "groups"]), Some("groups"));
    }

    #[test]
    fn words_of_64_characters_are_compared_and_longer_ones_not() {
        let (longest, longer, far) = ("é".repeat(64), "é".repeat(65), "é".repeat(100));
        assert_eq!(nearest(&longest, [&*longer]), Some(&*longer));
        assert_eq!(nearest(&longer, [&*longest]), None);
        assert_eq!(nearest(&far, [&*far]), None);
    }
}
