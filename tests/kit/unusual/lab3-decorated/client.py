# Unusual: a colored bullet before each message and a colored name. Further lines of a message are indented.

import sys
from pathlib import Path
from unicodedata import category

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lab3-python"))

import client


class Terminal(client.Terminal):
    def show(self, text):
        lines = ["".join("\ufffd" if category(c) == "Cc" else c for c in line) for line in text.split("\n")]
        name, colon, said = lines[0].partition("] : ")
        if colon:
            lines[0] = f"\x1b[1;36m{name}]\x1b[0m : {said}"
        text = "\n  ".join(lines)
        self.write(f"\r\x1b[K\x1b[33m•\x1b[0m {text}\n{self.prompt}{self.typed}")


client.Terminal = Terminal
client.main()
