//! Unusual: sends each frame byte by byte, with one thread for each client.

use std::collections::BTreeMap;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use clap::Parser;
use common::{Endpoint, log};

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<9095>,
}

struct Member {
    stream: Arc<TcpStream>,
    frames: Sender<Arc<Vec<u8>>>,
    /// The number of bytes waiting to be sent to this member.
    waiting: Arc<AtomicUsize>,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    common::exit_on_ctrl_c()?;
    log("[SERVER] Starting ...");
    let listener = options.endpoint.listen()?;
    log(&format!("[SERVER] server started at {}", listener.local_addr()?));
    let room = Mutex::new(BTreeMap::new());
    let locked = move |change: &mut dyn FnMut(&mut BTreeMap<u64, Member>)| {
        let mut members = room.lock().unwrap_or_else(PoisonError::into_inner);
        let before = members.len();
        change(&mut members);
        if members.len() != before {
            log(&format!("[SERVER] active connections = {}", members.len()));
        }
    };
    common::serve(&listener, 1000, b"", move |id, stream| {
        stream.set_nodelay(true)?;
        let peer = stream.peer_addr()?;
        let (frames, to_write) = mpsc::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let (writer, counter) = (Arc::clone(stream), Arc::clone(&waiting));
        thread::Builder::new().spawn(move || write_frames(&writer, &to_write, &counter))?;
        let mut member = Some(Member { stream: Arc::clone(stream), frames, waiting });
        locked(&mut |members| members.extend(member.take().map(|member| (id, member))));
        log(&format!("[SERVER] {peer} connected"));

        let result = loop {
            let payload = match frame::read(&mut &**stream) {
                Ok(Some(payload)) => payload,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            log(&payload);
            let frame = Arc::new(frame::encode(&payload));
            locked(&mut |members| {
                for (_, other) in members.iter().filter(|(other, _)| **other != id) {
                    if other.waiting.fetch_add(frame.len(), Ordering::Relaxed) > 1 << 20 {
                        let _ = other.stream.shutdown(Shutdown::Both);
                    }
                    let _ = other.frames.send(Arc::clone(&frame));
                }
            });
            if payload == "!DISCONNECT" || payload.ends_with("] : !DISCONNECT") {
                break Ok(());
            }
        };
        locked(&mut |members| drop(members.remove(&id)));
        Ok(result?)
    })
}

fn write_frames(stream: &TcpStream, frames: &Receiver<Arc<Vec<u8>>>, waiting: &AtomicUsize) {
    for frame in frames {
        if frame::write(&mut &*stream, &frame).is_err() {
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
        waiting.fetch_sub(frame.len(), Ordering::Relaxed);
    }
    let _ = stream.shutdown(Shutdown::Write);
}
