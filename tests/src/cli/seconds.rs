//! Durations on the command line.

/// Returns a parser for a number of seconds from 0.1 to `most`.
pub fn seconds(most: f64) -> impl Fn(&str) -> Result<f64, String> + Clone {
    move |text| {
        let seconds = text.parse().ok().filter(|seconds| (0.1..=most).contains(seconds));
        seconds.ok_or_else(|| format!("write a number from 0.1 to {most}"))
    }
}
