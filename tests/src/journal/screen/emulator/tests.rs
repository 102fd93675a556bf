//! One test for each class of control sequences. The expected results are what xterm shows.

use std::num::NonZero;

use super::Emulator;
use crate::journal::screen::pieces::Cutter;

fn terminal(columns: u16, rows: u16, output: &[u8]) -> Emulator {
    let mut emulator = Emulator::new(NonZero::new(columns).unwrap(), NonZero::new(rows).unwrap());
    continued(&mut emulator, output);
    emulator
}

fn continued(emulator: &mut Emulator, output: &[u8]) {
    for piece in Cutter::default().cut(output) {
        emulator.apply(&piece);
    }
}

fn lines(emulator: &mut Emulator) -> Vec<String> {
    let lines = emulator.lines(0).into_iter();
    let mut lines: Vec<_> = lines.map(|(line, _)| line.trim_end().to_owned()).collect();
    while lines.pop_if(|line| line.is_empty()).is_some() {}
    lines
}

/// Checks the lines on a screen of 10 columns and 5 rows.
#[track_caller]
fn shows(output: &str, expected: &[&str]) {
    assert_eq!(lines(&mut terminal(10, 5, output.as_bytes())), expected, "{output:?}");
}

#[track_caller]
fn replies(output: &str, expected: &str) {
    let replies = terminal(10, 5, output.as_bytes()).take_replies();
    assert_eq!(String::from_utf8(replies).unwrap(), expected, "{output:?}");
}

#[test]
fn text_overwrites_what_was_there() {
    shows("abcdef\rxy", &["xycdef"]);
    shows("abc\x08\x08X", &["aXc"]);
    shows("one\r\ntwo\nthree", &["one", "two", "   three"]);
    shows("a\x0bb\x0cc", &["a", " b", "  c"]);
}

#[test]
fn long_lines_wrap_and_are_read_as_one() {
    shows("0123456789abc\r\nnext", &["0123456789abc", "next"]);
    // A line that is exactly as wide as the screen is not followed by an empty row.
    shows("0123456789\r\nnext", &["0123456789", "next"]);
    // The cursor stays in the last column.
    shows("0123456789\x08X", &["01234567X9"]);
    shows("0123456789\x1b[2DX", &["0123456X89"]);
    shows("0123456789\rX", &["X123456789"]);
    shows("\x1b[?7l0123456789abc\x1b[?7h", &["012345678c"]);
    shows("\x1b[?7l012345678日本\x1b[?7h.", &["01234567本."]);
}

#[test]
fn the_cursor_moves_to_a_place() {
    shows("\x1b[2;3Ha\x1b[4;5fb\x1b[Hc", &["c", "  a", "", "    b"]);
}

#[test]
fn the_cursor_moves_relatively() {
    // The cursor moves down, up, left, and right.
    shows("ab\x1b[Bc", &["ab", "  c"]);
    shows("\r\nab\x1b[Ac", &["  c", "ab"]);
    shows("abc\x1b[2DX", &["aXc"]);
    shows("a\x1b[3CX", &["a   X"]);
    shows("a\x1b[3aX\x1b[2eY", &["a   X", "", "     Y"]);
    // The cursor moves to the beginning of the next or the previous line.
    shows("ab\x1b[2Ec\x1b[Fd", &["ab", "d", "c"]);
    // The cursor moves to the given column or to the given row.
    shows("\x1b[4Ga\x1b[2`b\x1b[3dc", &[" b a", "", "  c"]);
    // The cursor moves no further than the edge of the screen.
    shows("\x1b[99;99HX\x1b[99A\x1b[99DY", &["Y", "", "", "", "         X"]);
}

#[test]
fn the_cursor_is_saved_and_restored() {
    shows("ab\x1b7\r\ncd\x1b8X", &["abX", "cd"]);
    shows("ab\x1b[s\r\ncd\x1b[uX", &["abX", "cd"]);
    shows("ab\x1b[?1048h\r\ncd\x1b[?1048lX", &["abX", "cd"]);
}

#[test]
fn parts_of_a_line_are_erased() {
    shows("abcdef\x1b[3D\x1b[K", &["abc"]);
    shows("abcdef\x1b[3D\x1b[1K", &["    ef"]);
    shows("abcdef\x1b[3D\x1b[2KX", &["   X"]);
    shows("abcdef\x1b[4D\x1b[2X", &["ab  ef"]);
    shows("> half of \r\x1b[Kbob: hi\r\n>", &["bob: hi", ">"]);
}

#[test]
fn parts_of_the_screen_are_erased() {
    let three = "aaa\r\nbbb\r\nccc\x1b[2;2H";
    shows(&format!("{three}\x1b[J"), &["aaa", "b"]);
    shows(&format!("{three}\x1b[1J"), &["", "  b", "ccc"]);
    shows(&format!("{three}\x1b[2JX"), &["", " X"]);
    shows(&format!("{three}\x1b[?JX"), &["aaa", "bX"]);
    shows(&format!("{three}\x1bcX"), &["X"]);
}

#[test]
fn characters_are_inserted_and_deleted() {
    shows("abc\x1b[2D\x1b[2@", &["a  bc"]);
    shows("abcdef\x1b[4D\x1b[2P", &["abef"]);
    shows("abc\r\x1b[4hXY\x1b[4lZ", &["XYZbc"]);
    shows("日本\r\x1b[4h語\x1b[4l", &["語日本"]);
    shows("ab\x1b[3b", &["abbbb"]);
}

#[test]
fn lines_are_inserted_and_deleted() {
    let four = "a\r\nb\r\nc\r\nd\x1b[2;1H";
    shows(&format!("{four}\x1b[L"), &["a", "", "b", "c", "d"]);
    shows(&format!("{four}\x1b[2M"), &["a", "d"]);
    shows(&format!("{four}\x1b[S"), &["b", "c", "d"]);
    shows(&format!("{four}\x1b[T"), &["", "a", "b", "c", "d"]);
}

#[test]
fn a_scroll_region_scrolls_alone() {
    let region = "top\r\n\x1b[5;1H> \x1b[2;4r\x1b[4;1H";
    shows(&format!("{region}a\r\nb\r\nc\r\nd"), &["top", "b", "c", "d", ">"]);
    shows(&format!("{region}a\x1bDb\x1bEc"), &["top", "a", " b", "c", ">"]);
    shows(&format!("{region}a\x1b[2;1H\x1bMb"), &["top", "b", "", "", ">"]);
    shows(&format!("{region}a\x1b[2;1H\x1b[Lb\x1b[4;1H\x1b[M"), &["top", "b", "", "", ">"]);
    // In origin mode, rows are counted from the top of the region.
    shows("\x1b[2;4r\x1b[?6h\x1b[1;1Ha\x1b[9;1Hb\x1b[?6l\x1b[Hc", &["c", "a", "", "b"]);
    // Setting a scrolling region moves the cursor to the first row of the screen.
    shows("a\r\nb\x1b[3;5rc", &["c", "b"]);
    shows("\x1b[2;3r\x1b[!p\x1b[4h\x1b[!p\x1b[5;1Ha\r\nb", &["", "", "", "a", "b"]);
}

#[test]
fn the_alternate_screen_leaves_the_main_one_as_it_was() {
    for mode in [47, 1047, 1049] {
        let output = format!("main\x1b[?{mode}h\x1b[H\x1b[2Jalternate");
        let mut emulator = terminal(10, 5, output.as_bytes());
        assert!(emulator.is_alternate());
        assert_eq!(lines(&mut emulator), ["alternate"], "{mode}");
        continued(&mut emulator, format!("\x1b[?{mode}l").as_bytes());
        assert_eq!(lines(&mut emulator), ["main"], "{mode}");
        // Leaving a screen that the program never entered changes nothing.
        continued(&mut emulator, format!("\x1b[?{mode}l").as_bytes());
        assert_eq!(lines(&mut emulator), ["main"], "{mode}");
    }
    // When mode 1049 is set, the cursor keeps its position. When mode 1049 is reset, the cursor returns to the
    // position that it had when the mode was set.
    shows("a\r\nb\x1b[?1049hX", &["", " X"]);
    shows("a\r\nb\x1b[?1049hX\r\nY\x1b[?1049lc", &["a", "bc"]);
}

#[test]
fn wide_and_combining_characters_keep_their_columns() {
    shows("日本\x1b[3GX", &["日X"]);
    shows("日本\x1b[2GX", &[" X本"]);
    shows("e\u{301}a\x1b[2GX", &["e\u{301}X"]);
    shows("👩‍🚀.", &["👩‍🚀."]);
    assert_eq!(terminal(10, 5, "日本".as_bytes()).column(), 4);
    // Characters that the program did not encode correctly are not lost.
    assert_eq!(lines(&mut terminal(10, 5, b"caf\xc3 \xff")), ["caf\u{fffd} \u{fffd}"]);
}

#[test]
fn tabs_stop_where_the_program_sets_them() {
    shows("a\tb", &["a       b"]);
    shows("\ta\tb", &["        ab"]);
    shows("\x1b[4G\x1bH\rX\tY", &["X  Y"]);
    shows("\x1b[3g\tX", &["         X"]);
    shows("\x1b[9G\x1b[g\r\tX", &["         X"]);
    shows("abc\x1b[ZX", &["Xbc"]);
    shows("\x1b[IX", &["        X"]);
}

#[test]
fn lines_can_be_drawn_with_the_other_character_set() {
    shows("\x1b(0lqk\x1b(B\r\nlqk", &["┌─┐", "lqk"]);
    shows("\x1b)0a\x0ex\x0fx", &["a│x"]);
}

#[test]
fn a_line_feed_may_return() {
    shows("ab\x1b[20h\nc\x1b[20l\nd", &["ab", "c", " d"]);
}

#[test]
fn what_cannot_be_seen_changes_nothing() {
    shows("a\x1b[1;31mb\x1b[0m\x1b]0;title\x07c\x07\x1b[?25l\x1b[?2004hd\x1b[2 qe", &["abcde"]);
    shows("a\x1b[>4;1m\x1b[=1;1u\x1b[?1u\x1bPq\x1b\\\x1b_x\x1b\\\x00\x7fb", &["ab"]);
}

#[test]
fn queries_are_answered() {
    replies("\x1b[5n", "\x1b[0n");
    replies("a\r\nbc\x1b[6n", "\x1b[2;3R");
    replies("0123456789\x1b[6n", "\x1b[1;10R");
    replies("\x1b[?6n", "\x1b[?1;1R");
    replies("\x1b[c\x1b[0c\x1bZ", &"\x1b[?62;22c".repeat(3));
    replies("\x1b[>c", "\x1b[>1;10;0c");
    replies("\x1b[=c", "\x1bP!|00000000\x1b\\");
    replies("\x1b[>q", "\x1bP>|lab\x1b\\");
    replies("\x1b[18t", "\x1b[8;5;10t");
    replies("\x1b[14t", "\x1b[4;80;80t");
    replies("\x1b[?2026$p\x1b[4$p", "\x1b[?2026;0$y\x1b[4;0$y");
    replies("\x1b]11;?\x1b\\", "\x1b]11;rgb:0000/0000/0000\x1b\\");
    replies("\x1bP$qm\x1b\\\x1bP+q544e\x1b\\", "\x1bP0$r\x1b\\\x1bP0+r\x1b\\");
    // The terminal has the new size, and the cursor moves with the text.
    let mut emulator = terminal(10, 5, b"a\r\nb");
    emulator.resize(NonZero::new(20).unwrap(), NonZero::new(9).unwrap());
    continued(&mut emulator, b"\x1b[18t\x1b[6n");
    assert_eq!(emulator.take_replies(), b"\x1b[8;9;20t\x1b[2;2R");
}

#[test]
fn the_replies_for_a_program_that_never_reads_are_bounded() {
    let mut emulator = terminal(10, 5, "\x1b[6n".repeat(10_000).as_bytes());
    assert!(emulator.take_replies().len() < 5000);
}

#[test]
fn a_window_changes_its_size() {
    let size = |columns, rows| (NonZero::new(columns).unwrap(), NonZero::new(rows).unwrap());
    let mut emulator = terminal(10, 5, b"1\r\n2\r\n3\r\n4\r\n5\r\n6");
    let (columns, rows) = size(20, 3);
    emulator.resize(columns, rows);
    assert_eq!(lines(&mut emulator), ["4", "5", "6"]);
    continued(&mut emulator, b"\x1b[3;18HX\x1b[1;1H\t\tY");
    assert_eq!(lines(&mut emulator), ["4               Y", "5", "6                X"]);
    let (columns, rows) = size(5, 6);
    emulator.resize(columns, rows);
    assert_eq!(lines(&mut emulator)[..3], ["1", "2", "3"]);
    continued(&mut emulator, b"\x1b[6;1Habcdefg");
    assert_eq!(lines(&mut emulator).last().unwrap(), "abcdefg");
}

#[test]
fn lines_that_have_left_the_screen_are_kept() {
    let mut emulator = terminal(10, 3, b"0123456789abc\r\n2\r\n3\r\n4\r\n5");
    let all: Vec<_> = emulator.lines(9).into_iter().collect();
    let expected =
        [("0123456789abc", false), ("2", false), ("3", false), ("4", false), ("5", true)];
    assert_eq!(all, expected.map(|(line, has_cursor)| (line.to_owned(), has_cursor)));
    assert_eq!(lines(&mut emulator), ["3", "4", "5"]);
}
