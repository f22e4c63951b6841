"""Measures the cost of --warc and --sha256, with the runs of .ci/lab/cost.py: a table of docs/SCALING.md."""

import gzip
import os
import random
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[3]
KIB = 1024
PAGES = [(1, 10_000), (20, 4_000), (100, 2_000)]  # KiB, pages


def archives(runs):
    """The table of --warc; the most that it costs a page, in CPU seconds and bytes, by KiB. `runs` makes the runs on
    urls.txt with more options, into records.jsonl, one at a time."""
    print("| http, one host, `--warc` | pages | CPU µs more a page | archive, bytes a page | of the body | record, bytes | with gzip -6 |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    texts = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
    lines = [line for text in texts for line in text.read_text().splitlines(True)]
    found, chance = {}, random.Random(1)
    for size, count in PAGES:
        written(lines, size, count, chance)
        plain, kept = min(runs()), []
        for cost in runs("--warc", "a.warc.gz"):
            kept.append(cost)
            archive = os.path.getsize("a.warc.gz") / count
            os.remove("a.warc.gz")
        records = Path("records.jsonl").read_bytes()
        packed = len(gzip.compress(records, 6)) / count
        more = (min(kept).cpu - plain.cpu) / count
        found[size] = more, archive, len(records) / count, packed
        print(f"| {size} KiB of text | {count:,} | {more * 1e6:,.0f} | {archive:,.0f} | {archive / size / KIB:.0%} "
              f"| {len(records) / count:.0f} | {packed:.0f} |", flush=True)
    sha256 = (min(runs("--sha256")).cpu - plain.cpu) / count / size * KIB
    print(f"\n`--sha256` takes {sha256 * 1e6:,.0f} µs of CPU more for 1 MiB.")
    return found


def written(lines, size, count, chance):
    """Writes `count` pages of `size` KiB, of `lines` in random order, and urls.txt."""
    for n in range(count):
        text = "".join(chance.choices(lines, k=size * 40)).encode()[:size * KIB]
        Path("pages", f"text{n}").write_bytes(text.ljust(size * KIB, b"."))
    # URLs that compress like those of the web, and not like a sequence of numbers.
    words = [chance.choice(lines).split(" ")[0] + f"-{chance.getrandbits(48):x}" for _ in range(count)]
    urls = [f"http://h.test/text{n}?{quote(word)}\n" for n, word in enumerate(words)]
    Path("urls.txt").write_text("".join(urls))
