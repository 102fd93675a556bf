"""Unusual: prompt_toolkit, which asks the terminal where its cursor is, and draws the input line below messages."""

import sys

from prompt_toolkit import PromptSession
from prompt_toolkit.patch_stdout import patch_stdout

import chat


class Screen:
    def __init__(self):
        self.session = PromptSession()

    def show(self, text):
        print(text, flush=True)

    def ask(self, prompt):
        try:
            return self.session.prompt(prompt)
        except (EOFError, KeyboardInterrupt):
            return None

    def close(self):
        # close() waits until another thread has shown everything.
        sys.stdout.close()
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__


with patch_stdout():
    chat.run(Screen())
