//! Parses the lines that the user types. A line is either a command or text for the room.

/// A parsed line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// An empty line.
    Nothing,
    /// Text for the current room. The text can begin with a space.
    Text(String),
    /// `/join ROOM`
    Join(String),
    /// `/leave [ROOM]`; an empty name means the current room.
    Leave(String),
    /// `/room ROOM`: from now on, text goes to this room.
    Switch(String),
    /// `/rooms`
    List,
    /// `/helo TEXT`
    Helo(String),
    /// `/kill`
    Kill,
    /// `/quit`
    Quit,
    /// The text to show when the user asks for help or mistypes a command.
    Help(String),
}

const HELP: &str = "\
/join ROOM, /leave [ROOM], /room ROOM (choose the room to talk in), /rooms, /helo TEXT, /kill, /quit";

impl Command {
    /// Parses a line.
    pub fn parse(line: &str) -> Self {
        // A line that begins with a space is text, not a command.
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim().to_owned();
        match command {
            "" if rest.is_empty() => Self::Nothing,
            "/join" | "/room" if rest.is_empty() => {
                Self::Help(format!("Which room? {command} ROOM"))
            }
            "/join" => Self::Join(rest),
            "/leave" => Self::Leave(rest),
            "/room" => Self::Switch(rest),
            "/rooms" => Self::List,
            "/helo" => Self::Helo(rest),
            "/kill" => Self::Kill,
            "/quit" => Self::Quit,
            "/help" => Self::Help(HELP.to_owned()),
            unknown if unknown.starts_with('/') => Self::Help(format!("No {unknown} here; {HELP}")),
            _ => Self::Text(line.to_owned()),
        }
    }
}
