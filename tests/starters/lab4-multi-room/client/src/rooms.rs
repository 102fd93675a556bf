//! What this client knows of its rooms, and what it has asked and not heard about. The thread that sends and
//! the one that receives share it.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protocol::{Reply, Request};

/// How long what is typed waits for the answer to a join.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a request waits for the answer to the one before. Many servers understand one request in what a
/// read brings, and no more.
const A_MOMENT: Duration = Duration::from_millis(100);

/// How many rooms are remembered, or a server could fill the memory with rooms.
const MAX_ROOMS: usize = 200;

/// How many requests without an answer are remembered.
const MAX_ASKED: usize = 100;

/// What is known about rooms.
#[derive(Default)]
pub struct Rooms {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// References and names of the rooms that were joined, the last one last. One that was left still has
    /// things to say, to begin with that we left it.
    names: Vec<(String, String)>,
    /// The references of the rooms that we are in, the current one last.
    joined: Vec<String>,
    join_id: String,
    /// What was asked and is not answered yet, in this order, and when.
    asked: VecDeque<(Request, Instant)>,
    /// How many errors have come that may be the answer to a join, or to something else.
    errors: usize,
    /// The room that was asked for last is not to be had, and when the person was told.
    lost: Option<(String, Instant)>,
    /// The person leaves: nothing is waited for.
    is_leaving: bool,
}

impl Rooms {
    /// A request is about to be sent. Waits a moment for the answer to the one before.
    pub fn ask(&self, request: &Request) {
        self.wait_a_moment();
        let mut state = self.state();
        match request {
            Request::Join { .. } => state.lost = None,
            // At once, or what is typed before the answer comes would still go there.
            Request::Leave { room_ref, .. } => state.joined.retain(|joined| joined != room_ref),
            _ => {}
        }
        state.asked.push_back((request.clone(), Instant::now()));
        if state.asked.len() > MAX_ASKED {
            state.asked.pop_front();
        }
    }

    /// Waits a moment for the answer to the last request.
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

    /// A reply has come that is no error.
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

    /// An error has come, and the person has seen it. It may refuse a join.
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

    /// The person leaves, and waits for nothing any more.
    pub fn leave(&self) {
        self.state().is_leaving = true;
        self.changed.notify_all();
    }

    /// What people call the room.
    pub fn name(&self, room_ref: &str) -> String {
        self.state().name(room_ref).map_or_else(|| format!("room {room_ref}"), str::to_owned)
    }

    /// The room that was asked for last, if the answer has not come.
    pub fn awaited(&self) -> Option<String> {
        self.state().last_join().map(|(room, _)| room.to_owned())
    }

    /// Waits for the answer to all joins, for at most five seconds after the last one was asked for; false when
    /// it has not come.
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

    /// Waits for no join any more, and the person has been told so.
    pub fn give_up(&self) {
        let mut state = self.state();
        state.lost = state.last_join().map(|(room, _)| (room.to_owned(), Instant::now()));
        state.asked.retain(|(request, _)| !matches!(request, Request::Join { .. }));
        state.errors = 0;
    }

    /// The reference of the room `name` that we are in, and our `JOIN_ID`. For an empty name, that of the
    /// current room. But what was `typed` before the person knew that a join has failed was not meant for that.
    ///
    /// # Errors
    /// What to tell the person.
    pub fn find(&self, name: &str, typed: Instant) -> Result<(String, String), String> {
        let state = self.state();
        match &state.lost {
            Some((lost, when)) if name.is_empty() && typed < *when => {
                return Err(format!("You are not in {lost}"));
            }
            _ => {}
        }
        match state.position(name) {
            Some(at) => Ok((state.joined[at].clone(), state.join_id.clone())),
            None if name.is_empty() => Err("You are in no room; /join ROOM".into()),
            None => Err("You are not in that room; /rooms shows yours".into()),
        }
    }

    /// Makes the room `name` the current one; false when we are not in it.
    pub fn switch_to(&self, name: &str) -> bool {
        let mut state = self.state();
        let Some(at) = state.position(name) else { return false };
        let room_ref = state.joined.remove(at);
        state.joined.push(room_ref);
        // What is typed now is meant for this room.
        state.lost = None;
        true
    }

    /// The names of the rooms that we are in, the current one marked.
    pub fn list(&self) -> String {
        let state = self.state();
        let name = |room_ref: &String| state.name(room_ref).unwrap_or_default().to_owned();
        let mut names: Vec<_> = state.joined.iter().map(name).collect();
        if let Some(current) = names.last_mut() {
            current.push_str(" (you talk here)");
        }
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    /// Whether text goes to this room.
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

    /// Where in `joined` the room `name` is; the current one for an empty name.
    fn position(&self, name: &str) -> Option<usize> {
        self.joined.iter().rposition(|room| name.is_empty() || self.name(room) == Some(name))
    }

    /// The room that was asked for last, of those without an answer, and when.
    fn last_join(&self) -> Option<(&str, Instant)> {
        let (request, when) = self.asked.iter().rfind(|(request, _)| is_join(request))?;
        if let Request::Join { room, .. } = request { Some((room, *when)) } else { None }
    }

    /// We are in the room. If nobody waits for that any more, text goes where it has gone before.
    fn join(&mut self, room: &str, room_ref: &str, join_id: &str) {
        let is_this = |request: &Request| matches!(request, Request::Join { room: asked, .. } if asked == room);
        let at = self.asked.iter().position(|(request, _)| is_this(request));
        if let Some(at) = at {
            // Answers come in the order of the requests, so all before it has been dealt with.
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

    /// When more errors have come than other requests could have caused, a join is refused.
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

/// Whether the reply is what such a request asks for.
fn is_answer(reply: &Reply, request: &Request) -> bool {
    match (reply, request) {
        (Reply::Helo { .. }, Request::Helo(_)) => true,
        (Reply::Left { room_ref, .. }, Request::Leave { room_ref: asked, .. }) => room_ref == asked,
        // (what one says comes back)
        (
            Reply::Chat { room_ref, message, .. },
            Request::Chat { room_ref: asked, message: said, .. },
        ) => room_ref == asked && message.trim() == said.trim(),
        _ => false,
    }
}
