"""Judges the page of `fetchpool --report` in headless Chromium, which chromedriver drives.

    .ci/lab/report.py FETCHPOOL DIR [PICTURE]

FETCHPOOL is the binary. Screenshots in both themes, at 390 and 1280 pixels, go to DIR. With PICTURE, the page's top is
written there: that is docs/picture/report.png.
"""

import collections
import datetime
import heapq
import http.server
import io
import json
import math
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from pathlib import Path

from PIL import Image

from report_browser import Browser

FETCHPOOL, SHOTS = os.path.abspath(sys.argv[1]), Path(sys.argv[2])
ROWS = 1_000_000
HOSTILE = [
    "http://h/<script>document.title='owned'</script>",
    "http://h/\"><img src=http://127.0.0.1:9/x onerror=\"document.title='owned'\">",
    "http://h/</title></style><style>*{display:none}</style>",
    "http://h/\u202egnp.exe",
]
NUMBERS = """
return Object.fromEntries([...document.querySelectorAll("dl.figures > div")].map(
    (div) => [div.querySelector("dt").textContent, Number(div.querySelector("data").value)]))
"""
# The names and counts of the table with a caption.
TALLY = """
const table = [...document.querySelectorAll("table.tally")].find((table) => table.caption.textContent == arguments[0]);
return [...table.tBodies[0].rows].map((row) => [row.querySelector("bdi").textContent, row.cells[1].textContent]);
"""
# The nodes of `chosen` whose colour has less contrast to what is behind them than `least`, by WCAG.
FAINT = """
const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
};
const light = (colour) => rgb(colour).slice(0, 3).map((c) => c / 255)
    .map((c) => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, n) => sum + c * [.2126, .7152, .0722][n], 0);
const behind = (node) => {
    while (node && rgb(getComputedStyle(node).backgroundColor)[3] == 0) node = node.parentElement;
    return node ? getComputedStyle(node).backgroundColor : "white";
};
const faint = (chosen, colour, own, least) => [...document.querySelectorAll(chosen)].filter((node) => {
    const [a, b] = [light(getComputedStyle(node)[colour]), light(behind(own(node)))].sort((a, b) => b - a);
    return (a + .05) / (b + .05) < least;
}).map((node) => node.tagName + "." + node.className);
return [...faint("body *:not(script, svg, svg *, .swatch)", "color", (node) => node, 4.5),
    ...faint(".swatch", "backgroundColor", (node) => node.parentElement, 3)];
"""


def row(number, url, at, spans, worker, failure=None):
    """A row as -f jsonl writes it; `spans` are those of the phases, in milliseconds."""
    dns, connect, tls, wait, body = spans
    before = sum(span or 0 for span in spans[:4])
    at = datetime.datetime(2026, 1, 31, 10) + datetime.timedelta(milliseconds=at)
    return {
        "url": url, "source": "urls.txt", "line": number + 1, "ok": failure is None,
        "status": 200 if failure is None else failure["status"], "bytes": int(body * 997) if failure is None else None,
        "content_type": "text/html", "final_url": url, "redirects": 0, "attempts": 1,
        "elapsed_ms": round(before + body, 3), "ttfb_ms": round(before, 3), "worker": worker,
        "started_at": at.isoformat(timespec="milliseconds") + "Z", "file": None,
        "error": failure and {"kind": failure["kind"], "message": failure["message"], "phase": failure["phase"]},
        "method": "GET", "remote_ip": "192.0.2.7", "reused": dns is None, "dns_ms": dns, "connect_ms": connect,
        "tls_ms": tls, "etag": None, "last_modified": None, "unchanged": None, "resumed_from": None, "sha256": None,
        "hops": [], "headers": None, "input": None, "warc": None,
    }


def failure(chance):
    if chance < 0.02:
        status = random.choice([404, 404, 404, 500, 503])
        return {"kind": "http_status", "message": f"the server answered {status}", "phase": None, "status": status}
    if chance < 0.03:
        return {"kind": "timeout", "message": "no first byte within 5s", "phase": "first_byte", "status": None}
    return None


def run(rows, workers):
    """The rows of a run like many: few slow hosts, some failures."""
    random.seed(17)
    free = [(0.0, worker) for worker in range(workers)]
    for number in range(rows):
        at, worker = free[0]
        host = f"www{int(random.paretovariate(1)) % 40}.example.org"
        spans = [None] * 3 + [random.lognormvariate(4, 0.8), random.lognormvariate(2.5, 1.5)]
        if random.random() < 0.3:
            spans[:3] = [round(random.uniform(*span), 3) for span in ((0.3, 40), (5, 60), (10, 80))]
        failed = failure(random.random())
        if failed and failed["kind"] == "timeout":
            spans[3:] = [5000, 0]
        yield row(number, f"https://{host}/articles/{number}/page.html", at, spans, worker, failed)
        heapq.heapreplace(free, (at + sum(span or 0 for span in spans) + 1, worker))


def write(path, rows):
    with open(path, "w") as file:
        file.writelines(json.dumps(each, separators=(",", ":")) + "\n" for each in rows)


def report(journal, page):
    """Makes a page; gives the seconds of CPU time, which other work does not lengthen, and the peak memory in MB."""
    child = subprocess.Popen([FETCHPOOL, "--report", journal], stdout=subprocess.PIPE)
    # The page is complete, and most of it waits for the pipe. wait4 would give the memory of this program.
    begun = child.stdout.read(1)
    peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{child.pid}/status").read_text())
    Path(page).write_bytes(begun + child.stdout.read())
    _, status, used = os.wait4(child.pid, 0)
    assert status == 0, status
    return used.ru_utime + used.ru_stime, int(peak[1]) / 1024 if peak else 0


def large():
    """A million rows: a page under 2 MB, in 10 s, in memory that grows by the hashes of the URLs alone."""
    write("small.jsonl", run(10_000, 200))
    _, little = report("small.jsonl", "small.html")
    write("large.jsonl", run(ROWS, 200))
    seconds, memory = report("large.jsonl", "large.html")
    size = os.path.getsize("large.html")
    print(f"{ROWS} rows, {os.path.getsize('large.jsonl') >> 20} MiB: {seconds:.1f} s, {memory:.0f} MB"
          f" ({little:.0f} MB for 10,000 rows), a page of {size:,} bytes")
    assert size < 2_000_000 and seconds < 10 and memory < little + 40, "too much"


class Origin(http.server.SimpleHTTPRequestHandler):
    """Serves the pages, and notes what is asked for."""

    asked = []

    def do_GET(self):
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_):
        pass


def colours(png):
    """The colours of a screenshot, the most frequent first."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    return [colour for _, colour in sorted(image.getcolors(1 << 24), reverse=True)]


def looks(browser, url):
    """Both themes at both widths: nothing overflows, text can be read, and the picture is of the theme."""
    for theme in ("light", "dark"):
        for width in (390, 1280):
            browser.look(theme, width)
            browser.open(url)
            overflow = browser.run("return document.documentElement.scrollWidth")
            assert overflow <= width, f"{theme}: {overflow} of {width} pixels"
            faint = browser.run(FAINT)
            assert faint == [], (theme, faint)
            png = browser.picture(width)
            (SHOTS / f"{theme}-{width}.png").write_bytes(png)
            found = colours(browser.picture(width, 900))
            assert (sum(found[0]) > 384) == (theme == "light"), f"{theme}: the paper is {found[0]}"
            assert len(found) > 20, f"{theme}: {len(found)} colours"


def numbers(browser, rows):
    shown = browser.run(NUMBERS)
    good = [each for each in rows if each["ok"]]
    times = sorted(each["elapsed_ms"] for each in rows)
    assert shown["fetched"] == len(good) and shown["failed"] == len(rows) - len(good), shown
    assert shown["size of bodies"] == sum(each["bytes"] for each in good), shown
    assert shown["max"] == times[-1], shown
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        exact = times[math.ceil(len(times) * share) - 1]
        assert abs(shown[name] / exact - 1) < 0.01, (name, shown[name], exact)
    begun = [datetime.datetime.fromisoformat(each["started_at"].replace("Z", "+00:00")).timestamp() for each in rows]
    ended = max(at + each["elapsed_ms"] / 1000 for at, each in zip(begun, rows))
    rate = len(rows) / (ended - min(begun))
    assert abs(shown["URLs per second"] / rate - 1) < 0.01, (shown["URLs per second"], rate)
    mean = browser.run("return document.querySelector('#finished-title + p').textContent")
    assert mean.startswith(f"{rate:.1f} on average, at most "), (mean, rate)
    failed = [each for each in rows if not each["ok"]]
    for caption, name in (("By kind", lambda each: each["error"]["kind"]),
                          ("By host", lambda each: urllib.parse.urlsplit(each["url"]).hostname)):
        counts = collections.Counter(map(name, failed))
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:15]
        assert browser.run(TALLY, caption) == [[name, f"{count:,}"] for name, count in ranked], (caption, ranked)
    drawn = browser.run("return document.querySelectorAll('.lanes g').length")
    assert drawn == len(rows), drawn


def filter_of_failures(browser, rows):
    failed = [each for each in rows if not each["ok"]]
    visible = "return [...document.querySelectorAll('#failures tbody tr')].filter((row) => row.offsetParent).length"
    assert browser.run(visible) == len(failed)
    timeouts = sum(each["error"]["kind"] == "timeout" for each in failed)
    browser.type("#filter", "timeout First_Byte")
    assert browser.run(visible) == timeouts < len(failed)
    count = browser.run("return document.getElementById('count').textContent")
    assert count == f"{timeouts} of {len(failed)} shown", count
    focus = browser.run("return getComputedStyle(document.activeElement).outlineStyle")
    assert focus != "none", "the focus cannot be seen"


def accessible(browser):
    """What a screen reader gets: a name for each chart, table, field and region; all reached by keyboard."""
    nodes = browser.tree()
    named = {}
    for node in nodes:
        if not node.get("ignored"):
            named.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    for role, least in (("image", 5), ("table", 5), ("heading", 8), ("region", 5), ("searchbox", 1)):
        names = named.get(role) or named.get({"image": "img"}.get(role, role), [])
        assert len(names) >= least and all(names), (role, names)
    assert len(named.get("main", [])) == 1, "no main"
    focused = []
    for _ in range(4):
        browser.tab()
        focused.append(browser.run("return document.activeElement.className + document.activeElement.id"))
    assert "scroll" in focused and "filter" in focused, focused


def hostile(browser, base):
    rows = []
    for number, url in enumerate(HOSTILE):
        failed = {"kind": "http_status", "message": url, "phase": None, "status": 404}
        rows += [row(number, url, 0, [1, 1, 1, 1, 1], 0), row(number, url, 9, [1, 1, 1, 1, 1], 0, failed)]
    write("hostile.jsonl", rows)
    report("hostile.jsonl", "hostile.html")
    browser.open(f"{base}/hostile.html")
    assert browser.run("return document.title").startswith("hostile.jsonl"), "a script ran"
    texts = browser.run("return [...document.querySelectorAll('bdi.url')].map((node) => node.textContent)")
    expected = {url.replace("\u202e", r"\u202e") for url in HOSTILE}
    assert set(texts) == expected, texts
    foreign = "return document.querySelectorAll('img, a, iframe, link, object, script:not(:last-child)').length"
    assert browser.run(foreign) == 0


def main(picture=None):
    SHOTS.mkdir(parents=True, exist_ok=True)
    shots, scratch = SHOTS.resolve(), tempfile.TemporaryDirectory()
    globals()["SHOTS"] = shots
    os.chdir(scratch.name)
    rows = list(run(400, 6))
    write("run.jsonl", rows)
    report("run.jsonl", "run.html")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    with Browser() as browser:
        if picture:
            browser.look("light", 1280)
            browser.open(f"{base}/run.html")
            return Path(picture).write_bytes(browser.picture(1280, 1180))
        looks(browser, f"{base}/run.html")
        numbers(browser, rows)
        accessible(browser)
        filter_of_failures(browser, rows)
        hostile(browser, base)
        complaints = browser.complaints()
        assert complaints == [], complaints
    with Browser(script=False) as browser:
        browser.open(f"{base}/run.html")
        failed = sum(not each["ok"] for each in rows)
        assert browser.count("#failures tbody tr") == failed, "without JavaScript"
        assert not browser.shows(".filter"), "a filter that does nothing"
    others = set(Origin.asked) - {"/run.html", "/hostile.html"}
    assert not others, f"the page asked for {others}"
    large()
    print(f"screenshots: {shots}")


main(*map(os.path.abspath, sys.argv[3:]))
