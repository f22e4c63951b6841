#!/usr/bin/env python3
"""Faults of the network between two hosts: a cut cable, a restored cable, a missing route, a narrow line, and a slow line
that loses packets.

    .ci/lab/netns.py FETCHPOOL

The hosts are network namespaces, joined by a veth pair. netem loses and delays packets; if the kernel has no netem, a
relay of this script between two tun devices does. The script reports what this machine does not allow. Needs Linux,
root, and ip and tc (iproute2).
"""

import contextlib
import fcntl
import heapq
import http.server
import itertools
import json
import os
import random
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

NEAR, FAR = f"fp{os.getpid()}n", f"fp{os.getpid()}f"
ADDRESSES = {NEAR: "10.213.0.1", FAR: "10.213.0.2"}
ORIGIN = f"http://{ADDRESSES[FAR]}:8000"


class Site(http.server.BaseHTTPRequestHandler):
    """A page of as many bytes as the path says."""

    protocol_version = "HTTP/1.1"
    # One packet for head and body, as most servers send it.
    wbufsize = -1

    def do_GET(self):
        body = b"x" * int(self.path.strip("/").split("?")[0])
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass  # The client has gone.


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True


def serve():
    server = Server((ADDRESSES[FAR], 8000), Site)
    print("listening", flush=True)
    server.serve_forever()


def ip(*arguments, check=True):
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if check and done.returncode != 0:
        sys.exit(f"ip {' '.join(arguments)}: {done.stderr}")
    return done.returncode == 0


def tc(*arguments):
    return subprocess.run(["tc", "-n", FAR, *arguments], capture_output=True).returncode == 0


class Hosts:
    """Two namespaces with a cable between them, and a server on the far one. Removed on exit."""

    def __init__(self, plug):
        self.plug = plug

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            for host in ADDRESSES:
                ip("netns", "add", host)
                undo.callback(ip, "netns", "del", host, check=False)
                ip("-n", host, "link", "set", "lo", "up")
            self.plug(self)
            for host, address in ADDRESSES.items():
                peer = ADDRESSES[FAR if host == NEAR else NEAR]
                ip("-n", host, "addr", "add", address, "peer", peer, "dev", "cable")
                ip("-n", host, "link", "set", "cable", "up")
            command = ["ip", "netns", "exec", FAR, sys.executable, __file__, "--serve"]
            server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            undo.callback(reap, server)
            assert server.stdout.readline() == "listening\n", "the server did not start"
            # Success: `__exit__` removes everything later.
            self.undo = undo.pop_all()
        return self

    def __exit__(self, *_):
        self.undo.close()


def reap(child):
    child.kill()
    child.wait()
    child.stdout.close()


def veth(_):
    ip("-n", NEAR, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", FAR)


def tun(name):
    """A device of this name, for as long as the returned file is open. Raises OSError where the kernel or the rights forbid it."""
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    try:
        # TUNSETIFF with IFF_TUN | IFF_NO_PI.
        fcntl.ioctl(end, 0x400454CA, struct.pack("16sH", name.encode(), 0x1001))
    except OSError:
        os.close(end)
        raise
    return end


class Relay:
    """A cable that loses one packet in `one_in`, and delays the others."""

    def __init__(self, one_in, delay):
        self.lots, self.one_in, self.delay, self.lost = random.Random(1), one_in, delay, 0

    def __call__(self, _):
        self.ends = []
        for number, host in enumerate(ADDRESSES):
            name = f"fp{os.getpid()}t{number}"
            end = tun(name)
            # The device may move to another namespace; this end of it stays here.
            ip("link", "set", name, "netns", host)
            ip("-n", host, "link", "set", name, "name", "cable")
            self.ends.append(end)
        threading.Thread(target=self.pass_on, daemon=True).start()

    def pass_on(self):
        other, waiting, order = dict(zip(self.ends, reversed(self.ends))), [], itertools.count()
        while True:
            left = max(0, waiting[0][0] - time.monotonic()) if waiting else None
            for end in select.select(self.ends, [], [], left)[0]:
                try:
                    packet = os.read(end, 65536)
                except OSError:
                    return  # The namespace is closed.
                if self.lots.randrange(self.one_in) == 0:
                    self.lost += 1
                    continue
                due = time.monotonic() + self.delay * self.lots.uniform(0.7, 1.3)
                heapq.heappush(waiting, (due, next(order), other[end], packet))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, end, packet = heapq.heappop(waiting)
                try:
                    os.write(end, packet)
                except OSError:
                    self.lost += 1  # The device is full or down.


class Run:
    """One run of fetchpool on the near host, whose records are read one at a time. Ended on exit."""

    def __init__(self, urls, *arguments):
        self.urls, self.rows = urls, []
        self.directory = tempfile.TemporaryDirectory()
        list_file = Path(self.directory.name) / "urls.txt"
        list_file.write_text("\n".join(urls))
        command = ["ip", "netns", "exec", NEAR, BINARY, str(list_file), "-f", "jsonl", *arguments]
        # The namespace has no proxy, so those of the environment are dropped.
        plain = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=plain)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        reap(self.child)
        self.directory.cleanup()

    def read(self, count=None):
        """Reads `count` records, or all."""
        for line in itertools.islice(self.child.stdout, count):
            assert line.endswith("\n"), f"a torn line: {line}"
            self.rows.append(json.loads(line))

    def end(self, status):
        """Reads the remaining records. Checks that each URL is in exactly one record, and the exit status."""
        self.read()
        got = self.child.wait()
        assert got == status, f"exit status {got} instead of {status}: {self.kinds()}"
        assert sorted(row["url"] for row in self.rows) == sorted(self.urls), "not one record for each URL"
        return self.kinds()

    def kinds(self):
        return dict(Counter(row["error"]["kind"] if row["error"] else "ok" for row in self.rows))


def whole_run(urls, *arguments, status=0):
    with Run(urls, *arguments) as run:
        return run.end(status)


def pages(count, size=1000, filler=""):
    return [f"{ORIGIN}/{size}?{number}{filler}" for number in range(count)]


def cut():
    """The cable is cut during the run. The remaining URLs fail, in time; --resume fetches them when the cable is back."""
    # The list is long enough for a late cut. The run can be ahead of the reader by about a hundred records (a pipe and a
    # buffer of 64 KiB each), four for each worker, and 64 in flight.
    urls, read = pages(2000, filler="&" + "x" * 500), 200
    with Hosts(veth), tempfile.NamedTemporaryFile("w+", suffix=".jsonl") as record:
        with Run(urls, "-j", "200", "-t", "2s") as run:
            run.read(read)
            ip("-n", FAR, "link", "set", "cable", "down")
            kinds = run.end(1)
        assert kinds["ok"] >= read and set(kinds) <= {"ok", "timeout", "connect"} and len(kinds) > 1, kinds
        mend()
        record.write("".join(json.dumps(row) + "\n" for row in run.rows))
        record.flush()
        rest = [row["url"] for row in run.rows if not row["ok"]]
        with Run(urls, "-j", "200", "--resume", record.name) as again:
            again.urls = rest
            return f"{kinds}, then by --resume {again.end(0)}"


def mend():
    """Restores the cable, and returns when a page has come over it. For some seconds the near host may still report a missing
    route, because the neighbour did not answer its last address question."""
    ip("-n", FAR, "link", "set", "cable", "up")
    whole_run([f"{ORIGIN}/1?mended"], "--retries", "20", "--retry-delay", "250ms", "-t", "2s")


def mended():
    """The cable is cut and restored during the run: retries fetch everything."""
    limits = ["-t", "2s"]
    with Hosts(veth), Run(pages(2000), "-j", "100", "--retries", "9", "--retry-delay", "500ms", *limits) as run:
        run.read(500)
        ip("-n", FAR, "link", "set", "cable", "down")
        # These attempts start after the cut. With the same limit, they fail after the attempts that the cut has hit.
        missed = whole_run(pages(20), "-j", "20", *limits, status=1)
        assert "ok" not in missed, missed
        ip("-n", FAR, "link", "set", "cable", "up")
        kinds, attempts = run.end(0), max(row["attempts"] for row in run.rows)
        assert attempts > 1, "the cut had no effect"
        return f"{kinds}, at most {attempts} attempts"


def no_route():
    """The route to the host goes away during the run: attempts fail without waiting for their time limit."""
    with Hosts(veth), Run(pages(2000), "-j", "50", "-t", "30s", "--stall-timeout", "3s") as run:
        run.read(500)
        ip("-n", NEAR, "addr", "flush", "dev", "cable")
        ip("-n", NEAR, "route", "add", "unreachable", ADDRESSES[FAR])
        kinds = run.end(1)
        assert kinds["ok"] >= 500 and kinds["connect"] > 0 and set(kinds) <= {"ok", "timeout", "connect", "body"}, kinds
        return kinds


def dropping():
    """A router drops all packets to 100 hosts: they hold none of the 5 workers, so that all live pages come first."""
    dead = [f"http://10.214.0.{number + 1}:8000/1?{number}" for number in range(100)]
    live = pages(300)
    urls = [url for number in range(100) for url in (dead[number], *live[3 * number : 3 * number + 3])]
    with Hosts(veth):
        ip("-n", NEAR, "route", "add", "10.214.0.0/24", "via", ADDRESSES[FAR])
        ip("netns", "exec", FAR, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        ip("-n", FAR, "route", "add", "blackhole", "10.214.0.0/24")
        with Run(urls, "-j", "5", "-t", "3s") as run:
            kinds = run.end(1)
        assert kinds == {"ok": 300, "timeout": 100}, kinds
        assert all(row["ok"] for row in run.rows[:300]), "a live page came behind a dead host"
        longest = max(row["elapsed_ms"] for row in run.rows[:300])
        return f"{kinds}, the slowest page after {longest:.0f} ms"


def narrow():
    """A line of 4 Mbit/s: 200 workers share it and none starves."""
    with Hosts(veth):
        if not tc("qdisc", "add", "dev", "cable", "root", "tbf", "rate", "4mbit", "burst", "32kbit", "latency", "400ms"):
            return left_out("a narrow line: this kernel has no tbf")
        return whole_run(pages(500, 3000), "-j", "200")


def lossy():
    """One packet in 20 is lost and all are 40 ms late."""
    how = "netem"
    with Hosts(veth):
        if tc("qdisc", "add", "dev", "cable", "root", "netem", "delay", "40ms", "12ms", "loss", "5%"):
            return f"{how}: {whole_run(pages(500, 5000), '-j', '50')}"
    try:
        # Tries the device: a container may let root open it, but not use it.
        os.close(tun(f"fp{os.getpid()}t0"))
    except OSError as error:
        return left_out(f"a line with losses: this kernel has no netem, and there is no tun device: {error}")
    relay = Relay(20, 0.04)
    with Hosts(relay):
        kinds = whole_run(pages(500, 5000), "-j", "50")
        assert relay.lost > 0, "nothing was lost"
        return f"this kernel has no netem; a relay in its place lost {relay.lost} packets: {kinds}"


def left_out(what):
    """Reports a check that is left out. Ends the process if nothing may be left out."""
    if subprocess.call([Path(__file__).resolve().parents[1] / "left-out", what]):
        sys.exit(1)
    return "left out"


def main():
    for program in ("ip", "tc"):
        if not shutil.which(program):
            sys.exit(f"FAILED: {program} is missing (iproute2)")
    if os.geteuid() != 0 or not ip("netns", "add", NEAR, check=False):
        left_out("faults of the network: no network namespace can be made here")
        return
    ip("netns", "del", NEAR)
    for case in (cut, mended, no_route, dropping, narrow, lossy):
        begun = time.monotonic()
        result = case()
        print(f"{case.__name__}: {result} ({time.monotonic() - begun:.1f} s)", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve()
    else:
        BINARY = str(Path(sys.argv[1]).resolve())
        main()
