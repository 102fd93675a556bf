//! Tests with handwritten records. For each rule, some records break it, and others only seem to break it.

mod story;

use self::story::{ANN, BOB, CID, Story};
use super::checker::check;
use super::record::{ItemKind, Way, What};
use super::violation::Rule::*;

#[test]
fn everybody_gets_what_is_said() {
    let mut story = Story::group();
    story.says(ANN, "hi");
    story.all_get(&[ANN, BOB, CID], "ann: hi\n");
    story.ends(None);

    let mut story = Story::group();
    story.says(ANN, "hi");
    story.all_get(&[ANN, CID], "ann: hi\n");
    story.ends(Some((Lost, BOB)));

    // The speaker must also get the message.
    let mut story = Story::group();
    story.says(ANN, "hi");
    story.all_get(&[BOB, CID], "ann: hi\n");
    story.ends(Some((Lost, ANN)));

    let mut story = Story::called(3);
    story.says(ANN, "hi");
    story.of(BOB, "ann", "hi");
    story.ends(Some((Lost, CID)));
}

#[test]
fn a_limit_of_receivers_can_be_guessed() {
    for (misses, hint) in [
        (CID, "; the 2 other people who got it had all come earlier"),
        (BOB, "; 2 other people got it"),
    ] {
        let mut story = Story::group();
        story.says(ANN, "hi");
        for who in [ANN, BOB, CID].into_iter().filter(|who| *who != misses) {
            story.gets(who, "ann: hi\n");
        }
        story.add(ANN, What::Calm);
        let sentence = check(&story.0).unwrap().sentence;
        assert!(sentence.ends_with(hint), "{sentence}");
    }
}

#[test]
fn a_member_that_leaves_may_miss_the_end_but_nothing_in_the_middle() {
    for (heard, expected) in [("ann: one\n", None), ("ann: two\n", Some((Lost, BOB)))] {
        let mut story = Story::group();
        story.says(ANN, "one");
        story.says(ANN, "two");
        story.gets(BOB, heard);
        story.leaves(BOB, Way::Closes);
        for text in ["ann: one\n", "ann: two\n", "bob left!\n"] {
            story.all_get(&[ANN, CID], text);
        }
        story.ends(expected);
    }
    // A newcomer may or may not get a message that was sent before the newcomer was known to be a member.
    for gets_it in [false, true] {
        let mut story = Story::rooms();
        story.asks(CID);
        story.says(ANN, "hi");
        for who in [ANN, BOB] {
            story.hears(who, 1, "ann", "hi");
        }
        story.joined(CID, 0, 1);
        for who in [ANN, BOB, CID] {
            story.hears(who, 1, "cid", "cid has joined this chatroom.");
        }
        if gets_it {
            story.hears(CID, 1, "ann", "hi");
        }
        story.ends(None);
    }
}

#[test]
fn a_reset_may_destroy_a_message_but_not_for_some() {
    let mut story = Story::group();
    story.says(ANN, "hi");
    story.leaves(ANN, Way::Resets);
    story.all_get(&[BOB, CID], "ann left!\n");
    story.ends(None);

    let mut story = Story::group();
    story.says(ANN, "hi");
    story.leaves(ANN, Way::Resets);
    story.gets(BOB, "ann: hi\n");
    story.all_get(&[BOB, CID], "ann left!\n");
    story.ends(Some((Lost, CID)));

    // If the sender leaves properly, no message may be lost.
    let mut story = Story::group();
    story.says(ANN, "hi");
    story.leaves(ANN, Way::Politely);
    story.all_get(&[BOB, CID], "ann left!\n");
    story.add(ANN, What::Closed);
    story.ends(Some((Lost, BOB)));
}

#[test]
fn every_leave_is_announced_to_all_who_stay() {
    for way in [Way::Politely, Way::Closes, Way::Resets] {
        let mut story = Story::group();
        story.leaves(ANN, way);
        story.gets(BOB, "ann left!\n");
        if way == Way::Politely {
            story.add(ANN, What::Closed);
        }
        story.ends(Some((Lost, CID)));
    }
    // In wire formats 1 and 3, a closed connection is not announced.
    for lab in [1, 3] {
        let mut story = Story::called(lab);
        story.leaves(ANN, Way::Closes);
        story.ends(None);
    }
    let mut story = Story::called(3);
    story.leaves(ANN, Way::Politely);
    story.of(BOB, "ann", "!DISCONNECT");
    story.add(ANN, What::Closed);
    story.ends(Some((Lost, CID)));
}

#[test]
fn somebody_whom_nobody_reaches_is_deaf() {
    for lab in [1, 3] {
        let mut story = Story::new(lab);
        for who in [ANN, BOB] {
            story.asks(who);
            if lab == 1 {
                story.gets(who, "Welcome to this chatroom!\n");
            }
        }
        story.says(ANN, "call-1");
        story.says(BOB, "call-2");
        story.of(ANN, "bob", "call-2");
        story.ends(Some((Lost, BOB)));
        // If a person is alone, there is nobody else who could send a probe.
        let mut story = Story::new(lab);
        story.asks(ANN);
        if lab == 1 {
            story.gets(ANN, "Welcome to this chatroom!\n");
        }
        story.ends(None);
    }
}

#[test]
fn nobody_gets_anything_twice_or_its_own_where_there_is_no_echo() {
    let mut story = Story::group();
    story.says(ANN, "hi");
    story.all_get(&[ANN, BOB, CID, BOB], "ann: hi\n");
    story.ends(Some((Twice, BOB)));

    let mut story = Story::group();
    story.gets(ANN, "cid joined!\n");
    story.ends(Some((Twice, ANN)));

    for lab in [1, 3] {
        let mut story = Story::called(lab);
        story.says(ANN, "hi");
        story.of(ANN, "ann", "hi");
        story.ends(Some((Echo, ANN)));
    }
}

#[test]
fn only_members_get_what_is_said() {
    // Bob is not in room 1 and has never received its reference.
    let mut story = Story::rooms();
    story.sends(ANN, 1, ItemKind::Text("secret".into()), false);
    story.hears(ANN, 2, "ann", "secret");
    story.hears(BOB, 2, "ann", "secret");
    story.ends(Some((Stranger, BOB)));

    let mut story = Story::rooms();
    story.sends(ANN, 1, ItemKind::Text("secret".into()), false);
    story.hears(ANN, 1, "ann", "secret");
    story.ends(Some((Stranger, ANN)));

    // Cid joined after the second message had reached someone, so the first message was complete before Cid joined.
    for (text, expected) in [("one", Some((Stranger, CID))), ("two", None)] {
        let mut story = Story::rooms();
        for text in ["one", "two"] {
            story.says(ANN, text);
            for who in [ANN, BOB] {
                story.hears(who, 1, "ann", text);
            }
        }
        story.asks(CID);
        story.joined(CID, 0, 1);
        story.hears(CID, 1, "ann", text);
        for who in [ANN, BOB, CID] {
            story.hears(who, 1, "cid", "cid has joined this chatroom.");
        }
        story.ends(expected);
    }
}

#[test]
fn nobody_gets_what_nobody_has_said() {
    for wrong in ["ann: h\n", "bob: hi\n", "hi\n", "dan: hi\n", "dan joined!\n", "bob left!\n"] {
        let mut story = Story::group();
        story.says(ANN, "hi");
        story.gets(CID, wrong);
        story.ends(Some((Unsaid, CID)));
    }
}

#[test]
fn the_messages_of_one_sender_stay_in_order() {
    let mut story = Story::group();
    story.says(ANN, "one");
    story.says(ANN, "two");
    for text in ["ann: two\n", "ann: one\n"] {
        story.all_get(&[ANN, BOB, CID], text);
    }
    story.ends(Some((Order, ANN)));

    // Messages from different senders may arrive in a different order at each member.
    let mut story = Story::group();
    story.says(ANN, "one");
    story.says(BOB, "two");
    story.all_get(&[ANN, BOB], "ann: one\n");
    story.all_get(&[ANN, BOB, CID], "bob: two\n");
    story.gets(CID, "ann: one\n");
    story.ends(None);
}

#[test]
fn a_join_is_announced_before_the_first_message() {
    let mut story = Story::group();
    story.0.names.push("dan".into());
    let dan = 3;
    story.asks(dan);
    story.all_get(&[ANN, BOB, dan], "dan joined!\n");
    story.gets(dan, "Connected to server!\n");
    story.says(dan, "hi");
    story.all_get(&[ANN, BOB, CID, dan], "dan: hi\n");
    story.gets(CID, "dan joined!\n");
    story.ends(Some((Unannounced, CID)));

    for (first, expected) in [
        ("ann: hi\n", Some((Unannounced, BOB))),
        ("Connected to server!\n", Some((Unannounced, BOB))),
        ("ann joined!\n", Some((Unannounced, BOB))),
    ] {
        let mut story = Story::new(2);
        story.asks(ANN);
        story.gets(ANN, "ann joined!\n");
        story.gets(ANN, "Connected to server!\n");
        story.says(ANN, "hi");
        story.asks(BOB);
        story.gets(BOB, first);
        story.ends(expected);
    }
    let mut story = Story::called(1);
    story.0.names.push("dan".into());
    story.asks(3);
    story.says(ANN, "hi");
    story.of(3, "ann", "hi");
    story.ends(Some((Unannounced, 3)));
    // In wire format 4, the reply must precede the announcement.
    let mut story = Story::rooms();
    story.asks(CID);
    story.hears(CID, 1, "cid", "cid has joined this chatroom.");
    story.ends(Some((Unannounced, CID)));
}

#[test]
fn nothing_comes_after_somebody_has_left() {
    let mut story = Story::group();
    story.says(ANN, "hi");
    story.leaves(ANN, Way::Resets);
    story.gets(BOB, "ann left!\n");
    story.gets(BOB, "ann: hi\n");
    story.ends(Some((AfterLeaving, BOB)));

    let mut story = Story::called(3);
    story.leaves(ANN, Way::Politely);
    story.sends(ANN, 0, ItemKind::Text("late".into()), true);
    story.of(BOB, "ann", "!DISCONNECT");
    story.of(BOB, "ann", "late");
    story.ends(Some((AfterLeaving, BOB)));
}

#[test]
fn a_room_ends_with_the_leavers_own_announcement() {
    for is_late in [false, true] {
        let mut story = Story::rooms();
        story.add(BOB, What::Exits(0));
        story.sends(BOB, 0, ItemKind::Left, false);
        story.says(ANN, "hi");
        story.hears(ANN, 1, "ann", "hi");
        story.gets(BOB, "LEFT_CHATROOM: 1\nJOIN_ID: 2\n");
        if !is_late {
            story.hears(BOB, 1, "ann", "hi");
        }
        for who in [ANN, BOB] {
            story.hears(who, 1, "bob", "bob has left this chatroom.");
        }
        if is_late {
            story.hears(BOB, 1, "ann", "hi");
        }
        story.ends(is_late.then_some((AfterLeaving, BOB)));
    }
    // The server replies with an error to a message that the member sent after leaving.
    let mut story = Story::rooms();
    story.add(BOB, What::Exits(0));
    story.sends(BOB, 0, ItemKind::Left, false);
    story.sends(BOB, 0, ItemKind::Text("late".into()), true);
    story.gets(BOB, "LEFT_CHATROOM: 1\nJOIN_ID: 2\n");
    for who in [ANN, BOB] {
        story.hears(who, 1, "bob", "bob has left this chatroom.");
    }
    story.gets(BOB, "ERROR_CODE: 3\nERROR_DESCRIPTION: no\n");
    story.ends(None);
    // The member who leaves must also get the announcement.
    let mut story = Story::rooms();
    story.add(BOB, What::Exits(0));
    story.sends(BOB, 0, ItemKind::Left, false);
    story.gets(BOB, "LEFT_CHATROOM: 1\nJOIN_ID: 2\n");
    story.hears(ANN, 1, "bob", "bob has left this chatroom.");
    story.ends(Some((Lost, BOB)));
}

#[test]
fn the_server_closes_only_connections_that_end() {
    let mut story = Story::group();
    story.add(BOB, What::Closed);
    story.ends(Some((ThrownOut, BOB)));

    let mut story = Story::rooms();
    story.gets(ANN, "ERROR_CODE: 3\nERROR_DESCRIPTION: no\n");
    story.ends(Some((ThrownOut, ANN)));

    let mut story = Story::called(1);
    story.leaves(BOB, Way::Politely);
    story.add(BOB, What::Closed);
    story.ends(None);

    let mut story = Story::called(1);
    story.leaves(BOB, Way::Politely);
    story.ends(Some((Unanswered, BOB)));
}

#[test]
fn joining_and_leaving_are_acknowledged() {
    for lab in [1, 2, 4] {
        let mut story = Story::new(lab);
        story.add(ANN, What::Connects);
        if lab == 4 {
            story.enters(ANN, 0);
        }
        story.ends(Some((Unanswered, ANN)));
    }
    let mut story = Story::new(1);
    story.asks(ANN);
    story.gets(ANN, "The chatroom is full\n");
    story.ends(Some((Unanswered, ANN)));

    let mut story = Story::new(2);
    story.asks(ANN);
    story.gets(ANN, "ann joined!\n");
    story.ends(Some((Unanswered, ANN)));

    // The server replies to a repeated request to join, but does not announce it.
    for is_answered in [true, false] {
        let mut story = Story::rooms();
        story.add(BOB, What::Asks(0, Vec::new()));
        if is_answered {
            story.joined(BOB, 0, 1);
        }
        story.ends((!is_answered).then_some((Unanswered, BOB)));
    }
    let mut story = Story::rooms();
    story.add(BOB, What::Exits(0));
    story.sends(BOB, 0, ItemKind::Left, false);
    for who in [ANN, BOB] {
        story.hears(who, 1, "bob", "bob has left this chatroom.");
    }
    story.ends(Some((Unanswered, BOB)));
}
