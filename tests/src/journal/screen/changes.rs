//! Finds the lines that a program has added to its screen. The program may have moved or redrawn the other lines.

/// Matches the lines of the screen `now` with equal lines of the earlier screen `before`, in the same order. Returns
/// the lines of `now` that were not matched with a line of `before`.
///
/// A line is therefore new even if an identical line has left the screen at the same time.
pub fn added<'a>(before: &[String], now: &'a [String]) -> Vec<&'a str> {
    // `common[i][j]` is the number of lines that `before[i..]` and `now[j..]` have in common, in the same order.
    let mut common = vec![vec![0_usize; now.len() + 1]; before.len() + 1];
    for (i, old) in before.iter().enumerate().rev() {
        for (j, new) in now.iter().enumerate().rev() {
            common[i][j] = if old == new {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let mut added = Vec::new();
    let mut i = 0;
    for (j, new) in now.iter().enumerate() {
        // Lines that have left the screen are skipped.
        while i < before.len() && before[i] != *new && common[i + 1][j] == common[i][j] {
            i += 1;
        }
        if before.get(i) == Some(new) {
            i += 1;
        } else {
            added.push(new.as_str());
        }
    }
    added
}

#[cfg(test)]
mod tests {
    use super::added;

    #[track_caller]
    fn adds(before: &str, now: &str, expected: &str) {
        let lines = |text: &str| -> Vec<String> { text.chars().map(String::from).collect() };
        assert_eq!(added(&lines(before), &lines(now)).concat(), expected, "{before} {now}");
    }

    #[test]
    fn only_new_lines_are_added() {
        adds("", "abc", "abc");
        adds("abc", "abc", "");
        adds("abc", "", "");
        adds("abc", "bcd", "d");
        adds("abc", "dabc", "d");
        adds("abc", "axbyc", "xy");
        // An identical line left the screen at the same time.
        adds("jljl", "ljlj", "j");
        adds("gab", "abg", "g");
        adds("aba", "abaa", "a");
    }
}
