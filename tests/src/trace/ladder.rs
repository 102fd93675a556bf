//! A ladder diagram that is drawn while a session runs. It has one lane (a vertical line) for the server and one for
//! each client, and arrows between the lanes show their messages.

use std::collections::BTreeMap;

use console::{Style, style};

use crate::network::event::{Event, What};
use crate::network::way::Way;
use crate::report::canvas::Canvas;
use crate::report::ladder::CLOCK;
use crate::report::text::{cut, folded, plain, quoted_line, width};
use crate::trace::label::{Label, Pending};

/// How long, in microseconds, the ladder waits for more bytes before it draws an incomplete message.
const QUIET: u64 = 300_000;

/// The minimum width of the text column, in characters.
const TEXT: usize = 34;

/// The minimum and maximum widths of a lane.
const LANE: [usize; 2] = [6, 11];

/// The maximum number of rows for the text of one message.
const ROWS: usize = 3;

/// The server's lane.
const SERVER: usize = 0;

/// The ladder's lanes, and the messages that have not been drawn yet.
pub struct Ladder {
    lab: u32,
    /// The terminal's width and height in characters, or `None` if there is no terminal.
    size: Option<(usize, usize)>,
    clients: BTreeMap<u32, Client>,
    /// The clients' lanes, from left to right. A free lane is `None`.
    lanes: Vec<Option<u32>>,
    /// Whether the names above the lanes must be redrawn.
    is_changed: bool,
    /// The number of rows that have been drawn since the names were last drawn.
    rows: usize,
}

/// A client.
struct Client {
    name: String,
    pending: [Pending; 2],
}

/// One row.
struct Row<'a> {
    at: u64,
    /// The lanes where the arrow begins and ends. If an arrow would begin and end at the same vertical line, a dot is
    /// drawn instead.
    lanes: (usize, usize),
    text: &'a str,
    style: Style,
    dash: char,
}

impl Ladder {
    /// Creates a ladder for a lab. `size` is the terminal's width and height in characters, or `None` if the output is
    /// a pipe.
    pub fn new(lab: u32, size: Option<(usize, usize)>) -> Self {
        Self { lab, size, clients: BTreeMap::new(), lanes: Vec::new(), is_changed: true, rows: 0 }
    }

    /// Sets the size of the terminal.
    pub fn resize(&mut self, size: Option<(usize, usize)>) {
        self.is_changed |= self.size != size;
        self.size = size;
    }

    /// Draws an event and returns the lines to print.
    pub fn draw(&mut self, event: &Event) -> Vec<String> {
        let mut lines = self.draw_until(event.at);
        match &event.what {
            What::Opened { connection, .. } => self.open(*connection),
            What::Named { connection, name } => {
                // In wire format 2, a nickname can arrive without a ⏎. Only the server's reply shows that the nickname
                // is complete.
                let is_it = |number, way, _| number == *connection && way == Way::ToServer;
                lines.extend(self.flush_where(is_it));
                if let Some(client) = self.clients.get_mut(connection) {
                    client.name = cut(&quoted_line(name), LANE[1] - 1);
                    self.is_changed = true;
                }
            }
            What::Passed { connection, way, bytes, late } => {
                let pending = self.clients.get_mut(connection).map(|one| &mut one.pending);
                let labels = pending.map(|all| all[*way as usize].add(event.at, &bytes.0, *late));
                for label in labels.into_iter().flatten() {
                    lines.extend(self.label(*connection, *way, &label));
                }
            }
            // Bytes that were passed on before this event must be drawn first.
            what => {
                let number = what.connection();
                lines.extend(number.into_iter().flat_map(|number| self.flush(number)));
            }
        }
        lines.extend(self.single(event));
        if let What::Gone { connection } = event.what {
            self.close(connection);
        }
        lines
    }

    /// Draws an event that needs only one row.
    fn single(&mut self, Event { at, what }: &Event) -> Vec<String> {
        let (way, text, style, dash) = match what {
            What::Opened { .. } => (Some(Way::ToServer), "connects".to_owned(), Style::new(), '─'),
            What::Closed { way, .. } => (Some(*way), "closes".to_owned(), Style::new(), '─'),
            What::Reset { way, .. } => {
                (Some(*way), "resets the connection".to_owned(), Style::new(), '─')
            }
            What::Trouble { way, kind, after, .. } => {
                let text = format!("✗ {} after {after} bytes", kind.words());
                (Some(*way), text, Style::new().red(), '╌')
            }
            What::Refused { why, .. } => {
                (None, format!("✗ {}", quoted_line(why)), Style::new().red(), '─')
            }
            What::Printed { line } => {
                let line = quoted_line(&plain(line.as_bytes()));
                (None, format!("prints {line}"), Style::new().dim(), '─')
            }
            What::Note { text } => (None, quoted_line(text), Style::new(), '─'),
            What::Named { .. } | What::Passed { .. } | What::Gone { .. } => return Vec::new(),
        };
        let lane = what.connection().map_or(SERVER, |number| self.lane(number));
        let lanes = way.map_or((lane, lane), |way| ends(way, lane));
        let front = what.connection().map(|number| self.front(number)).unwrap_or_default();
        self.row(&Row { at: *at, lanes, text: &(front + &text), style, dash })
    }

    /// Draws each incomplete message that, as of the time `now`, has not grown for a while.
    pub fn draw_until(&mut self, now: u64) -> Vec<String> {
        let is_due = |since: u64| since.saturating_add(QUIET) <= now;
        self.flush_where(|_, _, since| is_due(since))
    }

    /// Returns the time at which to call [`Ladder::draw_until`] next, if necessary.
    pub fn due(&self) -> Option<u64> {
        let pending = self.clients.values().flat_map(|client| &client.pending);
        pending.filter_map(Pending::since).min().map(|since| since.saturating_add(QUIET))
    }

    /// Draws all incomplete messages.
    pub fn finish(&mut self) -> Vec<String> {
        self.flush_where(|_, _, _| true)
    }

    fn flush(&mut self, connection: u32) -> Vec<String> {
        self.flush_where(|other, _, _| other == connection)
    }

    fn flush_where(&mut self, which: impl Fn(u32, Way, u64) -> bool) -> Vec<String> {
        let mut labels = Vec::new();
        for (number, client) in &mut self.clients {
            for (way, pending) in Way::BOTH.into_iter().zip(&mut client.pending) {
                if pending.since().is_some_and(|since| which(*number, way, since)) {
                    labels.extend(pending.take().map(|label| (*number, way, label)));
                }
            }
        }
        labels.sort_by_key(|(.., label)| label.at);
        labels.iter().flat_map(|(number, way, label)| self.label(*number, *way, label)).collect()
    }

    fn open(&mut self, number: u32) {
        let pending = Way::BOTH.map(|way| Pending::new(self.lab, way));
        self.clients.insert(number, Client { name: format!("#{number}"), pending });
        let has_room = self.lanes.len() + 2 < most_lanes(self.columns());
        match self.lanes.iter_mut().find(|lane| lane.is_none()) {
            Some(free) => *free = Some(number),
            None if has_room => self.lanes.push(Some(number)),
            // All clients without their own lane (a vertical line in the diagram) share the rightmost lane.
            None => {}
        }
        self.is_changed = true;
    }

    fn close(&mut self, number: u32) {
        self.clients.remove(&number);
        self.lanes.iter_mut().filter(|lane| **lane == Some(number)).for_each(|lane| *lane = None);
        self.lanes
            .truncate(self.lanes.iter().rposition(Option::is_some).map_or(0, |last| last + 1));
        self.is_changed = true;
    }

    fn columns(&self) -> usize {
        self.size.map_or(80, |(columns, _)| columns)
    }

    /// Returns a client's lane. Clients without their own lane use a shared lane on the right.
    fn lane(&self, number: u32) -> usize {
        let found = self.lanes.iter().position(|lane| *lane == Some(number));
        found.map_or(self.lanes.len() + 1, |lane| lane + 1)
    }

    /// Returns the number of clients in the shared lane.
    fn others(&self) -> usize {
        self.clients.len() - self.lanes.iter().flatten().count()
    }

    /// Returns the number of lanes and the width of each lane.
    fn layout(&self) -> (usize, usize) {
        let count = self.lanes.len().max(1) + 1 + usize::from(self.others() > 0);
        let room = self.columns().saturating_sub(CLOCK + TEXT);
        (count, (room / count).clamp(LANE[0], LANE[1]))
    }

    fn label(&mut self, number: u32, way: Way, label: &Label) -> Vec<String> {
        let (count, lane_width) = self.layout();
        let lane = self.lane(number);
        let front = self.front(number);
        let used = text_column(count, lane_width) + width(&front);
        let room = match self.size {
            Some((columns, _)) => ROWS * columns.saturating_sub(used).max(TEXT / 2),
            None => usize::MAX,
        };
        let text = front + &label.text(self.lab, room);
        let lanes = ends(way, lane);
        self.row(&Row { at: label.at, lanes, text: &text, style: Style::new(), dash: '─' })
    }

    /// Returns the text to put before a client's messages: the client's name if the client has no lane (vertical line)
    /// of its own, or nothing.
    fn front(&self, number: u32) -> String {
        if self.lane(number) > self.lanes.len() { self.name(number) + ": " } else { String::new() }
    }

    fn name(&self, number: u32) -> String {
        self.clients.get(&number).map(|client| client.name.clone()).unwrap_or_default()
    }

    /// Returns the lines to print for a row. The first of these lines shows the names of the server and the clients if
    /// the names have changed or scrolled off the screen.
    fn row(&mut self, row: &Row) -> Vec<String> {
        let mut lines = Vec::new();
        let (count, lane_width) = self.layout();
        let at = |lane| column(lane, lane_width);
        let screen = self.size.map_or(usize::MAX, |(_, rows)| rows.saturating_sub(2).max(1));
        if self.is_changed || self.rows >= screen {
            lines.push(self.names(count, lane_width));
            (self.is_changed, self.rows) = (false, 1);
        }
        let mut ladder = Canvas::default();
        let is_used = |lane: usize| match lane {
            SERVER => true,
            lane => self.lanes.get(lane - 1).is_none_or(Option::is_some),
        };
        for lane in (0..count).filter(|lane| is_used(*lane)) {
            ladder.put(at(lane), "│");
        }
        let mut canvas = ladder.clone();
        #[allow(clippy::cast_precision_loss)] // nobody traces for centuries
        let clock = format!("{:>7.3}", row.at as f64 / 1e6);
        canvas.put(0, &cut(&clock, CLOCK));
        let (from, to) = row.lanes;
        if from == to {
            canvas.put(at(from), "●");
        } else {
            canvas.arrow(at(from), at(to), "", row.dash);
        }
        let begin = text_column(count, lane_width);
        let texts = match self.size {
            Some((columns, _)) => {
                let room = columns.saturating_sub(begin).max(TEXT / 2);
                folded(&cut(row.text, ROWS * room), room)
            }
            None => vec![row.text.to_owned()],
        };
        for (number, text) in texts.iter().take(ROWS).enumerate() {
            let mut line = if number == 0 { canvas.clone() } else { ladder.clone() };
            line.put(begin, text);
            lines.push(row.style.apply_to(line.line()).to_string());
            self.rows += 1;
        }
        lines
    }

    fn names(&self, count: usize, lane_width: usize) -> String {
        let mut canvas = Canvas::default();
        canvas.put(CLOCK - 2, "s");
        let clients = self.lanes.iter().map(|lane| lane.map(|number| self.name(number)));
        let mut names = vec!["server".to_owned()];
        names.extend(clients.map(Option::unwrap_or_default));
        names.resize(count - usize::from(self.others() > 0), String::new());
        if self.others() > 0 {
            names.push(format!("{} more", self.others()));
        }
        for (lane, name) in names.iter().enumerate() {
            let name = cut(name, lane_width - 1);
            let middle = column(lane, lane_width) + 1;
            canvas.put(middle.saturating_sub(width(&name).div_ceil(2)), &name);
        }
        style(canvas.line()).bold().to_string()
    }
}

/// Returns the column in which a lane is drawn.
fn column(lane: usize, lane_width: usize) -> usize {
    CLOCK + lane * lane_width + lane_width / 2
}

/// Returns the column where the text begins, to the right of the last lane.
fn text_column(count: usize, lane_width: usize) -> usize {
    column(count - 1, lane_width) + 3
}

/// Returns the maximum number of lanes that fit.
fn most_lanes(columns: usize) -> usize {
    (columns.saturating_sub(CLOCK + TEXT) / LANE[0]).max(3)
}

/// Returns the lanes where an arrow begins and ends.
fn ends(way: Way, client: usize) -> (usize, usize) {
    match way {
        Way::ToServer => (client, SERVER),
        Way::ToClient => (SERVER, client),
    }
}
