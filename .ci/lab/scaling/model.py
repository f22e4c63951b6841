"""Calculates the cost of long lists from the figures of .ci/lab/cost.py. Prints tables, measures nothing."""

# A machine: cores, bits a second, requests in flight. The last is the maximum of -j.
CORES, BITS, JOBS = 4, 1e9, 10_000
# Simultaneous look-ups (see docs/HTTP.md), and the mean seconds of one.
NAMES, NAME = 4096, 0.05
# KiB, seconds.
MIXES = [(1, 0.05), (5, 5), (20, 0.5), (100, 0.5), (1024, 2)]


def times(found, lookup):
    """The time of lists: the cost of one page of each host over https with a look-up, plus the cost of the size."""
    new = found["https, one page of each host"]
    kept, large = found["https, one host, connections kept"], found["https, one host, 100 KiB"]
    cpu_kib, wire_kib = (large.cpu - kept.cpu) / 99, (large.wire - kept.wire) / 99
    print("| mean size | mean time | URLs a second: CPU | network | names | `-j` | least | 10 M | 100 M | 1 B | machines for 1 B in a day |")
    print("|--:|--:|--:|--:|--:|--:|---|--:|--:|--:|--:|")
    for size, latency in MIXES:
        rates = {
            "CPU": CORES / (lookup + new.cpu + cpu_kib * (size - 1)),
            "network": BITS / 8 / (new.wire + wire_kib * (size - 1)),
            "names": NAMES / NAME,
            "-j": JOBS / latency,
        }
        least = min(rates, key=rates.get)
        hours = [f"{urls / rates[least] / 3600:,.1f} h" for urls in (1e7, 1e8, 1e9)]
        machines = -(-1e9 // (rates[least] * 86_400))
        print(f"| {size} KiB | {latency} s | {rates['CPU']:,.0f} | {rates['network']:,.0f} | {rates['names']:,.0f} | {rates['-j']:,.0f} "
              f"| {least} | {' | '.join(hours)} | {machines:.0f} |")


def stores(found, line_cpu, seen):
    """The costs of long lists beside fetching."""
    record = found["https, one page of each host"].records
    rows = {
        "records": lambda urls: f"{urls * record / 1e9:,.0f} GB",
        "the list, 60 bytes a line: read for each part": lambda urls: f"{urls * 60 / 1e9:,.1f} GB",
        "CPU to pass over its lines: for each part": lambda urls: f"{urls * line_cpu:,.0f} s",
        "memory for `--resume` or `--unique` in one process": lambda urls: f"{urls * seen / 1e9:,.1f} GB",
        "the same in each of 100 parts, with its own records": lambda urls: f"{urls * seen / 1e8:,.0f} MB",
        "questions to name servers, ten pages of each host": lambda urls: f"{urls / 10 * 2 / 1e6:,.0f} M",
    }
    print("| | 10 M | 100 M | 1 B |\n|---|--:|--:|--:|")
    for name, figure in rows.items():
        print(f"| {name} | {' | '.join(figure(urls) for urls in (1e7, 1e8, 1e9))} |")
