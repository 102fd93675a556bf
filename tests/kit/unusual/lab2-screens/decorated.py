"""Unusual: a clock before each message, above the line that GNU readline edits.

With a second argument, the client is wrong: the text that it shows before a message is not a decoration.
"""

import readline
import sys
import termios
import time

import chat

STYLE = sys.argv[2] if len(sys.argv) > 2 else "clock"


class Screen:
    def __init__(self):
        self.found = termios.tcgetattr(0)
        self.prompt, self.nickname, self.is_typing, self.has_begun = "", "", False, False

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
        again = self.prompt + readline.get_line_buffer() if self.is_typing else ""
        sys.stdout.write(f"\r\x1b[K{self.decorated(text)}\n{again}")
        sys.stdout.flush()

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
