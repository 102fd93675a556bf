//! A packet capture (pcap) of a session, for Wireshark and tshark. The relay does not see packets, so the packets in
//! the capture are made up. The made-up packets look as if each client ran on its own computer and each piece that the
//! relay passed on were one TCP segment, or several segments if the piece is long.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};

use crate::network::event::{Event, What};
use crate::network::trouble::Kind;
use crate::network::way::Way;
use crate::trace::session::About;

/// The maximum number of bytes in a segment, as on Ethernet.
const SEGMENT: usize = 1460;

/// The lengths of the IP and TCP headers, in bytes.
const IP: usize = 20;
const TCP: usize = 20;

/// The server's address. The client of connection 1 has the address 10.0.1.1, and the client of connection 256 has
/// 10.0.2.0.
const SERVER: [u8; 4] = [10, 0, 0, 1];

/// In connection 1, the client's port is this number plus 1. No other protocol uses these ports, so Wireshark does not
/// misinterpret the bytes.
const CLIENTS: u16 = 50_000;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// Writes a packet capture.
pub struct Packets<W: Write = BufWriter<File>> {
    file: W,
    about: About,
    connections: BTreeMap<u32, Connection>,
    count: u16,
}

/// One connection. In each pair, the client's value comes first.
struct Connection {
    ports: [u16; 2],
    /// The sequence number of the next byte.
    next: [u32; 2],
    /// Whether this end has sent a FIN.
    has_ended: [bool; 2],
}

impl<W: Write> Packets<W> {
    /// Creates a packet capture.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn new(mut file: W, about: &About) -> io::Result<Self> {
        // The fields are the magic number for microseconds, version 2.4, no time zone, and the maximum length of a
        // packet.
        let [zero, length, ethernet] = [0_u32, 0xffff, 1];
        file.write_all(&0xa1b2_c3d4_u32.to_le_bytes())?;
        file.write_all(&[2, 0, 4, 0])?;
        for field in [zero, zero, length, ethernet] {
            file.write_all(&field.to_le_bytes())?;
        }
        Ok(Self { file, about: about.clone(), connections: BTreeMap::new(), count: 0 })
    }

    /// Adds the packets for an event.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn add(&mut self, event: &Event) -> io::Result<()> {
        let at = event.at;
        match &event.what {
            What::Opened { connection, .. } => {
                #[allow(clippy::cast_possible_truncation)] // less than 5,000
                let client = CLIENTS + (*connection % 5000) as u16;
                let ports = [client, server_port(self.about.port)];
                // The initial sequence numbers look random, but are the same in each export.
                let first = connection.wrapping_mul(0x9e37_79b9);
                let next = [first, first ^ 0x5bd1_e995];
                let opened = Connection { ports, next, has_ended: [false; 2] };
                self.connections.insert(*connection, opened);
                self.send(at, *connection, Way::ToServer, SYN, &[])?;
                self.send(at, *connection, Way::ToClient, SYN | ACK, &[])?;
                self.send(at, *connection, Way::ToServer, ACK, &[])
            }
            What::Passed { connection, way, bytes, .. } => {
                bytes.0.chunks(SEGMENT).try_for_each(|segment| {
                    self.send(at, *connection, *way, PSH | ACK, segment)?;
                    self.send(at, *connection, way.back(), ACK, &[])
                })
            }
            What::Closed { connection, way } => self.end(at, *connection, *way),
            What::Reset { connection, way } => self.send(at, *connection, *way, RST | ACK, &[]),
            What::Trouble { connection, way, kind, .. } => match kind {
                Kind::Stop => Ok(()),
                Kind::HalfClose => self.end(at, *connection, *way),
                Kind::Close => {
                    self.end(at, *connection, *way)?;
                    self.end(at, *connection, way.back())
                }
                Kind::Reset => self.send(at, *connection, *way, RST | ACK, &[]),
            },
            What::Refused { connection, .. } => {
                self.send(at, *connection, Way::ToClient, RST | ACK, &[])
            }
            What::Gone { connection } => {
                self.connections.remove(connection);
                Ok(())
            }
            What::Named { .. } | What::Printed { .. } | What::Note { .. } => Ok(()),
        }
    }

    /// Writes the packets that are still buffered.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn finish(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    fn end(&mut self, at: u64, connection: u32, way: Way) -> io::Result<()> {
        self.send(at, connection, way, FIN | ACK, &[])?;
        self.send(at, connection, way.back(), ACK, &[])
    }

    /// Writes one packet, unless the connection or this direction of it has ended.
    fn send(&mut self, at: u64, number: u32, way: Way, flags: u8, data: &[u8]) -> io::Result<()> {
        let Some(connection) = self.connections.get_mut(&number) else { return Ok(()) };
        let (own, other) = (way as usize, way.back() as usize);
        if connection.has_ended[own] && flags != ACK && flags & RST == 0 {
            return Ok(());
        }
        let ack = if flags & ACK == 0 { 0 } else { connection.next[other] };
        let seq = connection.next[own];
        let ports = [connection.ports[own], connection.ports[other]];
        // SYN and FIN each count as one byte.
        let len = data.len() + usize::from(flags & (SYN | FIN) != 0);
        #[allow(clippy::cast_possible_truncation)] // at most SEGMENT
        let len = len as u32;
        connection.next[own] = seq.wrapping_add(len);
        connection.has_ended[own] |= flags & FIN != 0;
        if flags & RST != 0 {
            self.connections.remove(&number);
        }

        let [_, high, middle, low] = number.wrapping_add(256).to_be_bytes();
        let client = [10, high, middle, low];
        let addresses = match way {
            Way::ToServer => [client, SERVER],
            Way::ToClient => [SERVER, client],
        };
        let mut tcp = Vec::with_capacity(TCP + data.len());
        tcp.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
        tcp.extend(seq.to_be_bytes());
        tcp.extend(ack.to_be_bytes());
        tcp.extend([5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
        tcp.extend(data);
        let mut summed = addresses.concat();
        summed.extend([0, 6]);
        summed.extend(length(tcp.len()).to_be_bytes());
        summed.extend(&tcp);
        tcp[16..18].copy_from_slice(&checksum(&summed).to_be_bytes());

        let total = length(IP + tcp.len()).to_be_bytes();
        self.count = self.count.wrapping_add(1);
        let id = self.count.to_be_bytes();
        let mut ip = vec![4 << 4 | 5, 0, total[0], total[1], id[0], id[1], 0x40, 0, 64, 6, 0, 0];
        ip.extend(addresses.concat());
        let sum = checksum(&ip).to_be_bytes();
        ip[10..12].copy_from_slice(&sum);

        // Each Ethernet address consists of 02:00 and the IP address. Such addresses do not belong to any manufacturer.
        let mac = |address: [u8; 4]| [&[2, 0], &address[..]].concat();
        let ethernet = [mac(addresses[1]), mac(addresses[0]), vec![0x08, 0x00]].concat();
        let packet = [ethernet, ip, tcp].concat();
        let time = self.about.began.saturating_add(at);
        let seconds = u32::try_from(time / 1_000_000).unwrap_or(u32::MAX);
        #[allow(clippy::cast_possible_truncation)] // less than a million
        let micros = (time % 1_000_000) as u32;
        let len = u32::from(length(packet.len()));
        for field in [seconds, micros, len, len] {
            self.file.write_all(&field.to_le_bytes())?;
        }
        self.file.write_all(&packet)
    }
}

/// Returns the server's port in the capture. Two common ports are replaced, because Wireshark would decode them as
/// other protocols.
fn server_port(port: u16) -> u16 {
    match port {
        8080 | 9999 => port + 10_000,
        port => port,
    }
}

/// Returns a length as a 16-bit number. All lengths are at most [`SEGMENT`] plus the headers.
fn length(length: usize) -> u16 {
    length.try_into().unwrap_or(u16::MAX)
}

/// Returns the checksum defined in RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let pairs = pairs.iter().map(|pair| u32::from(u16::from_be_bytes(*pair)));
    let mut sum: u32 = pairs.sum::<u32>() + rest.first().map_or(0, |last| u32::from(*last) << 8);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    #[allow(clippy::cast_possible_truncation)] // at most 0xffff
    let sum = sum as u16;
    !sum
}
