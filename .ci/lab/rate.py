#!/usr/bin/env python3
"""Measures --limit-rate: five seconds' worth of bytes must take five seconds, to 5 %.

    .ci/lab/rate.py FETCHPOOL

FETCHPOOL is the binary. All runs are at the same time, and wait most of it. A run with a limit that is never reached is
compared with one without, in turn.
"""

import json
import socket
import statistics
import subprocess
import sys
import threading
from pathlib import Path

BINARY = Path(sys.argv[1]).resolve()
SECONDS = 5
BLOCK = bytes(1 << 20)
# The rate, workers, and pages, which share five seconds' worth.
RUNS = [("10K", 1, 1), ("10K", 50, 50), ("100K", 5, 500), ("1M", 1, 1), ("1M", 50, 100), ("64M", 5, 10)]
UNITS = {"K": 1 << 10, "M": 1 << 20}


def serve(connection):
    """Answers each /N with N bytes."""
    with connection, connection.makefile("rb") as lines:
        try:
            while line := lines.readline():
                while lines.readline() not in (b"\r\n", b""):
                    pass
                left = int(line.split()[1].strip(b"/").split(b"?")[0])
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % left)
                while left > 0:
                    connection.sendall(BLOCK[:left])
                    left -= len(BLOCK)
        except OSError:
            pass  # the client has closed


def accept(listener):
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def start(port, urls, *options):
    command = [BINARY, "-q", "--summary=json", "-f", "jsonl", *options]
    run = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    run.stdin.write("".join(f"http://127.0.0.1:{port}/{url}\n" for url in urls))
    run.stdin.close()
    return run


def summary(run):
    told = run.stderr.read()
    assert run.wait() == 0, told
    return json.loads(told)


def exact(port):
    runs = []
    for rate, jobs, pages in RUNS:
        per_second = int(rate[:-1]) * UNITS[rate[-1]]
        urls = [f"{per_second * SECONDS // pages}?{page}" for page in range(pages)]
        runs.append((rate, jobs, per_second, start(port, urls, "-j", str(jobs), "--limit-rate", rate)))
    for rate, jobs, per_second, run in runs:
        told = summary(run)
        share = told["bytes"] * 1000 / told["elapsed_ms"] / per_second
        print(f"{rate} a second, {jobs} workers: {share:.3f} of it")
        assert 0.95 <= share <= 1.05, told


def costs_nothing(port):
    times = {"0": [], "1T": []}
    for _ in range(7):
        for limit, taken in times.items():
            told = summary(start(port, [200_000_000], "--limit-rate", limit))
            taken.append(told["elapsed_ms"])
    ratio = statistics.median(times["1T"]) / statistics.median(times["0"])
    print(f"a limit that is never reached: {ratio:.2f} of the time without")
    assert ratio < 1.2, times


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    threading.Thread(target=accept, args=(listener,), daemon=True).start()
    port = listener.getsockname()[1]
    exact(port)
    costs_nothing(port)


if __name__ == "__main__":
    main()
