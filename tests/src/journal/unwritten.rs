//! Finds and removes messages about stages that are not written yet.

/// The beginning of the panic message that a `todo!` in a starter produces.
const UNWRITTEN: &str = "not yet implemented: stage ";

/// Returns the stages that a program reported as not written yet.
pub fn unwritten_stages(text: &str) -> Vec<u32> {
    let mut stages = Vec::new();
    for (at, mark) in text.match_indices(UNWRITTEN) {
        let digits = text[at + mark.len()..].split(|char: char| !char.is_ascii_digit());
        stages.extend(digits.take(1).filter_map(|digits| digits.parse::<u32>().ok()));
    }
    stages
}

/// Returns a message that names the first of a lab's unwritten stages, if there are any.
pub fn first_unwritten(lab: u32, stages: Vec<u32>) -> Option<String> {
    let stage = stages.into_iter().min()?;
    Some(format!("stage {lab}.{stage} is not written yet; run this first: cargo lab check {lab}"))
}

/// Returns the text without the panic messages of unwritten stages, because these messages say nothing about an earlier
/// stage.
pub fn without_unwritten(text: &str) -> String {
    let mut left: Vec<&str> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let is_unwritten = line.contains(" panicked at ")
            && lines.peek().is_some_and(|next| next.starts_with(UNWRITTEN));
        if !is_unwritten {
            left.push(line);
            continue;
        }
        // The panic message has an empty line before it and a note after it.
        lines.next();
        lines.next_if(|next| next.starts_with("note: run with `RUST_BACKTRACE"));
        left.pop_if(|before| before.trim().is_empty());
    }
    let end = if text.ends_with('\n') { "\n" } else { "" };
    left.join("\n") + end
}

#[cfg(test)]
mod tests {
    use super::{unwritten_stages, without_unwritten};

    #[test]
    fn unwritten_stages_are_found_and_removed() {
        let text = "hello\n\nthread 'main' (7) panicked at src/main.rs:3:5:\nnot yet implemented: stage 12: \
                    send it\nnote: run with `RUST_BACKTRACE=1` environment variable\n> hi";
        assert_eq!(unwritten_stages(text), [12]);
        assert_eq!(without_unwritten(text), "hello\n> hi");
        let other = "thread 'main' (7) panicked at src/main.rs:3:5:\noh dear\nnote: more\n";
        assert_eq!(without_unwritten(other), other);
    }
}
