"""Calculates the cost of long lists from the figures of .ci/lab/cost.py. Prints tables, measures nothing."""

# A machine: cores, bits a second, requests in flight. The last is the maximum of -j.
CORES, BITS, JOBS = 4, 1e9, 10_000
# Simultaneous look-ups (see docs/HTTP.md), and the mean seconds of one.
NAMES, NAME = 4096, 0.05
# KiB, seconds.
MIXES = [(1, 0.05), (5, 5), (20, 0.5), (100, 0.5), (1024, 2)]


# Bytes of memory for the digest of a payload in an archive (see docs/OUTPUT.md), and of a URL in the list.
DIGEST, URL = 40, 60
# KiB and seconds of the pages of the ladder.
PAGE, WAIT = 20, 0.5
# Parts for each machine.
PARTS = 16


def costs(found, lookup, size):
    """CPU seconds and bytes on the wire of a page of `size` KiB: one of each host over https with a look-up."""
    new = found["https, one page of each host"]
    kept, large = found["https, one host, connections kept"], found["https, one host, 100 KiB"]
    cpu_kib, wire_kib = (large.cpu - kept.cpu) / 99, (large.wire - kept.wire) / 99
    return lookup + new.cpu + cpu_kib * (size - 1), new.wire + wire_kib * (size - 1)


def times(found, lookup):
    """The time of lists."""
    print("| mean size | mean time | URLs a second: CPU | network | names | `-j` | least | 10 M | 100 M | 1 B | machines for 1 B in a day |")
    print("|--:|--:|--:|--:|--:|--:|---|--:|--:|--:|--:|")
    for size, latency in MIXES:
        cpu, wire = costs(found, lookup, size)
        rates = {
            "CPU": CORES / cpu,
            "network": BITS / 8 / wire,
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
        "the list, 60 bytes a line: read for each part": lambda urls: f"{urls * URL / 1e9:,.1f} GB",
        "CPU to pass over its lines: for each part": lambda urls: f"{urls * line_cpu:,.0f} s",
        "memory for `--resume` or `--unique` in one process": lambda urls: f"{urls * seen / 1e9:,.1f} GB",
        "the same in each of 100 parts, with its own records": lambda urls: f"{urls * seen / 1e8:,.0f} MB",
        "questions to name servers, ten pages of each host": lambda urls: f"{urls / 10 * 2 / 1e6:,.0f} M",
    }
    print("| | 10 M | 100 M | 1 B |\n|---|--:|--:|--:|")
    for name, figure in rows.items():
        print(f"| {name} | {' | '.join(figure(urls) for urls in (1e7, 1e8, 1e9))} |")


def ladder(found, lookup, archived, seen, check):
    """From one machine to a billion URLs: what each list costs in all, archived, if it may take a day."""
    more, archive, record, packed = archived[PAGE]
    cpu, wire = costs(found, lookup, PAGE)
    rate = min(CORES / (cpu + more), BITS / 8 / wire, NAMES / NAME, JOBS / WAIT)
    print("| URLs | machines | hours | received | Mbit/s of each | records | with gzip | archives | memory of a part | check: CPU | disk |")
    print("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for urls in (1e6, 1e7, 1e8, 1e9):
        machines = -(-urls // (rate * 86_400))
        pace = rate * machines
        part = urls / machines / PARTS
        print(f"| {urls:,.0f} | {machines:.0f} | {urls / pace / 3600:,.1f} | {urls * wire / 1e12:,.2f} TB | {rate * wire * 8 / 1e6:,.0f} "
              f"| {urls * record / 1e9:,.1f} GB | {urls * packed / 1e9:,.2f} GB | {urls * archive / 1e12:,.2f} TB "
              f"| {part * (seen + DIGEST) / 1e6:,.0f} MB | {urls * check / 3600:,.2f} h | {urls * URL * 2 / 1e9:,.1f} GB |")
