#!/usr/bin/env python3
"""Measures the cost of a URL, and calculates the cost of long lists from it: the tables of docs/SCALING.md.

    .ci/lab/cost.py FETCHPOOL [TIMES]

FETCHPOOL is the release binary. Each run is made TIMES times (3), and the one with the least CPU time
counts, because other work on the machine can only add time. It needs nginx, openssl, jq, time, and root
for its own network namespace. There packets are as long as on Ethernet, and nothing else is counted. CPU
time, memory and descriptors are those of fetchpool alone. Bytes are those of both directions, with the
headers of IP.
"""

import os
import queue
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

sys.dont_write_bytecode = True

from scaling.archives import archives
from scaling.model import ladder, stores, times

KIB = 1024
NGINX = """daemon off; pid {place}/pid; error_log {place}/error.log; worker_rlimit_nofile 20000; user root;
events {{ worker_connections 9000; }}
http {{
    access_log off; keepalive_requests 1000000; root {place}/pages;
    server {{ listen 80 backlog=8192; listen 443 ssl backlog=8192;
              ssl_certificate {place}/leaf.pem; ssl_certificate_key {place}/leaf.key; }}
}}
"""
CERTIFICATES = """
openssl ecparam -name prime256v1 -genkey -noout -out ca.key
openssl req -x509 -new -key ca.key -subj /CN=ca -days 2 -out ca.pem
openssl ecparam -name prime256v1 -genkey -noout -out leaf.key
openssl req -new -key leaf.key -subj /CN=leaf -out leaf.csr
echo subjectAltName=DNS:*.all.test > leaf.ext
openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile leaf.ext -out leaf.pem
"""


JOBS_50 = ["-j", "50"]
LOCAL = ["--cacert", "ca.pem", "--resolve", "*:80:127.0.0.1", "--resolve", "*:443:127.0.0.1"]


LOOKUP = 0.2  # seconds


class Cost(NamedTuple):
    """The figures of one run."""

    cpu: float  # seconds, of all threads
    memory: int  # bytes, at the peak
    wire: int  # bytes, both directions
    records: int  # bytes


def on_wire():
    """Bytes that went over the loopback of this namespace."""
    line = next(line for line in Path("/proc/self/net/dev").read_text().splitlines() if "lo:" in line)
    return int(line.split()[9])


def once(options, statuses):
    # The kernel's peak for a child starts with the size of its parent, so a small program starts it.
    command = ["/usr/bin/time", "-q", "-f", "%M", "-o", "peak", BINARY, "-q", "-f", "jsonl", *options, "urls.txt"]
    before = on_wire()
    with open("records.jsonl", "wb") as records:
        process = subprocess.Popen(command, stdout=records, env=ENV)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in statuses, f"{options}: status {process.returncode}"
    memory, size = int(Path("peak").read_text()) * KIB, Path("records.jsonl").stat().st_size
    return Cost(usage.ru_utime + usage.ru_stime, memory, on_wire() - before, size)


def fetched(*options, statuses=(0,)):
    """Runs fetchpool on urls.txt, into records.jsonl, TIMES times; returns the cheapest run."""
    return min(once(options, statuses) for _ in range(TIMES))


def archive_runs(*more):
    """The runs on urls.txt with more options, one at a time."""
    for _ in range(TIMES):
        yield once([*JOBS_50, *LOCAL, *more], (0,))


def packets(of):
    """Cuts packets before they are counted (segment), or hands them over whole, as network cards do."""
    subprocess.run(["ip", "link", "set", "lo", "gso_max_segs", {"segment": "1", "whole": "65535"}[of]], check=True)


def listed(scheme, hosts, pages, size):
    """Writes urls.txt: `pages` pages of each of `hosts` hosts, host by host."""
    # One certificate holds for all names of a zone. Look-ups of one zone are limited, so http uses a zone for each host.
    zone = "all" if scheme == "https" else "z{n:06}"
    hosts = [f"{scheme}://h{n:06}." + zone.format(n=n) + ".test" for n in range(hosts)]
    names = [f"{host}/{size}?{page:04}" for host in hosts for page in range(pages)]
    Path("urls.txt").write_text("\n".join(names) + "\n")
    return len(names)


PAGES = [
    # name, scheme, hosts, pages of each, KiB
    ("http, one host, connections kept", "http", 1, 30_000, 1),
    ("https, one host, connections kept", "https", 1, 30_000, 1),
    ("http, ten pages of each host", "http", 2_000, 10, 1),
    ("https, ten pages of each host", "https", 1_000, 10, 1),
    ("http, one page of each host", "http", 10_000, 1, 1),
    ("https, one page of each host", "https", 3_000, 1, 1),
    ("http, one host, 100 KiB", "http", 1, 4_000, 100),
    ("https, one host, 100 KiB", "https", 1, 4_000, 100),
]


def pages():
    """The table of pages; CPU seconds and bytes on the wire a URL, by name."""
    print("| -j 50 | URLs | CPU µs a URL | URLs a second and core | bytes on the wire | record, bytes | peak memory |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    found = {}
    for name, scheme, hosts, each, size in PAGES:
        urls = listed(scheme, hosts, each, size)
        options = [*JOBS_50, *(["--per-host", "1"] if each == 10 else []), *LOCAL]
        cost = fetched(*options)
        packets("segment")
        cost = cost._replace(wire=once(options, (0,)).wire)
        packets("whole")
        found[name] = cost._replace(cpu=cost.cpu / urls, wire=cost.wire / urls, records=cost.records / urls)
        print(f"| {name} | {urls:,} | {cost.cpu / urls * 1e6:.0f} | {urls / cost.cpu:,.0f} | {cost.wire / urls:,.0f} "
              f"| {cost.records / urls:.0f} | {cost.memory / KIB**2:.0f} MiB |", flush=True)
    return found


class Names(threading.Thread):
    """A name server that answers after LOOKUP seconds: each name has the address 127.0.0.1, and no IPv6 address."""

    def __init__(self):
        super().__init__(daemon=True)
        self.questions, self._socket = 0, socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._socket.bind(("127.0.0.1", 53))
        self._due = queue.SimpleQueue()
        threading.Thread(target=self._answer, daemon=True).start()

    def run(self):
        while True:
            query, client = self._socket.recvfrom(512)
            self.questions += 1
            self._due.put((time.monotonic() + LOOKUP, query, client))

    def _answer(self):
        while True:
            due, query, client = self._due.get()
            time.sleep(max(0, due - time.monotonic()))
            end = query.index(0, 12) + 5
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1" if query[end - 3] == 1 else b""
            head = query[:2] + b"\x81\x80\0\1" + bytes([0, 1 if answer else 0]) + b"\0\0\0\0"
            self._socket.sendto(head + query[12:end] + answer, client)


def names(found):
    """The additional cost of look-ups, for hosts with one page each, and the most hosts a second."""
    server = Names()
    server.start()
    urls, costs, seconds = listed("http", 4_000, 1, 1), [], []
    for _ in range(TIMES):
        started = time.monotonic()
        costs.append(once(["-j", "1000"], (0,)).cpu)
        seconds.append(time.monotonic() - started)
    lookup = min(costs) / urls - found["http, one page of each host"].cpu
    print(f"| questions to the name server, a host | {server.questions / TIMES / urls:.2f} |")
    print(f"| CPU to look a host up | {lookup * 1e6:.0f} µs |")
    print(f"| hosts a second, each looked up in {LOOKUP} s | {urls / min(seconds):,.0f} |")
    return lookup


def connections():
    """The number of waiting sockets after a connection with one request."""
    time_wait = lambda: int(Path("/proc/self/net/sockstat").read_text().split(" tw ")[1].split()[0])
    urls, before = listed("http", 5_000, 1, 1), time_wait()
    once([*JOBS_50, *LOCAL], (0,))
    return (time_wait() - before) / urls


def lists():
    """The cost of the lines of other shards, and of the rows of an earlier run."""
    lines = 1_000_000
    listed("https", 100_000, 10, 1)
    part = fetched("--shard", "65535/65535", "--resolve", "*:443:127.0.0.1", "-k", "--timeout", "10", statuses=(0, 1))
    print(f"| CPU for a line of another shard | {part.cpu / lines * 1e6:.2f} µs |")
    row = ('{"url":"%s","source":"urls.txt","line":1,"ok":true,"status":200,"bytes":1024,"content_type":"text/html","final_url":"%s"'
           ',"redirects":0,"attempts":1,"elapsed_ms":41.2,"ttfb_ms":38.0,"worker":2,"started_at":"2026-01-31T10:00:00.123Z"'
           ',"file":null,"error":null}\n')
    with open("urls.txt") as urls, open("before.jsonl", "w") as before:
        before.writelines(row % (url.strip(), url.strip()) for url in urls)
    Path("urls.txt").write_text("")
    nothing, resumed = fetched(), fetched("--resume", "before.jsonl")
    print(f"| CPU for a row of `--resume` | {(resumed.cpu - nothing.cpu) / lines * 1e6:.2f} µs |")
    print(f"| memory for a URL of `--resume` or `--unique` | {(resumed.memory - nothing.memory) / lines:.0f} bytes |")
    before = children()
    subprocess.run("jq -rR 'fromjson? | select(.ok).url' before.jsonl | sort > fetched", shell=True, check=True)
    check = (children() - before) / lines
    print(f"| CPU for a row of the check, jq and sort | {check * 1e6:.1f} µs |")
    return part.cpu / lines, (resumed.memory - nothing.memory) / lines, check


def children():
    """CPU seconds of ended child processes."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def in_flight(workers):
    """Memory and descriptors while many requests wait for their reply."""
    listener = socket.create_server(("127.0.0.1", 8080), backlog=8192)
    Path("urls.txt").write_text("".join(f"http://h{n}.test:8080/\n" for n in range(workers)))
    process = subprocess.Popen([BINARY, "-q", "-j", str(workers), "--resolve", "*:8080:127.0.0.1", "urls.txt"],
                               stdout=subprocess.DEVNULL, env=ENV)
    held = []
    for _ in range(workers):
        connection = listener.accept()[0]
        held.append(connection)
        connection.recv(4096)
    descriptors = len(os.listdir(f"/proc/{process.pid}/fd"))
    status = Path(f"/proc/{process.pid}/status").read_text()
    memory = int(status.split("VmHWM:")[1].split()[0]) * KIB
    for connection in held:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n.")
        connection.close()
    listener.close()
    assert process.wait() == 0
    return memory, descriptors


def workers():
    few, many = 100, 5_000
    (memory_few, open_few), (memory_many, open_many) = in_flight(few), in_flight(many)
    print(f"| memory for a request in flight (http, {many:,} at once: {memory_many / KIB**2:.0f} MiB in all) "
          f"| {(memory_many - memory_few) / (many - few) / KIB:.1f} KiB |")
    print(f"| descriptors for a request in flight | {(open_many - open_few) / (many - few):.2f} |")


def measure():
    subprocess.run(["ip", "link", "set", "lo", "mtu", "1500", "up"], check=True)
    Path("resolv.conf").write_text("nameserver 127.0.0.1\n")
    subprocess.run(["mount", "--bind", "resolv.conf", "/etc/resolv.conf"], check=True)
    subprocess.run(["bash", "-ec", CERTIFICATES], check=True, capture_output=True)
    Path("pages").mkdir()
    for size in (1, 100):
        Path("pages", str(size)).write_bytes(os.urandom(size * KIB))
    Path("nginx.conf").write_text(NGINX.format(place=os.getcwd()))
    server = subprocess.Popen(["nginx", "-c", f"{os.getcwd()}/nginx.conf"], stderr=subprocess.DEVNULL)
    try:
        while not Path("pid").exists():
            assert server.poll() is None, Path("error.log").read_text()
            time.sleep(0.05)
        left = connections()
        found = pages()
        print()
        archived = archives(archive_runs)
        print("\n| | |\n|---|--:|")
        print(f"| sockets in TIME_WAIT after a connection, of both sides | {left:.2f} |")
        lookup = names(found)
        line_cpu, seen, check = lists()
        workers()
        print()
        times(found, lookup)
        print()
        stores(found, line_cpu, seen)
        print()
        ladder(found, lookup, archived, seen, check)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    if "FETCHPOOL_COST_ALONE" not in os.environ:
        # In its own namespaces: one for the network, and one for mounts, because of /etc/resolv.conf.
        os.execvpe("unshare", ["unshare", "-n", "-m", sys.executable, *sys.argv], os.environ | {"FETCHPOOL_COST_ALONE": "1"})
    BINARY = str(Path(sys.argv[1]).resolve())
    TIMES = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    ENV = {"PATH": os.environ["PATH"]}
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        measure()
        os.chdir("/")
