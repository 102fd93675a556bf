//! The bonus stages in which three people use bad networks. Each client is connected to the server through a network
//! of its own; what people see must not depend on it.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use crate::harness::Harness;
use crate::harness::bad_network::BadNetwork;
use crate::harness::person::Person;
use crate::harness::server::Server;
use crate::journal::failure::Check;
use crate::network::trouble::{Between, Only, Trouble};
use crate::network::way::Way;

/// The names of the people.
pub const NAMES: [&str; 3] = ["alice", "bob", "carol"];

/// The pause between the pieces of a message.
const PIECE: Duration = Duration::from_millis(3);

/// How long bob's network pauses in the middle of a message. The handouts do not allow a program to give up on half a
/// message in less than 30 s.
const PAUSE: Duration = Duration::from_millis(1200);

/// Three people who have joined, and what they should see.
pub struct Group<'a> {
    /// The run of the stage.
    pub harness: &'a Harness,
    /// The functions that determine what people see.
    pub functions: &'static [&'static str],
    /// The people, in the order of [`NAMES`].
    pub people: [&'a Person; 3],
    /// The simulated networks, one between each person's client and the server, in the order of [`NAMES`].
    pub networks: &'a [BadNetwork; 3],
    /// Returns the line that shows a message from the person with this name.
    pub shown: fn(&str, &str) -> String,
    /// Whether speakers also see their own messages.
    pub speaker_sees: bool,
    /// About half the length of a message in bytes.
    pub half: u64,
}

/// Creates the three networks.
pub fn networks(harness: &Harness, server: &Server) -> Check<[BadNetwork; 3]> {
    let address: SocketAddr = server.address();
    let [alice, bob, carol] = NAMES.map(|name| harness.network(name, address));
    Ok([alice?, bob?, carol?])
}

impl Group<'_> {
    /// Runs the whole stage: messages are split, delayed, and glued together, and then bob's connection ends. `left` is
    /// the line that announces that bob has left, if the wire format has such an announcement.
    pub fn talks(&self, left: Option<&str>) -> Check {
        self.in_pieces()?;
        self.with_a_pause()?;
        self.glued()?;
        self.without_bob(left)
    }

    fn step(&self, what: &str) {
        self.harness.step(self.functions, what);
    }

    fn trouble(&self) -> Trouble {
        Trouble { seed: Some(self.harness.seed()), ..Trouble::default() }
    }

    /// Checks that everyone sees a message from `NAMES[speaker]`. The speaker sees it only if `speaker_sees` is true.
    fn see(&self, speaker: usize, text: &str) -> Check {
        let line = (self.shown)(NAMES[speaker], text);
        let people = self.people.iter().enumerate();
        let mut others = people.filter(|(other, _)| self.speaker_sees || *other != speaker);
        others.try_for_each(|(_, person)| person.sees(&line))
    }

    fn says(&self, speaker: usize) -> Check<String> {
        let text = self.harness.words(3);
        self.people[speaker].types(&text)?;
        Ok(text)
    }

    fn in_pieces(&self) -> Check {
        self.step("all networks deliver a few bytes at a time; everyone should see each line once");
        let (split, delay) = (Some(Between::new(1, 12)), Some(Between::new(PIECE, PIECE)));
        for network in self.networks {
            network.becomes(Trouble { split, delay, hurries: true, ..self.trouble() })?;
        }
        let mut said = Vec::new();
        for speaker in 0..NAMES.len() {
            let text = self.says(speaker)?;
            self.see(speaker, &text)?;
            said.push(text);
        }
        for (speaker, text) in said.iter().enumerate() {
            let line = (self.shown)(NAMES[speaker], text);
            for (other, person) in self.people.iter().enumerate() {
                person.has_seen(usize::from(self.speaker_sees || other != speaker), &line)?;
            }
        }
        Ok(())
    }

    fn with_a_pause(&self) -> Check {
        self.step("bob's network pauses in the middle of each message; alice and carol talk");
        let [alice, bob, carol] = self.people;
        let [alices, bobs, carols] = self.networks;
        [alices, carols].iter().try_for_each(|network| network.becomes(Trouble::default()))?;
        bobs.becomes(Trouble { pause_after: Some(self.half), ..self.trouble() })?;
        let (of_bob, of_alice) = (self.says(1)?, self.says(0)?);
        for person in [Some(alice).filter(|_| self.speaker_sees), Some(carol)] {
            person.map_or(Ok(()), |person| person.sees(&(self.shown)(NAMES[0], &of_alice)))?;
        }
        // A sleep is necessary here, because no event shows that a program is still waiting for the rest of a message.
        thread::sleep(PAUSE);
        self.step("bob's network delivers the rest; everyone should see both lines");
        bobs.becomes(Trouble::default())?;
        bob.sees(&(self.shown)(NAMES[0], &of_alice))?;
        self.see(1, &of_bob)
    }

    fn glued(&self) -> Check {
        self.step("bob's network glues messages together; everyone should see each line");
        let [alice, bob, carol] = self.people;
        let bobs = &self.networks[1];
        bobs.becomes(Trouble { pause_after: Some(0), ..self.trouble() })?;
        let mut others = Vec::new();
        for (speaker, listener) in [(0, carol), (2, alice)] {
            let line = (self.shown)(NAMES[speaker], &self.says(speaker)?);
            listener.sees(&line)?;
            others.push(line);
        }
        let of_bob = [self.says(1)?, self.says(1)?];
        let hold = Some(Between::new(Duration::ZERO, Duration::ZERO));
        bobs.becomes(Trouble { hold, glue: true, ..self.trouble() })?;
        others.iter().try_for_each(|line| bob.sees(line))?;
        of_bob.iter().try_for_each(|text| self.see(1, text))
    }

    fn without_bob(&self, left: Option<&str>) -> Check {
        let [alice, bob, carol] = self.people;
        self.step("bob's network closes his connection in the middle of a message from alice");
        let (only, close_after) = (vec![Only::Way(Way::ToClient)], Some(Between::new(5, 5)));
        self.networks[1].becomes(Trouble { close_after, only, ..self.trouble() })?;
        let text = self.says(0)?;
        carol.sees(&(self.shown)(NAMES[0], &text))?;
        bob.fails_saying("server")?;
        if let Some(left) = left {
            [alice, carol].iter().try_for_each(|person| person.sees(left))?;
        }
        self.step("bob's connection is lost; alice and carol should still talk");
        for (speaker, listener, name) in [(alice, carol, NAMES[0]), (carol, alice, NAMES[2])] {
            let text = self.harness.words(3);
            speaker.types(&text)?;
            listener.sees(&(self.shown)(name, &text))?;
        }
        Ok(())
    }
}
