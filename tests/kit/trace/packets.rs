//! Tests packet captures: the test reads them itself and, if tshark is installed, has tshark read them too.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use grader::journal::visible::visible;

use crate::trace::sessions::{BOB, session};
use crate::trace::show;

/// One packet.
struct Packet {
    /// The two addresses, each with its port.
    ends: [([u8; 4], u16); 2],
    time: u64,
    seq: u32,
    ack: u32,
    flags: u8,
    data: Vec<u8>,
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

fn sum(bytes: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) * 256 + pair.get(1).map_or(0, |low| u32::from(*low));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap()
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// Reads a capture and checks the lengths and checksums of its packets.
fn packets(file: &Path) -> Vec<Packet> {
    let bytes = fs::read(file).unwrap();
    let little = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!((little(0), little(20)), (0xa1b2_c3d4, 1));
    let (mut packets, mut at) = (Vec::new(), 24);
    while at < bytes.len() {
        let time = u64::from(little(at)) * 1_000_000 + u64::from(little(at + 4));
        let len = little(at + 8) as usize;
        assert_eq!(little(at + 12) as usize, len);
        let packet = &bytes[at + 16..at + 16 + len];
        at += 16 + len;
        assert_eq!(packet[12..14], [8, 0], "IPv4");
        let (ip, tcp) = packet[14..].split_at(20);
        assert_eq!((ip[0], ip[9], number(&ip[2..4]) as usize), (0x45, 6, len - 14));
        assert_eq!(sum(ip), 0xffff, "the IP header's checksum");
        let tcp_len = u16::try_from(tcp.len()).unwrap().to_be_bytes();
        assert_eq!(
            sum(&[&ip[12..20], &[0, 6], &tcp_len, tcp].concat()),
            0xffff,
            "the TCP checksum"
        );
        let port = |at: usize| u16::try_from(number(&tcp[at..at + 2])).unwrap();
        packets.push(Packet {
            ends: [
                (ip[12..16].try_into().unwrap(), port(0)),
                (ip[16..20].try_into().unwrap(), port(2)),
            ],
            time,
            seq: number(&tcp[4..8]),
            ack: number(&tcp[8..12]),
            flags: tcp[13],
            data: tcp[20..].to_vec(),
        });
    }
    packets
}

#[test]
fn packets_contain_what_was_sent() {
    let (_, _folder, [_, file]) = session();
    let packets = packets(&file);
    assert!(packets.is_sorted_by_key(|packet| packet.time));
    assert!(packets[0].time > 1_600_000_000_000_000, "the time since 1970");
    // For each direction: the next sequence number, and the bytes so far.
    let mut streams: BTreeMap<_, (u32, Vec<u8>)> = BTreeMap::new();
    for Packet { ends: [from, to], seq, ack, flags, data, .. } in &packets {
        let next = streams.get(&(*to, *from)).map_or(0, |(next, _)| *next);
        if flags & ACK != 0 {
            assert_eq!(*ack, next, "the acknowledgment");
        }
        let stream = streams.entry((*from, *to)).or_insert((*seq, Vec::new()));
        assert_eq!(stream.0, *seq, "the sequence number");
        stream.1.extend(data);
        stream.0 = seq
            .wrapping_add(u32::try_from(data.len()).unwrap() + u32::from(flags & (SYN | FIN) != 0));
    }
    let mut bytes: Vec<_> = streams.into_values().map(|(_, bytes)| bytes).collect();
    bytes.sort();
    let long = ["x".repeat(1999), "\n".into(), "y".repeat(1000)].concat().into_bytes();
    let expected = [b"NICK".to_vec(), b"alice\n".to_vec(), BOB.to_vec(), long];
    let shown: Vec<_> = bytes.iter().map(|bytes| visible(bytes)).collect();
    assert!(bytes == expected, "{shown:?}");
    let count = |flag| packets.iter().filter(|packet| packet.flags & flag != 0).count();
    assert_eq!((count(SYN), count(FIN), count(RST)), (4, 2, 1));
}

/// If tshark is installed, returns its output.
fn tshark(file: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file).args([
        "-o",
        "tcp.check_checksum:TRUE",
        "-o",
        "ip.check_checksum:TRUE",
    ]);
    let output = command.args(arguments).output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn tshark_has_no_complaint() {
    let (_, folder, [saved, file]) = session();
    let session = fs::read_to_string(&saved).unwrap();
    let port = session.split_once("\"port\":").unwrap().1.split_once('}').unwrap().0.to_owned();
    // tshark may guess the protocol from the port number, so try the ports of all labs.
    for (lab, usual) in [("1", "9999"), ("2", "55555"), ("3", "9095"), ("4", "8080"), ("2", &port)]
    {
        let usual = session.replacen(&format!("\"port\":{port}"), &format!("\"port\":{usual}"), 1);
        fs::write(&saved, usual.replacen("\"lab\":2", &format!("\"lab\":{lab}"), 1)).unwrap();
        let again = folder.path().join("again");
        assert!(show(&saved, &["--pcap", again.to_str().unwrap()]).0.success());
        let Some(experts) = tshark(&again, &["-q", "-z", "expert"]) else {
            println!("NOT CHECKED: tshark is not installed");
            return;
        };
        // The session contains one reset, for which tshark prints a warning.
        let summaries: Vec<_> = experts.lines().filter(|line| line.contains("  ")).collect();
        let is_harmless = |line: &&str| {
            ["Frequency", "Connection ", "the connection closing"]
                .iter()
                .any(|text| line.contains(text))
        };
        assert!(summaries.iter().all(is_harmless), "lab {lab}:\n{experts}");
        assert!(
            experts.contains("Warns (1)") && !experts.contains("Errors"),
            "lab {lab}:\n{experts}"
        );
        let wrong =
            "tcp.checksum.status == \"Bad\" || ip.checksum.status == \"Bad\" || _ws.malformed";
        assert_eq!(tshark(&again, &["-Y", wrong]).unwrap(), "");
        let protocols = tshark(&again, &["-T", "fields", "-e", "_ws.col.Protocol"]).unwrap();
        assert!(protocols.lines().all(|protocol| protocol == "TCP"), "lab {lab}: {protocols}");
    }
    let follow = tshark(&file, &["-q", "-z", "follow,tcp,ascii,0"]).unwrap();
    assert!(follow.contains("alice"), "{follow}");
}
