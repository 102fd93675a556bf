//! Pieces of HTML pages. The pages always show the output of programs as plain text.

use std::fmt::Write;

use crate::report::text::{escape, quoted_line};

const INDENT: &str = "\n         ";

/// A style sheet or a script in a page. The page's security policy allows only styles and scripts whose hashes it
/// lists.
#[derive(Clone, Copy)]
pub struct Inline {
    /// The text between the tags.
    pub text: &'static str,
    /// The SHA-256 of the text, in Base64. A test checks that the hash matches the text.
    pub hash: &'static str,
}

/// The style sheet, which supports light and dark mode, phones, and paper.
pub const STYLE: Inline = Inline { hash: "SCr4pQf2h+n6qlfu/z4xAVsPVnfIse+BLvOLX4zhauA=", text: "
:root { color-scheme: light dark; --line: #8886; --ok: #17803d; --bad: #c3251d; --dim: #666; --box: #8881; --typed: #8882;
 --by0: #0b63a5; --by1: #a34700; --by2: #00735c; --by3: #8c3a86; --by4: #6a5a00; --by5: #4a5b70; }
@media (prefers-color-scheme: dark) { :root { --ok: #4cc06f; --bad: #ff7b72; --dim: #a0a0a0;
 --by0: #7cc0ff; --by1: #ffa86b; --by2: #5fd6b3; --by3: #e79be2; --by4: #d8c65a; --by5: #a9b8cc; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: .3rem; } h2 { margin: 0 0 .6rem; font-size: 1.15rem; line-height: 1.3; }
table { border-collapse: collapse; margin: 1rem 0; } tr { border-bottom: 1px solid var(--line); }
td { padding: .25rem .9rem .25rem 0; vertical-align: top; } td:first-child, td:nth-child(3) { white-space: nowrap; font-variant-numeric: tabular-nums; }
a { color: inherit; text-underline-offset: .2em; }
section { border: 1px solid var(--line); border-left: .35rem solid var(--bad); border-radius: .5rem; padding: 1rem 1.2rem; margin: 2rem 0; }
pre, code, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .85rem; }
pre { background: var(--box); border: 1px solid var(--line); border-radius: .4rem; padding: .6rem; overflow-x: auto; margin: .3rem 0 .8rem; }
.who { font-weight: bold; margin: 0 0 .3rem; } .passed { color: var(--ok); } .failed, .bad { color: var(--bad); } .dim { color: var(--dim); }
.ladder { overflow-x: auto; margin: 1rem 0; } .ladder svg { min-width: 38rem; width: 100%; height: auto; }
.screens { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(17rem, 100%), 1fr)); gap: .8rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem .8rem; } dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; } section { padding: .8rem; } td { padding-right: .5rem; } }
svg text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: currentColor; }
svg .clock { opacity: .6; } svg .note { opacity: .8; } svg .life { stroke: var(--line); } svg .arrow { stroke: currentColor; stroke-width: 1.5; }
svg .tip { fill: currentColor; } svg .name { font-weight: bold; } svg .typed { font-style: italic; font-weight: bold; }
svg .by0 { color: var(--by0); } svg .by1 { color: var(--by1); } svg .by2 { color: var(--by2); }
svg .by3 { color: var(--by3); } svg .by4 { color: var(--by4); } svg .by5 { color: var(--by5); }
svg .missing, svg .wrong { color: var(--bad); } svg .wrong text, svg .missing text { font-weight: bold; }
svg .wrong .arrow, svg .missing .arrow { stroke-width: 2.5; }
@media print { :root { color-scheme: light; } section { break-inside: avoid; } .ladder svg { min-width: 0; } pre { white-space: pre-wrap; } }
" };

/// Returns a complete page. Whatever the body contains, the page's Content Security Policy allows only these styles,
/// this script, and images that are embedded in the page. The title is HTML.
pub fn page(title: &str, styles: &[Inline], script: Option<Inline>, body: &str) -> String {
    let sources = |parts: &[Inline]| match parts {
        [] => " 'none'".to_owned(),
        parts => each(parts, |part| format!(" 'sha256-{}'", part.hash)),
    };
    let (style_sources, script_sources) = (sources(styles), sources(script.as_slice()));
    let styles = each(styles, |style| format!("<style>{}</style>\n", style.text));
    let script = each(script.as_slice(), |script| format!("<script>{}</script>\n", script.text));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; \
         style-src{style_sources}; script-src{script_sources}; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n{GENERATOR}\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n{styles}{body}{script}</html>\n"
    )
}

/// A tag that every page contains, so that the grader can recognize its own pages.
pub const GENERATOR: &str = "<meta name=\"generator\" content=\"chat labs\">";

fn each(parts: &[Inline], html: impl Fn(&Inline) -> String) -> String {
    parts.iter().map(html).collect()
}

/// A stage in the table of a page.
pub struct Row<'a> {
    /// The symbol for the verdict.
    pub mark: &'a str,
    /// The row's class in the style sheet.
    pub class: &'a str,
    /// The lab and the stage, for example `2.5`.
    pub number: &'a str,
    /// The stage title.
    pub title: &'a str,
    /// Whether the page has a section for this stage.
    pub has_report: bool,
    /// The points earned and the maximum.
    pub points: &'a str,
    /// The verdict in words.
    pub word: &'a str,
}

/// Returns the table row for a stage.
pub fn row(row: &Row) -> String {
    let Row { mark, class, number, title, has_report, points, word } = row;
    let title = escape(title);
    let title = if *has_report { format!("<a href=\"#s{number}\">{title}</a>") } else { title };
    format!(
        "<tr class=\"{class}\"><td>{mark} {number}</td><td>{title}</td><td>{points}</td><td>{word}</td></tr>\n"
    )
}

/// Returns a paragraph. The class may be empty.
pub fn paragraph(class: &str, text: &str) -> String {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    format!("<p{class}>{}</p>\n", escape(text))
}

/// Returns the remarks about the programs' states.
pub fn states(lines: &[String]) -> String {
    let text = escape(&lines.join("\n"));
    if text.is_empty() { text } else { format!("<pre class=\"bad\">{text}</pre>\n") }
}

/// Returns the output of a program or a compiler.
pub fn output(who: &str, lines: &[String]) -> String {
    let who = paragraph("who", &quoted_line(who));
    format!("{who}<pre class=\"bad\">{}</pre>\n", escape(&lines.join("\n")))
}

/// Returns the expected and the actual text. `caret` is the row and the column where the difference begins.
pub fn wrong(
    who: &str,
    expected: &[String],
    came: &[String],
    caret: Option<(usize, usize)>,
) -> String {
    let who = paragraph("who", &quoted_line(who));
    let expected: Vec<_> = expected.iter().map(|row| escape(row)).collect();
    let mut rows = Vec::new();
    for (number, row) in came.iter().enumerate() {
        rows.push(format!("<span class=\"bad\">{}</span>", escape(row)));
        let at = caret.filter(|(caret, _)| *caret == number);
        rows.extend(at.map(|(_, at)| format!("{}^", " ".repeat(at))));
    }
    let (expected, came) = (expected.join(INDENT), rows.join(INDENT));
    format!("{who}<pre>expected <span class=\"passed\">{expected}</span>\nbut got  {came}</pre>\n")
}

/// Returns the screens, each with a name and lines.
pub fn screens<'a>(screens: impl Iterator<Item = (&'a str, &'a [String])>) -> String {
    let mut out = String::from("<div class=\"screens\">");
    for (name, lines) in screens {
        let (name, lines) = (escape(&quoted_line(name)), escape(&lines.join("\n")));
        let _ = write!(out, "<div><span class=\"dim\">{name}</span><pre>{lines}</pre></div>");
    }
    out + "</div>\n"
}

/// Returns the advice as a list in HTML. Each entry has a label.
pub fn advice<'a>(advice: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let entry = |(label, text)| format!("<dt>{}</dt><dd>{}</dd>", escape(label), escape(text));
    format!("<dl>{}</dl>", advice.map(entry).collect::<String>())
}
