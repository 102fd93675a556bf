"""The chat of lab 2, for any screen.

A screen has `ask(prompt)`, which returns a typed line, or None when the user leaves; `show(text)`, which may be called by
another thread; and `close()`, which restores the terminal.
"""

import os
import select
import socket
import sys
import threading
from unicodedata import category

SILENCE = 0.05


def messages(connection):
    begun, only_newlines, is_handshake = b"", None, True
    while True:
        may_be_silent = begun and not only_newlines
        if select.select([connection], [], [], SILENCE if may_be_silent else None)[0]:
            received = connection.recv(65536)
            begun += received
            *lines, begun = begun.split(b"\n") if received else [begun, b""]
        else:
            received, lines, begun = b" ", [begun], b""
            only_newlines = None if is_handshake else False
        for line in lines:
            if only_newlines is None and not is_handshake and received:
                only_newlines = True
            is_handshake = False
            if line.removesuffix(b"\r"):
                yield line.removesuffix(b"\r").decode(errors="replace")
        if not received:
            return


def run(screen):
    joined, has_left = threading.Event(), threading.Event()

    def leave(status, why=""):
        screen.close()
        print(why, file=sys.stderr, flush=True)
        os._exit(status)

    nickname = ""
    while not nickname.strip():
        nickname = screen.ask("Choose your nickname: ")
        if nickname is None:
            leave(0)
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 55555
    try:
        connection = socket.create_connection(("127.0.0.1", port))
    except OSError as error:
        leave(1, f"no server at port {port}: {error}")
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def receive():
        why = "the server has closed the connection"
        try:
            for number, message in enumerate(messages(connection)):
                if number == 0 and message == "NICK":
                    connection.sendall(nickname.encode())
                    continue
                screen.show("".join("?" if category(c) == "Cc" else c for c in message))
                joined.set()
        except OSError as error:
            why = f"the server is gone: {error}"
        if not has_left.is_set():
            leave(1, why)

    receiver = threading.Thread(target=receive, daemon=True)
    receiver.start()
    while (line := screen.ask("> ")) not in (None, "/quit"):
        if line:
            joined.wait()
            connection.sendall(f"{nickname}: {line}\n".encode())
    has_left.set()
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    receiver.join(1)
    leave(0)
