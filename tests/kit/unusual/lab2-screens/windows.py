"""Unusual: ncurses, with one window for messages and one for input. Each new message redraws all messages."""

import curses
import locale
import os
import queue
import threading

import chat


class Screen:
    def __init__(self):
        locale.setlocale(locale.LC_ALL, "")
        self.screen = curses.initscr()
        curses.raw()
        curses.noecho()
        rows, columns = self.screen.getmaxyx()
        self.messages = curses.newwin(rows - 3, columns, 0, 0)
        self.input = curses.newwin(3, columns, rows - 3, 0)
        self.input.keypad(True)
        self.input.timeout(10)
        self.shown, self.new, self.is_open = [], queue.Queue(), True
        self.lock = threading.Lock()

    def show(self, text):
        self.new.put(text)

    def draw(self, prompt, typed):
        while not self.new.empty():
            self.shown.append(self.new.get())
        rows, columns = self.messages.getmaxyx()
        self.messages.erase()
        self.messages.box()
        room = columns - 4
        lines = [text[at:at + room] for text in self.shown for at in range(0, len(text), room)]
        for row, line in enumerate(lines[-(rows - 2):], 1):
            self.messages.addstr(row, 2, line)
        self.messages.noutrefresh()
        self.input.erase()
        self.input.box()
        self.input.addnstr(1, 2, prompt + typed, columns - 4)
        self.input.noutrefresh()
        curses.doupdate()

    def ask(self, prompt):
        typed = ""
        while True:
            with self.lock:
                if self.is_open:
                    self.draw(prompt, typed)
            try:
                key = self.input.get_wch()
            except curses.error:
                continue
            if key in ("\x03", "\x04"):
                return None
            if key in ("\n", "\r"):
                return typed
            if isinstance(key, str) and key.isprintable():
                typed += key

    def close(self):
        with self.lock:
            if self.is_open:
                self.draw("", "")
                curses.endwin()
            self.is_open = False


chat.run(Screen())
