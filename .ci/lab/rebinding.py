#!/usr/bin/env python3
"""--deny-private against a name server that changes its answer from one question to the next.

    .ci/lab/rebinding.py PROGRAM

A network namespace, which ends with this process, has a "public" server, a private server, and a name server that
alternates between their addresses. A client that checks one answer and connects to the next reaches the private server;
with --deny-private no connection may arrive there. If the kernel refuses namespaces, .ci/left-out reports that.
"""

import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

PUBLIC, PRIVATE = "93.184.216.34", "10.1.2.3"
SERVERS = "127.0.0.1"
INSIDE = "FETCHPOOL_REBINDING"
BODY = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"


def main(program):
    if INSIDE not in os.environ:
        unshare = ["unshare", "--net", "--mount"] + ([] if os.getuid() == 0 else ["--map-root-user"])
        if subprocess.run(unshare + ["true"], capture_output=True).returncode != 0:
            what = "no network namespace can be made here; rebinding was not tried"
            sys.exit(subprocess.call([Path(__file__).resolve().parents[1] / "left-out", what]))
        own = [sys.executable, os.path.abspath(__file__), os.path.abspath(program)]
        sys.exit(subprocess.run(unshare + own, env=os.environ | {INSIDE: "1"}).returncode)
    network()
    names = Names()
    public, private = Pages(PUBLIC), Pages(PRIVATE)
    # Without the option the private server is reached, which shows that the trap works.
    fetched = [run(program, [], f"a{n}") for n in range(4)]
    expect(fetched == [0] * 4 and public.count == private.count == 2, "the trap", fetched, public, private)
    # Both orders of the two answers, and both in one answer.
    private.count = public.count = 0
    ended = [run(program, ["--deny-private"], f"b{n}") for n in range(8)]
    expect(private.count == 0, "private addresses", ended, public, private)
    expect(sorted(set(ended)) == [0, 1] and public.count == ended.count(0), "the others", ended, public, private)
    asked = names.count
    names.both = True
    ended = [run(program, ["--deny-private"], f"c{n}") for n in range(4)]
    expect(ended == [0] * 4 and private.count == 0, "two addresses, one private", ended, public, private)
    print(f"{names.count} questions, {asked} of them answered in turn: no connection to {PRIVATE}")


def network():
    """Two addresses on loopback with a name server, for this namespace alone."""
    for command in (["link", "set", "lo", "up"], ["addr", "add", PUBLIC, "dev", "lo"], ["addr", "add", PRIVATE, "dev", "lo"]):
        subprocess.run(["ip", *command], check=True)
    for path, text in (("resolv.conf", f"nameserver {SERVERS}\n"), ("nsswitch.conf", "hosts: dns\n")):
        with tempfile.NamedTemporaryFile("w", delete=False) as file:
            file.write(text)
        os.chmod(file.name, 0o644)
        subprocess.run(["mount", "--bind", file.name, f"/etc/{path}"], check=True)
        os.unlink(file.name)


class Names:
    """Answers every question for an IPv4 address, with no time to live."""

    def __init__(self):
        self.count, self.both = 0, False
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((SERVERS, 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            question, peer = self.socket.recvfrom(512)
            end = question.index(b"\0", 12) + 5
            answers = []
            if question[end - 4 : end - 2] == b"\0\1":
                turn = [PUBLIC, PRIVATE][self.count % 2]
                self.count += 1
                answers = [PRIVATE, PUBLIC] if self.both else [turn]
            head = question[:2] + struct.pack(">HHHHH", 0x8180, 1, len(answers), 0, 0)
            records = b"".join(b"\xc0\x0c\0\1\0\1" + struct.pack(">IH", 0, 4) + socket.inet_aton(a) for a in answers)
            self.socket.sendto(head + question[12:end] + records, peer)


class Pages:
    """Counts its connections, and gives each a page."""

    def __init__(self, address):
        self.count = 0
        self.socket = socket.create_server((address, 80))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            peer, _ = self.socket.accept()
            self.count += 1
            peer.recv(4096)
            peer.sendall(BODY)
            peer.close()


def run(program, options, name):
    command = [program, "-q", "-t", "20", *options, f"http://{name}.rebinding.example/"]
    plain = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, env=plain)
    if ended.returncode == 1 and "blocked_address" not in ended.stdout:
        sys.exit(f"FAILED: {ended.stdout}{ended.stderr}")
    return ended.returncode


def expect(holds, what, ended, public, private):
    if not holds:
        sys.exit(f"FAILED: {what}: exits {ended}, {public.count} public and {private.count} private connections")


main(*sys.argv[1:])
