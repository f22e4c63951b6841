#!/usr/bin/env python3
"""Crawls sites on loopback into archives by the recipes of docs/RECIPES.md, and replays them.

    .ci/lab/warc.py FETCHPOOL BIN

FETCHPOOL is the binary, BIN the directory with `warcio` and `wayback`. The recipes run word for word. Each archive must
pass `warcio check`. pywb replays it with the index that the recipe makes, and with its own; each body is compared with
the original. One crawl is killed by SIGKILL again and again, and goes on with the same archive.
"""

import gzip
import hashlib
import http.server
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY, BIN = (Path(argument).resolve() for argument in sys.argv[1:3])
KINDS = ("page", "moved", "chunked", "gzip", "missing", "same", "big")
BIG = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(5 << 15))


def original(path):
    """The status and the decoded body of a path."""
    kind = path.split("/")[1]
    if kind == "moved":
        return original(path.replace("moved", "page", 1))
    if kind == "big":
        return 200, BIG
    if kind == "same":
        return 200, b"one page at many addresses"
    return 404 if kind == "missing" else 200, f"this is {path} ".encode() * 20


class Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        kind = self.path.split("/")[1]
        status, body = original(self.path)
        etag = '"%s"' % hashlib.sha256(body).hexdigest()
        headers = {"ETag": etag, "Content-Type": "text/plain; charset=utf-8"}
        if self.headers["If-None-Match"] == etag:
            status, body = 304, b""
        elif kind == "moved":
            status, body = 302, b"over there"
            headers["Location"] = self.path.replace("moved", "page", 1)
        elif kind == "gzip":
            body = gzip.compress(body)
            headers["Content-Encoding"] = "gzip"
        if kind == "chunked" and status == 200:
            headers["Transfer-Encoding"] = "chunked"
            pieces = [body[at : at + 50] for at in range(0, len(body), 50)] + [b""]
            body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        elif status != 304:
            headers["Content-Length"] = str(len(body) + (kind == "cut"))
        self.close_connection = kind == "cut"
        self.send_response(status)
        for header in headers.items():
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 500

    def handle_error(self, *_):
        """A killed client closes its connections."""


def start(tls=None):
    server = Server(("127.0.0.1", 0), Site)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"


def tls():
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", "key.pem", "-out", "ca.pem"]
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("ca.pem", "key.pem")
    return context


def run(*command, status=0):
    done = subprocess.run(command, env=ENV, text=True, capture_output=True, timeout=300)
    assert done.returncode == status, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def recipes():
    text = (ROOT / "docs/RECIPES.md").read_text(encoding="utf-8")
    text = re.search(r"<!-- archive recipes -->(.*)<!-- /archive recipes -->", text, re.S)[1]
    return [block for block in re.findall(r"^```sh\n(.*?)^```", text, re.S | re.M)]


def rows():
    """The whole lines: a kill may have torn one."""
    found = []
    for line in Path("crawl.jsonl").read_text().splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            pass
    return found


def check():
    """Each row's place is a record of its page in an archive without faults."""
    print(run(BIN / "warcio", "check", "crawl.warc.gz"), end="")
    listed = run(BIN / "warcio", "index", "-f", "offset,length,warc-type,warc-target-uri", "crawl.warc.gz")
    places = {record["offset"]: record for record in map(json.loads, listed.splitlines())}
    for row in rows():
        record = places[str(row["warc"]["offset"])]
        assert record["length"] == str(row["warc"]["length"]), (row, record)
        assert record["warc-target-uri"] == row["final_url"], (row, record)
        assert record["warc-type"] in ("response", "revisit"), record
    return [record["warc-type"] for record in places.values()]


def replay(urls):
    """Replays the archive with two indexes, and compares the bodies."""
    index = recipes()[1]
    run("bash", "-eu", "-o", "pipefail", "-c", index)
    for name in ("mine", "own"):
        for part in ("archive", "indexes"):
            os.makedirs(f"collections/{name}/{part}", exist_ok=True)
        Path(f"collections/{name}/archive/crawl.warc.gz").write_bytes(Path("crawl.warc.gz").read_bytes())
    os.rename("index.cdxj", "collections/mine/indexes/index.cdxj")
    own = run(BIN / "cdx-indexer", "-s", "-j", "crawl.warc.gz")
    Path("collections/own/indexes/index.cdxj").write_text(own)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with open("wayback.log", "w") as log:
        pywb = subprocess.Popen([BIN / "wayback", "--port", str(port)], env=ENV, stdout=log, stderr=log)
    try:
        begun = time.monotonic()
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert pywb.poll() is None and time.monotonic() < begun + 60, Path("wayback.log").read_text()
            time.sleep(0.1)
        for name in ("mine", "own"):
            for url in urls:
                got = fetched(f"http://127.0.0.1:{port}/{name}/2100id_/{url}")
                path = url.split("/", 3)[3]
                assert got == original("/" + path), (name, url, got[0], got[1][:200])
            print(f"ok: {len(urls)} pages replayed by the index of {name}")
    finally:
        pywb.terminate()
        pywb.wait()


def fetched(url):
    try:
        with urllib.request.urlopen(url, timeout=60) as reply:
            status, body = reply.status, reply.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    # pywb leaves the coding as it is, but not its header.
    return status, gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


def crawl(sites):
    """All that a site can do, once."""
    urls = [f"{site}/{kind}/{n}" for site in sites for n in range(2) for kind in KINDS]
    cut = [f"{site}/cut/1" for site in sites]
    Path("urls.txt").write_text("\n".join(urls + cut))
    recipe = recipes()[0].replace("fetchpool ", "fetchpool --cacert ca.pem --max-fail 100% ")
    run("bash", "-eu", "-c", recipe)
    kinds = check()
    assert kinds.count("revisit") >= 2 * len(sites), kinds
    done = [row["url"] for row in rows() if row["ok"] or row["status"] == 404]
    assert sorted(done) == sorted(urls), set(urls) - set(done)
    replay([row["final_url"] for row in rows() if row["error"] is None or row["status"] == 404])


def killed(site):
    """A crawl that SIGKILL ends again and again."""
    urls = [f"{site}/{kind}/{n}" for n in range(400) for kind in ("page", "same", "chunked", "gzip")]
    Path("urls.txt").write_text("\n".join(urls))
    command = recipes()[0].replace("fetchpool ", "exec fetchpool -j 20 ")
    for more in (100, 200, 1, 300, 200):
        recorded = more + (len(rows()) if Path("crawl.jsonl").exists() else 0)
        crawl = subprocess.Popen(["bash", "-c", command], env=ENV, stderr=subprocess.DEVNULL)
        while crawl.poll() is None and not (Path("crawl.jsonl").exists() and len(rows()) >= recorded):
            time.sleep(0.001)
        crawl.send_signal(signal.SIGKILL)
        assert crawl.wait() == -signal.SIGKILL, f"it ended before {recorded} pages"
    # A crash in the middle of a write: within the first member's header, within its data, and before zeros.
    first = Path("crawl.warc.gz").read_bytes()
    first = first[: int.from_bytes(first[16:24], "little")]
    for torn in (first[:20], first[: len(first) // 2], first[: len(first) // 2] + bytes(5000)):
        with open("crawl.warc.gz", "ab") as archive:
            archive.write(torn)
        run("bash", "-eu", "-c", command)
    kinds = check()
    assert kinds.count("warcinfo") == 8, kinds.count("warcinfo")
    assert sorted({row["url"] for row in rows()}) == sorted(urls)
    replay([row["final_url"] for row in rows()][::40])


def unchanged(site):
    """Pages that have not changed since they were archived."""
    urls = [f"{site}/{kind}/1" for kind in ("page", "same", "chunked")]
    Path("urls.txt").write_text("\n".join(urls))
    run("bash", "-eu", "-c", recipes()[0])
    os.rename("crawl.jsonl", "before.jsonl")
    again = [BINARY, "urls.txt", "-f", "jsonl", "--update", "before.jsonl", "--warc", "crawl.warc.gz"]
    Path("crawl.jsonl").write_text(run(*again))
    assert [row["unchanged"] for row in rows()] == [True] * 3, rows()
    assert check().count("revisit") == 3
    both = Path("before.jsonl").read_text() + Path("crawl.jsonl").read_text()
    Path("crawl.jsonl").write_text(both)
    replay(urls)


with tempfile.TemporaryDirectory() as home:
    Path(home, "fetchpool").symlink_to(BINARY)
    ENV = {"PATH": f"{home}:{BIN}:{os.environ['PATH']}", "HOME": home}
    os.chdir(home)
    sites = [start(), start(tls())]
    certificate = Path("ca.pem").read_bytes()
    acts = {"all kinds": lambda: crawl(sites), "killed": lambda: killed(sites[0]), "unchanged": lambda: unchanged(sites[0])}
    for name, act in acts.items():
        place = Path(home, name)
        place.mkdir()
        os.chdir(place)
        Path("ca.pem").write_bytes(certificate)
        act()
        print(f"ok: {name}")
    os.chdir(ROOT)
