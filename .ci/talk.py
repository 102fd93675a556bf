"""Tests eight finished chat programs: talk.py FOLDER-OF-THE-PROGRAMS [COMMAND-THAT-STARTS-THEM]

The grader tests much more, but needs terminals. This script needs none, so it can test programs for Windows.
"""

import os
import socket
import subprocess
import sys
import threading
import time

FOLDER, START = sys.argv[1], sys.argv[2:]
SUFFIX = ".exe" if os.path.exists(f"{FOLDER}/solution1-server.exe") else ""
# The time limit for each wait, in seconds. Only a program that hangs reaches this limit.
LIMIT = 20
# The programs to kill after each test. If the test fails, some of these programs are still running.
running = []


class Feed:
    """The bytes that arrive. A thread reads them, so no sender ever has to wait for this script."""

    def __init__(self, read):
        self.bytes, self.ended, self.changed = b"", False, threading.Condition()
        threading.Thread(target=self.collect, args=(read,), daemon=True).start()

    def collect(self, read):
        chunk = b"more"
        while chunk:
            try:
                chunk = read(65536)
            except OSError:
                chunk = b""
            with self.changed:
                self.bytes += chunk
                self.ended = not chunk
                self.changed.notify_all()

    def take(self, end):
        """Returns everything up to and including `end`."""
        with self.changed:
            there = self.changed.wait_for(lambda: end in self.bytes or self.ended, LIMIT)
            assert there and end in self.bytes, f"no {end!r}, only {self.bytes[-300:]!r}"
            taken, self.bytes = self.bytes[: (at := self.bytes.index(end) + len(end))], self.bytes[at:]
            return taken

    def has(self, expected, limit=0):
        """Returns whether these bytes have arrived or arrive within the limit. Does not remove the bytes."""
        with self.changed:
            return self.changed.wait_for(lambda: expected in self.bytes, limit)

    def gets(self, expected):
        """Checks that the next bytes are exactly these."""
        taken = self.take(expected)
        assert taken == expected, f"received {taken[-300:]!r} instead of {expected[:300]!r}"

    def gets_end(self):
        with self.changed:
            assert self.changed.wait_for(lambda: self.ended, LIMIT), "the connection was not closed"
            assert not self.bytes, f"{self.bytes[-300:]!r} arrived before the end"


class Peer(Feed):
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), LIMIT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(self.socket.recv)
        self.socket.settimeout(None)

    def sends(self, data):
        self.socket.sendall(data)

    def closes(self):
        # Without the shutdown, the connection would stay open until the reading thread's `recv` returned.
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Relay:
    """Connects a client and its server and can cut the connection. Wine may keep a killed server's connection open."""

    def __init__(self, port):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.ends = []
        threading.Thread(target=self.connect, args=(port,), daemon=True).start()

    def connect(self, port):
        self.ends = [self.listener.accept()[0], socket.create_connection(("127.0.0.1", port), LIMIT)]
        for here, there in (self.ends, self.ends[::-1]):
            here.settimeout(None)
            threading.Thread(target=self.pass_on, args=(here, there), daemon=True).start()

    def pass_on(self, here, there):
        try:
            while chunk := here.recv(65536):
                there.sendall(chunk)
        except OSError:
            pass

    def closes(self):
        self.listener.close()
        for end in self.ends:
            end.shutdown(socket.SHUT_RDWR)
            end.close()


class Program(Feed):
    def __init__(self, name, port):
        command = [*START, f"{FOLDER}/{name}{SUFFIX}", str(port)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
        )
        running.append(self.process)
        super().__init__(self.process.stdout.read)

    def types(self, line):
        self.process.stdin.write(line.encode() + b"\n")

    def ends_with(self, status):
        got = self.process.wait(LIMIT)
        assert got == status, f"exit status {got} instead of {status}; its last output: {self.bytes[-300:]!r}"

    def is_ended(self):
        self.process.kill()
        self.process.wait(LIMIT)


def server(number):
    """Starts a server on a free port and returns the server and the port."""
    program = Program(f"solution{number}-server", 0)
    program.take(b"listening on 127.0.0.1:")
    return program, int(program.take(b"\n"))


def server_1():
    program, port = server(1)
    ann, bob = Peer(port), Peer(port)
    for peer in (ann, bob):
        peer.gets(b"Welcome to this chatroom!\n")
    Peer(port).gets(b"The chatroom is full\n")
    for at in range(300):
        ann.sends(b"line %d\n" % at)
    bob.gets(b"".join(b"<127.0.0.1> line %d\n" % at for at in range(300)))
    ann.sends(b"quit\n")
    ann.gets_end()
    program.take(b"127.0.0.1 closed\n")
    second = Program("solution1-server", port)
    second.take(b"another program is using port %d;" % port)
    second.ends_with(1)
    program.is_ended()
    return "300 lines, a full room, quit, a port that is taken"


def nick_joins(port, name, others=()):
    peer = Peer(port)
    peer.gets(b"NICK")
    peer.sends(name)
    for member in (peer, *others):
        member.gets(name + b" joined!\n")
    peer.gets(b"Connected to server!\n")
    return peer


def server_2():
    program, port = server(2)
    alice = nick_joins(port, b"alice")
    bob = nick_joins(port, b"bob", [alice])
    carol = nick_joins(port, b"carol", [alice, bob])
    for at in range(3000):
        alice.sends(b"alice: line %d\n" % at)
    for peer in (alice, bob, carol):
        peer.gets(b"".join(b"alice: line %d\n" % at for at in range(3000)))
    second = Peer(port)
    second.gets(b"NICK")
    second.sends(b"Alice")
    second.take(b"Nickname refused: ")
    carol.closes()
    for peer in (alice, bob):
        peer.gets(b"carol left!\n")
    # A client that never reads is disconnected, and the other clients miss nothing.
    deaf = socket.create_connection(("127.0.0.1", port), LIMIT)
    assert deaf.recv(4) == b"NICK"
    deaf.sendall(b"deaf")
    for peer in (alice, bob):
        peer.gets(b"deaf joined!\n")
    line = b"alice: " + 60_000 * b"x" + b"\n"
    heard, count, until = b"", 0, time.monotonic() + LIMIT
    while not program.has(b"is more than 1 MiB behind: disconnected\n"):
        assert time.monotonic() < until, f"{count} lines of 60 kB, and the deaf client is still connected"
        alice.sends(line)
        heard += alice.take(line[-2:])
        count += 1
    # On Windows, a shutdown does not wake the reading thread (rust-lang/rust#121594).
    immediately = b"deaf left!\n" in heard or alice.has(b"deaf left!\n", 2)
    deaf.close()
    alice.sends(b"alice: the end\n")
    for peer in (alice, bob):
        left = heard if peer is alice else b""
        while b"deaf left!\n" not in left or b"the end\n" not in left:
            left += peer.take(b"\n")
        said = left.replace(b"deaf left!\n", b"", 1)
        assert said == count * line + b"alice: the end\n", f"{'alice' if peer is alice else 'bob'} has missed something"
    program.is_ended()
    deaf_one = "disconnected" if immediately else "disconnected, but a member until it closes"
    return f"3,000 lines in order to three peers, a nickname refused, a deaf client {deaf_one}"


def frame(payload):
    return b"%-64d%s" % (len(payload), payload)


def server_3():
    program, port = server(3)
    ann = Peer(port)
    program.take(b"active connections = 1\n")
    bob = Peer(port)
    program.take(b"active connections = 2\n")
    said = b"".join(frame("[ann] : é %d".encode() % at) for at in range(300))
    # Send pieces whose boundaries do not match those of the frames.
    for at in range(0, len(said), 1000):
        ann.sends(said[at : at + 1000])
    bob.gets(said)
    bad = Peer(port)
    bad.sends(64 * b"x")
    bad.gets_end()
    ann.sends(frame(b"[ann] : !DISCONNECT"))
    bob.gets(frame(b"[ann] : !DISCONNECT"))
    ann.gets_end()
    program.is_ended()
    return "300 frames in pieces, a bad header, !DISCONNECT"


def server_4():
    program, port = server(4)
    ann, bob = Peer(port), Peer(port)
    ann.sends(b"HELO there\n")
    ann.gets(b"HELO there\nIP:127.0.0.1\nPort:%d\nStudentID:0\n" % port)
    joins = b"JOIN_CHATROOM: room1\nCLIENT_IP: 0\nPORT: 0\nCLIENT_NAME: %s\n"
    news = b"CHAT: 1\nCLIENT_NAME: %s\nMESSAGE: %s\n\n"
    ann.sends(joins % b"ann")
    reply = b"JOINED_CHATROOM: room1\nSERVER_IP: 127.0.0.1\nPORT: %d\nROOM_REF: 1\nJOIN_ID: " % port
    ann.gets(reply)
    join_id = ann.take(b"\n").strip()
    ann.gets(news % (b"ann", b"ann has joined this chatroom."))
    bob.sends(joins % b"bob")
    bob.gets(reply)
    bob.take(b"\n")
    for peer in (ann, bob):
        peer.gets(news % (b"bob", b"bob has joined this chatroom."))
    for at in range(300):
        ann.sends(b"CHAT: 1\nJOIN_ID: %s\nCLIENT_NAME: ann\nMESSAGE: line %d\n\n" % (join_id, at))
    for peer in (ann, bob):
        peer.gets(b"".join(news % (b"ann", b"line %d" % at) for at in range(300)))
    ann.sends(b"CHAT: 99\nJOIN_ID: %s\nCLIENT_NAME: ann\nMESSAGE: hi\n\n" % join_id)
    ann.take(b"ERROR_CODE: 2\n")
    ann.take(b"\n")
    ann.sends(b"LEAVE_CHATROOM: 1\nJOIN_ID: %s\nCLIENT_NAME: ann\n" % join_id)
    ann.gets(b"LEFT_CHATROOM: 1\nJOIN_ID: %s\n" % join_id)
    for peer in (ann, bob):
        peer.gets(news % (b"ann", b"ann has left this chatroom."))
    ann.sends(b"KILL_SERVICE\n")
    program.ends_with(0)
    return "rooms, 300 messages, an error, KILL_SERVICE with status 0"


def client_1(_host, program, peer):
    peer.gets(b"Welcome to this chatroom!\n")
    program.take(b"Welcome to this chatroom!\n")
    program.types("hello")
    peer.gets(b"<127.0.0.1> hello\n")
    peer.sends(b"hi\n")
    program.take(b"<127.0.0.1> hi\n")
    return "quit"


def client_2(_host, program, peer):
    peer.gets(b"NICK")
    peer.sends(b"bob")
    peer.gets(b"bob joined!\nConnected to server!\n")
    program.take(b"nickname: ")
    program.types("ann")
    peer.gets(b"ann joined!\n")
    program.take(b"Connected to server!\n")
    program.types("hello")
    peer.gets(b"ann: hello\n")
    peer.sends(b"hi\n")
    program.take(b"bob: hi\n")
    return "/quit"


def client_3(host, program, peer):
    # Only this line shows that the peer has joined.
    host.take(b"active connections = 1\n")
    program.take(b"Enter your name : ")
    program.types("ann")
    program.types("hello")
    peer.gets(frame(b"[ann] : hello"))
    peer.sends(frame(b"[bob] : hi"))
    program.take(b"[bob] : hi\n")
    return "!DISCONNECT"


def client_4(_host, program, peer):
    program.take(b"name: ")
    program.types("ann")
    program.types("/join room1")
    program.take(b"[room1] ann: ann has joined this chatroom.\n")
    peer.sends(b"JOIN_CHATROOM: room1\nCLIENT_IP: 0\nPORT: 0\nCLIENT_NAME: bob\n")
    peer.take(b"MESSAGE: bob has joined this chatroom.\n\n")
    program.types("hello")
    peer.gets(b"CHAT: 1\nCLIENT_NAME: ann\nMESSAGE: hello\n\n")
    peer.sends(b"CHAT: 1\nJOIN_ID: 0\nCLIENT_NAME: bob\nMESSAGE: hi\n\n")
    program.take(b"[room1] bob: hi\n")
    return "/quit"


def client(number, talk):
    for way in ("its word", "end of input", "no server"):
        host, port = server(number)
        peer, relay = Peer(port), Relay(port)
        program = Program(f"solution{number}-client", relay.port if way == "no server" else port)
        word = talk(host, program, peer)
        if way == "its word":
            program.types(word)
        elif way == "end of input":
            program.process.stdin.close()
        else:
            relay.closes()
            program.take(b"Error: the server closed the connection")
        program.ends_with(1 if way == "no server" else 0)
        host.is_ended()
    alone = Program(f"solution{number}-client", relay.port)
    alone.types("ann")
    alone.take(b"nobody is listening on 127.0.0.1:%d" % relay.port)
    alone.ends_with(1)
    return "joins, talks, exits with status 0 on its word and at the end of input, and with status 1 without a server"


def main():
    talks = [(f"server {number}", globals()[f"server_{number}"], ()) for number in range(1, 5)]
    talks += [(f"client {number}", client, (number, globals()[f"client_{number}"])) for number in range(1, 5)]
    failures = 0
    for name, talk, arguments in talks:
        # Try twice, because Wine kills a program (status -9) if its threads take half a second to exit.
        for last in (False, True):
            began = time.monotonic()
            try:
                told = f"{talk(*arguments)} ({time.monotonic() - began:.1f} s)"
            except (AssertionError, OSError, ValueError, subprocess.TimeoutExpired) as problem:
                told, failed = f"FAILED: {problem}", True
            else:
                failed = False
            finally:
                for process in running:
                    process.kill()
                    process.wait()
                running.clear()
            print(f"  {name}: {told}", flush=True)
            if not failed:
                break
            failures += last
    sys.exit(1 if failures else 0)


main()
