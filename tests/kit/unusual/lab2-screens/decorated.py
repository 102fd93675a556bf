"""Unusual: a clock before each message, above the line that GNU readline edits.

With a second argument, the client is wrong: the text that it shows before a message is not a decoration.
"""

import queue
import readline
import signal
import sys
import termios
import threading
import time

import chat

STYLE = sys.argv[2] if len(sys.argv) > 2 else "clock"


class Screen:
    def __init__(self):
        self.found = termios.tcgetattr(0)
        self.prompt, self.nickname, self.is_typing, self.has_begun = "", "", False, False
        self.texts, self.is_showing = queue.SimpleQueue(), False
        signal.signal(signal.SIGUSR1, self.show_all)

    def ask(self, prompt):
        self.prompt, self.is_typing = prompt, True
        try:
            line = input(prompt)
        except (EOFError, KeyboardInterrupt):
            return None
        self.is_typing = False
        self.nickname = self.nickname or line
        return line

    def show(self, text):
        """Lets the main thread show a line. Only this thread may look at readline's buffer, or the program may crash."""
        self.texts.put(text)
        while not self.texts.empty():
            # If the signal arrives just before readline waits for a key, only the next one interrupts it.
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
            time.sleep(0.005)

    def show_all(self, *_):
        """Shows the lines above the one that is being typed."""
        if self.is_showing:
            return
        self.is_showing = True
        while not self.texts.empty():
            text = self.decorated(self.texts.get())
            again = self.prompt + readline.get_line_buffer() if self.is_typing else ""
            sys.stdout.write(f"\r\x1b[K{text}\n{again}")
            sys.stdout.flush()
        self.is_showing = False

    def decorated(self, text):
        speaker, colon, _ = text.partition(": ")
        if STYLE == "doubled":
            return speaker + colon + text if colon else text
        if STYLE == "with-a-name":
            return f"[{time.strftime('%H:%M')} {self.nickname}] {text}"
        if STYLE == "glued":
            # Show two messages on each line.
            self.has_begun, before = not self.has_begun, self.begun if self.has_begun else ""
            self.begun = text
            return f"{before} {text}" if before else ""
        return f"\x1b[2m[{time.strftime('%H:%M:%S')}]\x1b[0m {text}"

    def close(self):
        termios.tcsetattr(0, termios.TCSADRAIN, self.found)


chat.run(Screen())
