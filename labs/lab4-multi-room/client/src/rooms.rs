//! The rooms that this client knows, shared by the thread that sends and the one that receives.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a message waits for the answer to a join.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is known about rooms.
#[derive(Default)]
pub struct Rooms {
    state: Mutex<State>,
    answered: Condvar,
}

#[derive(Default)]
struct State {
    /// Every room ever joined, by its reference: a room that was left still has things to say, to begin
    /// with that we left it.
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
        drop(state);
        self.refused();
    }

    /// An error came; perhaps it was the answer to a join.
    pub fn refused(&self) {
        let mut state = self.state();
        state.asked = state.asked.saturating_sub(1);
        self.answered.notify_all();
    }

    /// We are out of a room.
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
        let Some((room_ref, _)) = self.find(name) else { return false };
        let mut state = self.state();
        state.joined.retain(|&other| other != room_ref);
        state.joined.push(room_ref);
        !name.is_empty()
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
        self.answered
            .wait_timeout_while(self.state(), PATIENCE, |state| state.asked > 0)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
