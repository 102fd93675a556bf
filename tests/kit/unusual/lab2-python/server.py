# Unusual: Python. Each client has a reading thread and a writing thread, and a lock guards the room.

import argparse
import os
import queue
import select
import signal
import socket
import threading
import time
from unicodedata import category

LIMIT = 64 * 1024
MAX_WAITING = 1024 * 1024
SILENCE = 0.05

room_lock = threading.Lock()
room = {}  # from the casefolded nickname to the client


def log(text):
    print("".join("\ufffd" if category(c) == "Cc" else c for c in text), flush=True)


class Client:
    def __init__(self, connection):
        self.connection = connection
        self.nickname = None
        self.begun = b""
        self.only_newlines = None  # whether only newlines end messages; unknown before the first message
        self.lines = queue.SimpleQueue()
        self.waiting = 0
        self.lock = threading.Lock()

    def gets(self, line):
        """Sends a line without waiting, because another thread writes it."""
        line = f"{line}\n".encode()
        with self.lock:
            self.waiting += len(line)
            is_deaf = self.waiting > MAX_WAITING
        if is_deaf:
            self.hang_up(socket.SHUT_RDWR)
        else:
            self.lines.put(line)

    def hang_up(self, how):
        try:
            self.connection.shutdown(how)
        except OSError:
            pass  # the client has already gone

    def write(self):
        while (line := self.lines.get()) is not None:
            try:
                self.connection.sendall(line)
            except OSError:
                return self.hang_up(socket.SHUT_RDWR)
            with self.lock:
                self.waiting -= len(line)
        self.hang_up(socket.SHUT_WR)

    def message(self, is_nickname=False, deadline=None):
        """Returns the next message, which may be empty; None at the end of the stream."""
        while True:
            line, newline, rest = self.begun.partition(b"\n")
            if len(line) > LIMIT + 1:
                raise ValueError("a message of more than 64 KiB")
            silence = self.begun and (is_nickname or not self.only_newlines)
            ends = bool(newline)
            if not ends:
                waits = [SILENCE] if silence else []
                if deadline is not None:
                    waits.append(max(0, deadline - time.monotonic()))
                timeout = min(waits, default=None)
                if select.select([self.connection], [], [], timeout)[0]:
                    received = self.connection.recv(65536)
                    self.begun += received
                    if received:
                        continue
                    if not self.begun:
                        return None
                    ends = True
                elif deadline is not None and time.monotonic() >= deadline:
                    raise ValueError("it did not arrive in time")
            if not is_nickname and self.only_newlines is None:
                self.only_newlines = bool(newline)
            self.begun = rest
            return line.removesuffix(b"\r").decode(errors="replace")

    def serve(self, patience):
        try:
            self.connection.sendall(b"NICK")
            nickname = self.message(True, time.monotonic() + patience)
            if nickname is None:
                return
            self.enter(nickname)
            while (message := self.message()) is not None:
                if message:
                    text = message.removeprefix(f"{nickname}: ")
                    with room_lock:
                        for member in room.values():
                            member.gets(f"{nickname}: {text}")
        except ValueError as why:
            refused = "Nickname refused" if self.nickname is None else "Goodbye"
            self.gets(f"{refused}: {why}")
        except OSError:
            pass  # a reset
        finally:
            self.leave()

    def enter(self, nickname):
        if not nickname:
            raise ValueError("it is empty")
        if len(nickname) > 32:
            raise ValueError("it is longer than 32 characters")
        if any(c == ":" or category(c) == "Cc" for c in nickname):
            raise ValueError("it has a colon or a control character")
        with room_lock:
            if nickname.casefold() in room:
                raise ValueError("it is taken")
            self.nickname = nickname
            room[nickname.casefold()] = self
            for member in room.values():
                member.gets(f"{nickname} joined!")
            self.gets("Connected to server!")
        log(f"Nickname is {nickname}")

    def leave(self):
        self.lines.put(None)
        if self.nickname is not None:
            with room_lock:
                del room[self.nickname.casefold()]
                for member in room.values():
                    member.gets(f"{self.nickname} left!")
        # Read the bytes that are still arriving; otherwise, a reset could destroy the last message.
        end = time.monotonic() + 1
        try:
            while select.select([self.connection], [], [], max(0, end - time.monotonic()))[0]:
                if not self.connection.recv(65536):
                    break
        except OSError:
            pass
        self.connection.close()


def main():
    options = argparse.ArgumentParser()
    options.add_argument("port", type=int, nargs="?", default=55555)
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--handshake-timeout", type=float, default=30)
    options = options.parse_args()
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    try:
        listener = socket.create_server((options.host, options.port), backlog=1000)
    except OSError as error:
        raise SystemExit(f"cannot listen on port {options.port}: {error.strerror}")
    log("listening on {}:{}".format(*listener.getsockname()))
    log("SERVER WORKING")
    while True:
        connection, address = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        log("Connected with {}:{}".format(*address))
        client = Client(connection)
        threading.Thread(target=client.write, daemon=True).start()
        threading.Thread(target=client.serve, args=[options.handshake_timeout], daemon=True).start()


main()
