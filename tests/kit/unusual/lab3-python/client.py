# Unusual: Python in a single thread, with select and its own line editor, which echoes each key itself.

import os
import re
import select
import socket
import sys
import termios
from unicodedata import category

PROMPT = "\x1b[2m~\x1b[0m "

port = int(sys.argv[1]) if len(sys.argv) > 1 else 9095
found = termios.tcgetattr(0)


class Leaves(Exception):
    pass


class Terminal:
    def __init__(self):
        mode = termios.tcgetattr(0)
        mode[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG)
        termios.tcsetattr(0, termios.TCSADRAIN, mode)
        self.prompt, self.typed, self.keys = "", "", b""

    def write(self, text):
        sys.stdout.write(text)
        sys.stdout.flush()

    def ask(self, prompt):
        self.prompt = prompt
        self.write("\r\x1b[K" + prompt)

    def show(self, text):
        text = "".join("\ufffd" if category(c) == "Cc" else c for c in text)
        self.write(f"\r\x1b[K{text}\n{self.prompt}{self.typed}")

    def lines(self):
        """Returns the lines that are complete after the keys that have been pressed."""
        keys = os.read(0, 4096)
        if not keys:
            raise Leaves
        self.keys += keys
        try:
            text, self.keys = self.keys.decode(), b""
        except UnicodeDecodeError as error:
            if len(self.keys) - error.start < 4:
                return  # the rest of a character has not arrived yet
            text, self.keys = self.keys.decode(errors="replace"), b""
        for key in text:
            if key == "\x03" or key == "\x04" and not self.typed:
                raise Leaves
            if key == "\n":
                line, self.typed = self.typed, ""
                self.write("\n" + self.prompt)
                yield line
            elif key in "\b\x7f":
                self.typed = self.typed[:-1]
                self.write(f"\r\x1b[K{self.prompt}{self.typed}")
            elif category(key) != "Cc":
                self.typed += key
                self.write(key)


def leave(code, why=""):
    termios.tcsetattr(0, termios.TCSADRAIN, found)
    if why:
        print(f"\n{why}", flush=True)
    os._exit(code)


def frame(text):
    payload = text.encode()
    return b"%-64d%b" % (len(payload), payload)


def payloads(received):
    """Returns the complete payloads, and the remaining bytes."""
    whole = []
    while len(received) >= 64:
        number = re.fullmatch(rb" *([0-9]+) *", received[:64])
        if number is None or int(number[1]) > 64 * 1024:
            leave(1, "the server sent something that is not a frame")
        end = 64 + int(number[1])
        if len(received) < end:
            break
        whole.append(received[64:end].decode(errors="replace"))
        received = received[end:]
    return whole, received


def chat(terminal, connection, name):
    received = b""
    while True:
        ready = select.select([0, connection], [], [])[0]
        if connection in ready:
            more = connection.recv(65536)
            if not more:
                leave(1, "the server has closed the connection")
            whole, received = payloads(received + more)
            for payload in whole:
                terminal.show(payload)
        if 0 in ready:
            for line in terminal.lines():
                if line == "!DISCONNECT":
                    raise Leaves
                if line:
                    connection.sendall(frame(f"[{name}] : {line}"))


def main():
    terminal = Terminal()
    terminal.show("Welcome to chatroom")
    terminal.ask("Enter your name : ")
    name = None
    try:
        while name is None:
            name = next(terminal.lines(), None)
    except Leaves:
        leave(0)
    try:
        connection = socket.create_connection(("127.0.0.1", port))
    except OSError as error:
        leave(1, f"no server at port {port}: {error}")
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    terminal.ask(PROMPT)
    try:
        chat(terminal, connection, name)
    except OSError as error:
        leave(1, f"the server is gone: {error}")
    except Leaves:
        pass
    try:
        connection.sendall(frame(f"[{name}] : !DISCONNECT"))
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(1)
        while connection.recv(65536):
            pass
    except OSError:
        pass
    leave(0)


if __name__ == "__main__":
    main()
