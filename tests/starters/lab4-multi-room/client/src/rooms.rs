//! The data that the sending thread and the receiving thread share: the client's rooms and its requests that have no
//! reply yet.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protocol::{Reply, Request};

/// The maximum time that a typed line waits for the reply to a join.
const PATIENCE: Duration = Duration::from_secs(5);

/// The maximum time that a request waits for the reply to the previous request. Many servers understand only one
/// request per read.
const A_MOMENT: Duration = Duration::from_millis(100);

/// The maximum number of rooms that the client remembers. Without a limit, a server could exhaust the client's memory.
const MAX_ROOMS: usize = 200;

/// The maximum number of unanswered requests that the client remembers.
const MAX_ASKED: usize = 100;

/// The state of the rooms, shared by two threads.
#[derive(Default)]
pub struct Rooms {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The references and names of the rooms that the client has joined, with the latest room last. A room that the
    /// client has left remains here, because the server still sends messages from it, such as the announcement that the
    /// client has left.
    names: Vec<(String, String)>,
    /// The references of the rooms that the client is in, with the current room last.
    joined: Vec<String>,
    join_id: String,
    /// The requests that have no reply yet, in order, each with the time when it was sent.
    asked: VecDeque<(Request, Instant)>,
    /// The number of received errors that may be replies either to a join or to other requests.
    errors: usize,
    /// If the latest join failed, the room and the time when the user was notified.
    lost: Option<(String, Instant)>,
    /// Whether the user is leaving, in which case no function waits for replies anymore.
    is_leaving: bool,
}

impl Rooms {
    /// Waits a moment for the reply to the previous request and then records the request to be sent now.
    pub fn ask(&self, request: &Request) {
        self.wait_a_moment();
        let mut state = self.state();
        match request {
            Request::Join { .. } => state.lost = None,
            // The room is removed now; otherwise, text that is typed before the reply arrives would still go to this
            // room.
            Request::Leave { room_ref, .. } => state.joined.retain(|joined| joined != room_ref),
            _ => {}
        }
        state.asked.push_back((request.clone(), Instant::now()));
        if state.asked.len() > MAX_ASKED {
            state.asked.pop_front();
        }
    }

    /// Waits a moment for the reply to the latest request.
    pub fn wait_a_moment(&self) {
        let mut state = self.state();
        while let Some((request, when)) = state.asked.back()
            && !matches!(request, Request::Kill)
            && !state.is_leaving
        {
            let left = (*when + A_MOMENT).saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.wait(state, left);
        }
    }

    /// Records a reply that is not an error.
    pub fn hear(&self, reply: &Reply) {
        let mut state = self.state();
        if let Reply::Joined { room, room_ref, join_id, .. } = reply {
            state.join(room, room_ref, join_id);
        } else if let Some(at) = state.asked.iter().position(|(asked, _)| is_answer(reply, asked)) {
            state.asked.remove(at);
            state.look_for_refusal();
        }
        self.changed.notify_all();
    }

    /// Records an error that the user has seen. The error may mean that a join was refused.
    pub fn hear_error(&self) {
        let mut state = self.state();
        if state.last_join().is_some() {
            state.errors += 1;
            state.look_for_refusal();
        } else {
            state.asked.pop_front();
        }
        self.changed.notify_all();
    }

    /// Records that the user is leaving and ends every wait for a reply.
    pub fn leave(&self) {
        self.state().is_leaving = true;
        self.changed.notify_all();
    }

    /// Returns the room's name, for people to read.
    pub fn name(&self, room_ref: &str) -> String {
        self.state().name(room_ref).map_or_else(|| format!("room {room_ref}"), str::to_owned)
    }

    /// Returns the room of the latest join, if the reply to that join has not arrived yet.
    pub fn awaited(&self) -> Option<String> {
        self.state().last_join().map(|(room, _)| room.to_owned())
    }

    /// Waits for the replies to all joins, for at most five seconds after the latest join was sent. Returns false if at
    /// least one reply has not arrived.
    pub fn wait_for_join(&self) -> bool {
        let mut state = self.state();
        while let Some((_, when)) = state.last_join() {
            let left = (when + PATIENCE).saturating_duration_since(Instant::now());
            if left.is_zero() || state.is_leaving {
                return false;
            }
            state = self.wait(state, left);
        }
        true
    }

    /// Stops waiting for joins. Call this function after telling the user that there is no reply.
    pub fn give_up(&self) {
        let mut state = self.state();
        state.lost = state.last_join().map(|(room, _)| (room.to_owned(), Instant::now()));
        state.asked.retain(|(request, _)| !matches!(request, Request::Join { .. }));
        state.errors = 0;
    }

    /// Returns the reference of the room `name`, together with the client's `JOIN_ID`, if the client is in the room. An
    /// empty name means the current room, unless the line was `typed` before the user knew that a join had failed:
    /// such a line was not meant for the current room. An error is a message for the user.
    pub fn find(&self, name: &str, typed: Instant) -> Result<(String, String), String> {
        let state = self.state();
        match &state.lost {
            Some((lost, when)) if name.is_empty() && typed < *when => {
                return Err(format!("You are not in room {lost}"));
            }
            _ => {}
        }
        match state.position(name) {
            Some(at) => Ok((state.joined[at].clone(), state.join_id.clone())),
            None if name.is_empty() => Err("You are not in any room; use /join ROOM".into()),
            None => Err("You are not in that room; /rooms shows yours".into()),
        }
    }

    /// Makes the room `name` the current room. Returns false if the client is not in this room.
    pub fn switch_to(&self, name: &str) -> bool {
        let mut state = self.state();
        let Some(at) = state.position(name) else { return false };
        let room_ref = state.joined.remove(at);
        state.joined.push(room_ref);
        // From now on, text is meant for this room.
        state.lost = None;
        true
    }

    /// Returns the names of the rooms that the client is in, with the current room marked.
    pub fn list(&self) -> String {
        let state = self.state();
        let name = |room_ref: &String| state.name(room_ref).unwrap_or_default().to_owned();
        let mut names: Vec<_> = state.joined.iter().map(name).collect();
        if let Some(current) = names.last_mut() {
            current.push_str(" (you talk here)");
        }
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    /// Returns whether this is the current room, that is, the room to which typed text is sent.
    pub fn is_current(&self, room_ref: &str) -> bool {
        self.state().joined.last().is_some_and(|current| current == room_ref)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, limit: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner).0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn name(&self, room_ref: &str) -> Option<&str> {
        let (_, name) = self.names.iter().find(|(known, _)| known == room_ref)?;
        Some(name)
    }

    /// Returns the position in `joined` of the room `name` or, if the name is empty, of the current room.
    fn position(&self, name: &str) -> Option<usize> {
        self.joined.iter().rposition(|room| name.is_empty() || self.name(room) == Some(name))
    }

    /// Returns the room of the latest join that has no reply yet and the time when that join was sent.
    fn last_join(&self) -> Option<(&str, Instant)> {
        let (request, when) = self.asked.iter().rfind(|(request, _)| is_join(request))?;
        if let Request::Join { room, .. } = request { Some((room, *when)) } else { None }
    }

    /// Records that the client is in the room. The room becomes the current room only if the client is still waiting
    /// for this join.
    fn join(&mut self, room: &str, room_ref: &str, join_id: &str) {
        let is_this = |request: &Request| matches!(request, Request::Join { room: asked, .. } if asked == room);
        let at = self.asked.iter().position(|(request, _)| is_this(request));
        if let Some(at) = at {
            // Replies arrive in the order of the requests, so all requests before this one have been handled.
            self.asked.drain(..=at);
            self.errors = 0;
            self.joined.retain(|joined| joined != room_ref);
            self.joined.push(room_ref.to_owned());
        } else if !self.joined.iter().any(|joined| joined == room_ref) {
            self.joined.insert(0, room_ref.to_owned());
        }
        self.names.retain(|(known, _)| known != room_ref);
        self.names.push((room_ref.to_owned(), room.to_owned()));
        join_id.clone_into(&mut self.join_id);
        if self.names.len() > MAX_ROOMS {
            let (oldest, _) = self.names.remove(0);
            self.joined.retain(|joined| *joined != oldest);
        }
    }

    /// Checks whether a join was refused. A refusal is certain if the client has received more errors than the other
    /// requests could have caused; the oldest join without a reply is then removed.
    fn look_for_refusal(&mut self) {
        let others = self.asked.iter().filter(|(request, _)| !is_join(request)).count();
        let at = self.asked.iter().position(|(request, _)| is_join(request));
        if self.errors > others
            && let Some((Request::Join { room, .. }, _)) = at.and_then(|at| self.asked.remove(at))
        {
            self.errors -= 1;
            if self.last_join().is_none() {
                self.lost = Some((room, Instant::now()));
            }
        }
    }
}

fn is_join(request: &Request) -> bool {
    matches!(request, Request::Join { .. })
}

/// Returns whether `reply` could have been sent in reply to `request`.
fn is_answer(reply: &Reply, request: &Request) -> bool {
    match (reply, request) {
        (Reply::Helo { .. }, Request::Helo(_)) => true,
        (Reply::Left { room_ref, .. }, Request::Leave { room_ref: asked, .. }) => room_ref == asked,
        // A speaker gets its own message back.
        (
            Reply::Chat { room_ref, message, .. },
            Request::Chat { room_ref: asked, message: said, .. },
        ) => room_ref == asked && message.trim() == said.trim(),
        _ => false,
    }
}
