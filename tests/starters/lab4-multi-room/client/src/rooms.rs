//! The rooms that this client knows, shared by the thread that sends and the one that receives.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a message waits for the answer to a join.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many rooms are remembered, or a server could fill the memory with rooms.
const MAX_ROOMS: usize = 200;

/// What is known about rooms.
#[derive(Default)]
pub struct Rooms {
    state: Mutex<State>,
    answer: Condvar,
}

#[derive(Default)]
struct State {
    /// The rooms that were joined, by reference: one that was left still has things to say, to begin with
    /// that we left it.
    names: BTreeMap<i64, String>,
    /// The references of the rooms that we are in, the current one last.
    joined: Vec<i64>,
    join_id: i64,
    /// How many joins are not answered yet.
    asked: usize,
}

impl Rooms {
    /// A join is on its way.
    pub fn asked_to_join(&self) {
        self.state().asked += 1;
    }

    /// A join was answered: the room is the current one now.
    pub fn joined(&self, name: String, room_ref: i64, join_id: i64) {
        let mut state = self.state();
        state.names.insert(room_ref, name);
        state.joined.retain(|&other| other != room_ref);
        state.joined.push(room_ref);
        state.join_id = join_id;
        if state.names.len() > MAX_ROOMS
            && let Some((oldest, _)) = state.names.pop_first()
        {
            state.joined.retain(|&other| other != oldest);
        }
        drop(state);
        self.answered();
    }

    /// Something came that is, or may be, the answer to a join.
    pub fn answered(&self) {
        let mut state = self.state();
        state.asked = state.asked.saturating_sub(1);
        self.answer.notify_all();
    }

    /// We are leaving a room.
    pub fn left(&self, room_ref: i64) {
        self.state().joined.retain(|&other| other != room_ref);
    }

    /// What people call the room.
    pub fn name(&self, room_ref: i64) -> String {
        self.state().names.get(&room_ref).cloned().unwrap_or_else(|| format!("room {room_ref}"))
    }

    /// The reference of the room `name` that we are in, of the current room for an empty name, and our
    /// `JOIN_ID`. Waits a moment for the answer to a join that is under way.
    pub fn find(&self, name: &str) -> Option<(i64, i64)> {
        let state = self.answered_state();
        let is_meant = |room_ref: &i64| name.is_empty() || state.names[room_ref] == name;
        let room_ref = state.joined.iter().rev().copied().find(is_meant)?;
        Some((room_ref, state.join_id))
    }

    /// Makes the room `name` the current one; false when we are not in it.
    pub fn switch_to(&self, name: &str) -> bool {
        let mut state = self.answered_state();
        let is_meant = |room_ref: &i64| state.names[room_ref] == name;
        let Some(at) = state.joined.iter().rposition(is_meant) else { return false };
        let room_ref = state.joined.remove(at);
        state.joined.push(room_ref);
        true
    }

    /// The names of the rooms that we are in, the current one marked.
    pub fn list(&self) -> String {
        let state = self.answered_state();
        let mut names: Vec<_> = state.joined.iter().map(|room| state.names[room].clone()).collect();
        if let Some(current) = names.last_mut() {
            current.push_str(" (you talk here)");
        }
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    fn answered_state(&self) -> MutexGuard<'_, State> {
        self.answer
            .wait_timeout_while(self.state(), PATIENCE, |state| state.asked > 0)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
