# Unusual: Python with GNU readline and the nickname in the prompt.

import os
import queue
import readline
import select
import signal
import socket
import sys
import termios
import threading
import time
from unicodedata import category

SILENCE = 0.05

port = int(sys.argv[1]) if len(sys.argv) > 1 else 55555
saved = termios.tcgetattr(0)
prompt = ""
is_typing = False
has_left = False
is_showing = False
texts = queue.SimpleQueue()
joined = threading.Event()


def show(text):
    """Lets the main thread show a line. Only this thread may look at readline's buffer, or the program may crash."""
    texts.put(text)
    while not texts.empty():
        # If the signal arrives just before readline waits for a key, only the next one interrupts it.
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
        time.sleep(0.005)


def show_all(*_):
    """Shows the lines above the one that is being typed."""
    global is_showing
    if is_showing:
        return
    is_showing = True
    while not texts.empty():
        text = "".join("\ufffd" if category(c) == "Cc" else c for c in texts.get())
        again = prompt + readline.get_line_buffer() if is_typing else ""
        sys.stdout.write(f"\r\x1b[K{text}\n{again}")
        sys.stdout.flush()
    is_showing = False


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


def receive(connection, nickname):
    why = "the server has closed the connection"
    try:
        for number, message in enumerate(messages(connection)):
            if number == 0 and message == "NICK":
                connection.sendall(nickname.encode())
                continue
            show(message)
            joined.set()
    except OSError as error:
        why = f"the server is gone: {error}"
    if not has_left:
        termios.tcsetattr(0, termios.TCSADRAIN, saved)
        print(f"\n{why}", flush=True)
        os._exit(1)


def main():
    global prompt, is_typing, has_left
    signal.signal(signal.SIGUSR1, show_all)
    try:
        nickname = ""
        while not nickname.strip():
            nickname = input("Choose your nickname: ")
    except (EOFError, KeyboardInterrupt):
        return
    try:
        connection = socket.create_connection(("127.0.0.1", port))
    except OSError as error:
        raise SystemExit(f"no server at port {port}: {error}")
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    receiver = threading.Thread(target=receive, args=[connection, nickname], daemon=True)
    prompt = f"{nickname}> "
    receiver.start()
    try:
        while True:
            is_typing = True
            line = input(prompt)
            is_typing = False
            if line == "/quit":
                break
            if line:
                joined.wait()
                connection.sendall(f"{nickname}: {line}\n".encode())
    except (EOFError, KeyboardInterrupt, OSError):
        pass
    has_left = True
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    receiver.join(1)
    os._exit(0)


main()
