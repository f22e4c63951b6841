#!/usr/bin/env python3
"""Kills downloads of 200 MB at random moments, and lets the next run go on with each.

    .ci/lab/kills.py FETCHPOOL [SEED]

FETCHPOOL is the binary. The server cuts some replies and lets others stall. Each file must be whole, by its digest. No
byte may be asked for twice beyond one buffer: a request begins where the part on the disk ends, and when a run is
killed, that is at most a buffer behind what the program has read. Linux only: /proc/net/tcp tells what was read.
"""

import hashlib
import json
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

BINARY = Path(sys.argv[1]).resolve()
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 20_070_707
LOTS = random.Random(SEED)

SIZE = 200_000_000
DOWNLOADS, KILLS = 5, 20  # a hundred
PIECE = 64 * 1024
BUFFER = 256 * 1024  # the largest read of the program
ACKNOWLEDGED = 0.06  # until what has arrived is no longer in the sender's queue, in seconds
NOTED = 64 * 1024  # a smaller part does not outlive a kill

BODY = LOTS.randbytes(SIZE)
DIGEST = hashlib.sha256(BODY).digest()


class Server:
    """Serves the file, one request at a time. It sends only while `gate` is free."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.gate = threading.Lock()
        self.sent = threading.Condition(self.gate)
        self.expected = 0  # where the next request must begin
        self.wrong, self.ranges = [], []
        self.total = 0  # bytes sent to this run
        self.peer = None  # the port of the client whose reply is under way
        self.at = 0  # where in the file that reply is
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, (_, port) = self.listener.accept()
            try:
                self.answer(connection, port)
            except OSError:
                pass  # the client was killed
            finally:
                with self.gate:
                    self.peer = None
                connection.close()

    def answer(self, connection, port):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            read = connection.recv(4096)
            if not read:
                return
            head += read
        found = re.search(rb"\r\nRange: bytes=(\d+)-\r\n", head)
        begin = int(found[1]) if found else 0
        with self.gate:
            self.ranges.append(begin)
            if begin != self.expected:
                self.wrong.append(f"a request from {begin} on, {self.expected} bytes were there")
            self.at, self.peer = begin, port
        status = "206 Partial Content" if found else "200 OK"
        ranges = f"Content-Range: bytes {begin}-{SIZE - 1}/{SIZE}\r\n" if found else ""
        told = f'HTTP/1.1 {status}\r\nETag: "v1"\r\n{ranges}Content-Length: {SIZE - begin}\r\nConnection: close\r\n\r\n'
        connection.sendall(told.encode())
        fault = LOTS.choices(["none", "cut", "stall"], [6, 3, 1])[0]
        end = SIZE if fault == "none" else min(SIZE, begin + LOTS.randrange(SIZE // KILLS))
        view = memoryview(BODY)
        while self.at < end:
            with self.gate:
                if self.peer != port:
                    return  # the client was killed
                amount = connection.send(view[self.at : min(end, self.at + PIECE)])
                self.at += amount
                self.total += amount
                self.sent.notify_all()
        if fault != "stall":
            connection.shutdown(socket.SHUT_WR)
        connection.recv(1)  # until the client closes
        with self.gate:
            if self.peer == port:
                # All of it has arrived, so the next attempt of this run begins there.
                self.expected = self.at

    def queued(self):
        """Bytes of the reply under way that the program has not read: in the server's kernel, and in the client's."""
        ours, theirs = f":{self.port:04X}", f":{self.peer:04X}"
        unsent = unread = 0
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            _, local, remote, _, queues, *_ = line.split()
            sending, receiving = (int(queue, 16) for queue in queues.split(":"))
            if local.endswith(ours) and remote.endswith(theirs):
                unsent = sending
            elif local.endswith(theirs) and remote.endswith(ours):
                unread = receiving
        return unsent, unread

    def read_by_client(self):
        """Where in the file the stopped program is. The gate is held."""
        if self.peer is None:
            return self.expected
        while True:
            queued = self.queued()
            time.sleep(ACKNOWLEDGED)
            if queued == self.queued():
                return max(self.expected, self.at - sum(queued))


def part(directory):
    """The size of the part on the disk; 0 if the next run cannot use it."""
    for path in directory.glob("pages/.fetchpool/parts/*/*.part"):
        if path.with_suffix(".json").exists():
            return path.stat().st_size
    return 0


def start(server, directory):
    command = [BINARY, "-q", "-c", "-o", "pages", "-f", "jsonl", "--retries", "9", "--retry-delay", "5ms"]
    command += ["--stall-timeout", "100ms", f"http://127.0.0.1:{server.port}/file.bin"]
    return subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE)


def saved(directory):
    return list(directory.glob("pages/127*/*"))


def kill(server, run, directory):
    """Kills the run after a random number of bytes, or after a random time. Returns how much was lost; None if it had
    ended."""
    if LOTS.random() < 0.2:
        time.sleep(LOTS.random() * 0.03)
        server.gate.acquire()
    else:
        server.gate.acquire()
        goal = LOTS.randrange(2 * SIZE // KILLS)
        while server.total < goal and run.poll() is None:
            server.sent.wait(0.02)
    try:
        if run.poll() is not None:
            return None
        run.send_signal(signal.SIGSTOP)
        while run.poll() is None and " T " not in Path(f"/proc/{run.pid}/stat").read_text():
            time.sleep(0.0005)
        had = server.read_by_client()
        run.kill()
        run.wait()
        server.peer, server.total = None, 0
        server.expected = SIZE if saved(directory) else part(directory)
        return had - server.expected
    finally:
        server.gate.release()


def download(server, directory, losses):
    """Downloads the file, with kills. Returns how many there were."""
    kills, server.expected, server.total = 0, 0, 0
    while True:
        run = start(server, directory)
        lost = kill(server, run, directory) if kills < KILLS else None
        if lost is None:
            out, _ = run.communicate(timeout=60)
            break
        kills += 1
        losses.append(lost)
        left = "a buffer" if server.expected else "a part that is not noted"
        limit = BUFFER + (0 if server.expected else NOTED)
        # The end of the connection is a byte of a queue.
        if not -2 <= lost <= limit:
            server.wrong.append(f"killed with {lost} bytes lost, which is not {left}")
        if saved(directory):
            break  # only its record was not written
    [file] = saved(directory)
    assert hashlib.sha256(file.read_bytes()).digest() == DIGEST, f"{file} is not the file"
    if lost is None:
        record = json.loads(out)
        assert run.returncode == 0 and record["ok"] and record["bytes"] == SIZE, record
        assert record["resumed_from"] == (server.ranges[-1] or None), record
        assert [path for path in directory.rglob("*") if path.is_file()] == [file], "more than the file is left"
    return kills


def main():
    print(f"seed {SEED}")
    server, kills, losses = Server(), 0, []
    while kills < DOWNLOADS * KILLS:
        with tempfile.TemporaryDirectory() as directory:
            kills += download(server, Path(directory), losses)
    assert not server.wrong, "\n".join(server.wrong)
    resumed = sum(begin > 0 for begin in server.ranges)
    print(f"ok: {kills} kills, {len(server.ranges)} requests, {resumed} of them for a rest; each file whole")
    print(f"ok: at most {max(losses):,} bytes were asked for twice after a kill, none otherwise")


if __name__ == "__main__":
    main()
