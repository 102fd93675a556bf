# Unusual: Python with asyncio.

import argparse
import asyncio
import os
import re
import signal
from unicodedata import category

LIMIT = 64 * 1024
MAX_WAITING = 1024 * 1024

room = set()  # the writers


def log(text):
    print("".join("\ufffd" if category(c) == "Cc" else c for c in text), flush=True)


def count():
    log(f"[SERVER] active connections = {len(room)}")


def leave(writer):
    if writer in room:
        room.remove(writer)
        count()


def relay(speaker, text):
    log(text)
    payload = text.encode()
    frame = b"%-64d%b" % (len(payload), payload)
    for writer in room - {speaker}:
        writer.write(frame)
        if writer.transport.get_write_buffer_size() > MAX_WAITING:
            writer.transport.abort()
            leave(writer)


async def serve(reader, writer):
    log("[SERVER] {}:{} connected".format(*writer.get_extra_info("peername")))
    room.add(writer)
    count()
    try:
        while True:
            header = b""
            while len(header) < 64:
                header += await reader.readexactly(1)
                number = re.fullmatch(rb" *([0-9]+) *", header)
                if header.strip(b" ") and (number is None or int(number[1]) > LIMIT):
                    break
            if number is None or int(number[1]) > LIMIT:
                log(f"[SERVER] a bad header: {header}")
                break
            text = (await reader.readexactly(int(number[1]))).decode(errors="replace")
            relay(writer, text)
            if text == "!DISCONNECT" or text.endswith("] : !DISCONNECT"):
                break
    except (asyncio.IncompleteReadError, OSError):
        pass  # the end of the stream, a frame that was cut off, or a reset
    leave(writer)
    try:
        writer.write_eof()
        # Read the bytes that are still arriving; otherwise, a reset could destroy the last message.
        async with asyncio.timeout(1):
            while await reader.read(65536):
                pass
    except (OSError, TimeoutError):
        pass
    writer.transport.abort()


async def main():
    options = argparse.ArgumentParser()
    options.add_argument("port", type=int, nargs="?", default=9095)
    options.add_argument("--host", default="127.0.0.1")
    options = options.parse_args()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, os._exit, 0)
    log("[SERVER] Starting ...")
    try:
        server = await asyncio.start_server(serve, options.host, options.port)
    except OSError as error:
        raise SystemExit(f"cannot listen on port {options.port}: {error}")
    address = "{}:{}".format(*server.sockets[0].getsockname())
    log(f"[SERVER] server started at {address}")
    log(f"listening on {address}")
    await server.serve_forever()


asyncio.run(main())
