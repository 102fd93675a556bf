"""Unusual: fills the screen. Messages scroll in a region above a status line and an input line."""

import os
import select
import sys
import termios
import threading

import chat


class Screen:
    def __init__(self):
        self.lock = threading.RLock()
        self.found = termios.tcgetattr(0)
        mode = termios.tcgetattr(0)
        mode[0] &= ~termios.ICRNL
        mode[1] &= ~termios.OPOST
        mode[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG)
        termios.tcsetattr(0, termios.TCSANOW, mode)
        self.keys, self.typed, self.prompt = b"", "", ""
        # Like many programs, this one moves the cursor to the last cell and asks the terminal where the cursor is.
        self.write("\x1b[?1049h\x1b[2J\x1b[999;999H\x1b[6n")
        self.rows = int(self.reply(b"\x1b[", b"R").split(b";")[0])
        self.write("\x1b[c")
        self.reply(b"\x1b[?", b"c")
        self.write(f"\x1b[{self.rows - 1};1H\x1b[7m a chat \x1b[0m\x1b[1;{self.rows - 2}r")

    def write(self, text):
        with self.lock:
            data = text.encode()
            while data:
                data = data[os.write(1, data):]

    def reply(self, begin, end):
        """Waits for the terminal's reply, which may arrive after typed keys."""
        while begin not in self.keys or end not in self.keys.split(begin, 1)[1]:
            if not select.select([0], [], [], 2)[0]:
                termios.tcsetattr(0, termios.TCSADRAIN, self.found)
                sys.exit("this terminal does not reply")
            self.keys += os.read(0, 1024)
        before, after = self.keys.split(begin, 1)
        reply, after = after.split(end, 1)
        self.keys = before + after
        return reply

    def draw_input(self):
        self.write(f"\x1b[{self.rows};1H\x1b[K{self.prompt}{self.typed}")

    def show(self, text):
        with self.lock:
            self.write(f"\x1b7\x1b[{self.rows - 2};1H\r\n{text}\x1b8")

    def ask(self, prompt):
        self.prompt, self.typed = prompt, ""
        self.draw_input()
        while True:
            for number, char in enumerate(self.keys.decode(errors="ignore")):
                if char in "\x03\x04":
                    return None
                if char in "\r\n":
                    rest = self.keys.decode(errors="ignore")[number + 1:]
                    self.keys = rest.encode()
                    return self.typed
                self.typed += char
            self.keys = b""
            self.draw_input()
            if not (keys := os.read(0, 1024)):
                return None
            self.keys += keys

    def close(self):
        self.write("\x1b[r\x1b[?1049l")
        termios.tcsetattr(0, termios.TCSADRAIN, self.found)


chat.run(Screen())
