#!/usr/bin/env python3
"""Runs each recipe of README.md and docs/RECIPES.md and checks what it leaves behind.

    .ci/lab/recipes.py FETCHPOOL

FETCHPOOL is the binary. The recipes run word for word, except that a server on loopback replaces `https://example.com`.
Needs curl, jq, xargs, flock and sqlite3 beside Python, and pandas for Debian's Python.
"""

import csv
import hashlib
import http.server
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True

from recipes_site import DATA, Site

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(sys.argv[1]).resolve()


def recipes(page):
    """The first fenced block under each third-level heading between the marks."""
    text = (ROOT / page).read_text(encoding="utf-8")
    text = "".join(re.findall(r"<!-- (?:more )?recipes -->(.*?)<!-- /(?:more )?recipes -->", text, re.S))
    sections = re.findall(r"^### (.*?)\n(.*?)(?=^### |\Z)", text, re.S | re.M)
    return {name: "".join(re.findall(r"^```(?:sh|crontab|python)\n(.*?)^```", section, re.S | re.M)) for name, section in sections}


def run(script, status=0, told=""):
    script = script.replace("https://example.com", SITE)
    done = subprocess.run(["bash", "-eu", "-o", "pipefail", "-c", script], env=ENV, text=True, capture_output=True, timeout=60)
    assert done.returncode == status, f"status {done.returncode}, not {status}:\n{done.stdout}{done.stderr}"
    assert done.stderr == told, f"standard error: {done.stderr}"
    return done.stdout


def given(*paths):
    """Writes urls.txt and forgets the requests so far."""
    Path("urls.txt").write_text("".join(f"{SITE}{path}\n" for path in paths))
    Site.seen.clear()
    Site.arrivals.clear()


def table(name, columns, *rows):
    """Writes a table of URLs, and forgets the requests so far."""
    with open(name, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([cell.replace("SITE", SITE) for cell in row] for row in rows)
    Site.seen.clear()


def rows(name, torn=0):
    """The rows behind the first `torn` lines, which a killed run left torn."""
    return [json.loads(line) for line in Path(name).read_text().splitlines()[torn:]]


def sitemap(script):
    # pipefail passes on fetchpool's status 1, for the failed page.
    assert run(script, status=1) == f"http_status\t404\t{SITE}/gone\n"
    assert all(Site.seen[path] == 1 for path in ("/p/1?a=1&b=2", "/p/2", "/p/3?a=1&b=2")), Site.seen


def cache(script):
    given("/p/1", "/p/2")
    assert run(script) == ""
    assert Site.seen == {"/p/1": 1, "/p/2": 1}, Site.seen


def mirror(script):
    given("/p/it's a b", "/once/c", "/p/d")
    # A killed run left this.
    Path("mirror.jsonl").write_text('{"url":"http')
    # The name of a directory may have a blank.
    script = script.replace("-o mirror", "-o 'a mirror'")
    run(script)
    assert Site.seen["/once/c"] == 2, Site.seen
    files = sorted(row["file"] for row in rows("mirror.jsonl", torn=1))
    assert len(files) == 3 and all(Path(file).is_file() for file in files), files
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], check=True)
    assert len(Path("SHA256SUMS").read_text().splitlines()) == 3
    # The second run skips what the first has fetched.
    seen = Site.seen.copy()
    run(script, told="fetchpool: 'mirror.jsonl': line 1 is no whole row, and was passed over\n")
    assert Site.seen == seen, Site.seen
    assert len(Path("SHA256SUMS").read_text().splitlines()) == 3


def data_set(script):
    digest = hashlib.sha256(DATA).hexdigest()
    size = str(len(DATA))
    wrong = ["SITE/data/c", "c.bin", size, "0" * 64]
    table("data.csv", ["url", "name", "size", "sha256"], ["SITE/data/a", "a.bin", size, digest], ["SITE/data/b", "b/b.bin", size, ""], wrong)
    script = script.replace("--retries 5", "--retries 5 --retry-delay 10ms")
    run(script, status=1)
    assert Site.begins == [len(DATA) // 2] * 3, Site.begins
    assert Path("data/a.bin").read_bytes() == Path("data/b/b.bin").read_bytes() == DATA
    failed = [(row["url"], row["error"]["kind"]) for row in rows("data.jsonl") if not row["ok"]]
    assert failed == [(f"{SITE}/data/c", "mismatch")] and sorted(os.listdir("data")) == ["a.bin", "b"], failed
    # With the right digest, only what failed is fetched again.
    Site.seen.clear()
    Path("data.csv").write_text(Path("data.csv").read_text().replace("0" * 64, digest))
    run(script)
    assert Site.seen == {"/data/c": 2}, Site.seen


def poll(line):
    given("/p/1", "/once/2", "/p/3")
    begun = time.monotonic()
    minute, *_, command = line.strip().split(None, 5)
    assert minute == "*/15" and "%" not in command, line
    # As cron does: sh, and almost no environment.
    command = command.replace("/srv/poll", os.getcwd())
    done = subprocess.run(["/bin/sh", "-c", command], env={"PATH": ENV["PATH"]}, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), done
    polled = rows("poll.jsonl")
    assert len(polled) == 3 and Site.seen["/once/2"] == 2, Site.seen
    bodies = sorted(Path(row["file"]).read_text() for row in polled)
    assert bodies == ["/once/2", "/p/1", "/p/3"] and all(row["file"].startswith("latest/") for row in polled), polled
    # Request number N cannot arrive before 2 s times N. Gaps between arrivals prove less: one is short if its first
    # request was late.
    times = sorted(time - begun for time in Site.arrivals)
    assert len(times) == 4 and all(time >= 2 * number for number, time in enumerate(times)), times


def resume(script):
    given("/p/1", "/p/2", "/once/3")
    Path("records.jsonl").write_text(json.dumps({"url": f"{SITE}/p/1", "ok": True}) + '\n{"url":"http')
    told = "fetchpool: 'records.jsonl': line 2 is no whole row, and was passed over\n"
    run(script, status=1)
    run(script, told=told)
    assert Site.seen == {"/p/2": 1, "/once/3": 2}, Site.seen


def failed(script):
    given("/p/1", "/once/2", "/gone")
    with open("records.jsonl", "w") as records:
        records.write('{"url":"http\n')
        records.flush()
        subprocess.run([BINARY, "-f", "jsonl", "urls.txt"], stdout=records, env=ENV)
    run(script)
    assert Site.seen == {"/p/1": 1, "/once/2": 2, "/gone": 1}, Site.seen
    assert [row["ok"] for row in rows("again.jsonl")] == [True]


def hand_on(script):
    given("/p/1", "/p/it's 2", "/gone")
    run(script.replace("-o pages", "-o 'the pages'"), status=1)
    assert len(list(Path("the pages").rglob("*.gz"))) == 2


PAGES = [("b", "SITE/p/2.html"), ("a", "SITE/p/1.txt"), ("c", "SITE/gone")]


def carry_id(script):
    table("pages.csv", ["id", "url"], *PAGES)
    # pipefail passes on fetchpool's status 1, for the failed page.
    assert sorted(run(script, status=1).splitlines()) == ["a\t8", "b\t9"]


def name_files(script):
    table("pages.csv", ["id", "url"], *PAGES, ("a", "SITE/p/3.txt"))
    run(script, status=1)
    assert sorted(os.listdir("pages")) == ["a.txt", "b.html"] and Site.seen["/p/3.txt"] == 0, Site.seen


def check_links(script):
    assert run(script) == f"404\t{SITE}/gone\thttp_status\n"
    assert all(Site.seen[path] == 1 for path in ("/p/1?a=1&b=2", "/p/2", "/p/3?a=1&b=2")), Site.seen
    given("/no-head/1")
    run(f"fetchpool --check -f tsv --fields method,bytes urls.txt | grep '^GET\t4$'")


def redirects(script):
    given("/p/1", "/moved/2")
    assert run(script) == f"{SITE}/moved/2\t301\t{SITE}/p/2\n"


def portal(script):
    given("/portal/1", "/portal/2")
    netrc = Path(ENV["HOME"], ".netrc")
    netrc.write_text("machine localhost\n\tlogin ann\n\tpassword hunter2\n")
    run(script)
    records = rows("data.jsonl")
    assert sorted(row["hops"][0]["url"] for row in records) == [f"{SITE}/portal/1", f"{SITE}/portal/2"], records
    assert [(row["ok"], row["redirects"], Path(row["file"]).read_text()) for row in records] == [(True, 3, "data")] * 2
    netrc.write_text("machine localhost login eve password x")
    Path("data.jsonl").unlink()
    run(script, status=1)
    netrc.unlink()


def json_bodies(script):
    given("/json/1", "/json/2")
    assert sorted(run(script).splitlines()) == [
        f'{{"url":"{SITE}/json/{number}","title":"page {number}"}}' for number in (1, 2)
    ]


def health(script):
    columns = ["url", "accept", "size"]
    table("health.csv", columns, ("SITE/p/1", "200", "4"), ("SITE/gone", "404", ""), ("SITE/once/2", "", ""))
    # The first retry comes after about a second.
    assert run(script) == ""
    table("health.csv", columns, ("SITE/p/1", "200", "5"), ("SITE/gone", "", ""))
    told = "\n".join([
        f"false\t{SITE}/gone\thttp_status\t404 Not Found",
        f"false\t{SITE}/p/1\tmismatch\tsize: expected 5 bytes, got 4\n",
    ])
    script = script.replace("grep -v '^true' health.tsv", "grep -v '^true' health.tsv | sed 1d | sort")
    assert run(script, status=1, told=told) == ""


def failures_again(script):
    table("pages.csv", ["id", "url", "name"], ("1", "SITE/p/1", "one"), ("2", "SITE/once/2", "two"))
    with open("records.jsonl", "w") as records:
        subprocess.run([BINARY, "-f", "jsonl", "-o", "pages", "pages.csv"], stdout=records, env=ENV)
    run(script)
    assert Site.seen == {"/p/1": 1, "/once/2": 3}, Site.seen
    assert [(row["input"], row["ok"]) for row in rows("again.jsonl")] == [({"id": "2"}, True)]
    assert sorted(row["ok"] for row in rows("records.jsonl")) == [False, True, True]
    assert Path("pages/two").read_text() == "/once/2"


def nightly(script):
    line, told = script.strip().split("\n", 1)
    minute, hour, *_, command = line.split(None, 5)
    assert (minute, hour) == ("30", "3") and "%" not in command, line
    command = command.replace("/srv/mirror", os.getcwd())
    environment = {"PATH": ENV["PATH"]}

    def night():
        Site.seen.clear()
        done = subprocess.run(["/bin/sh", "-c", command], env=environment, text=True, capture_output=True, timeout=60)
        assert (done.returncode, done.stdout) == (0, ""), done
        return {row["url"].removeprefix(SITE): row["status"] for row in rows("last.jsonl")}, done.stderr

    Site.versions.update({"/v/1": 1, "/v/2": 1, "/v/3": 1})
    given("/v/1", "/v/2", "/v/3", "/gone")
    statuses, note = night()
    assert statuses == {"/v/1": 200, "/v/2": 200, "/v/3": 200, "/gone": 404}, statuses
    assert "no such file, so every URL is new" in note, note
    Site.versions["/v/2"] = 2
    # It is killed when one page is there and another is awaited.
    Site.held = "/v/3"
    Site.seen.clear()
    before = Path("last.jsonl").read_bytes()
    killed = subprocess.Popen(["/bin/sh", "-c", command], env=environment, start_new_session=True)
    assert Site.arrived.wait(60)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    # All processes of the group must be gone: each of them holds the lock.
    subprocess.run(["flock", "lock", "true"], check=True, timeout=60)
    Site.held = None
    Site.may_go_on.set()
    assert Path("last.jsonl").read_bytes() == before
    statuses, note = night()
    assert (statuses, note) == ({"/v/1": 304, "/v/2": 200, "/v/3": 304, "/gone": 404}, "")
    files = {row["file"] for row in rows("last.jsonl") if row["ok"]}
    bodies = sorted(Path(file).read_text() for file in files)
    assert bodies == ['/v/1 "1"', '/v/2 "2"', '/v/3 "1"'], bodies
    brought = sorted(run(told).splitlines())
    file = next(file for file in files if "2" in Path(file).name)
    assert brought == [f"200\t{file}\t{SITE}/v/2", f"404\tgone\t{SITE}/gone"], brought
    assert night()[0] == {"/v/1": 304, "/v/2": 304, "/v/3": 304, "/gone": 404}


def look(script):
    given("/p/1", "/p/2")
    run(script)
    page = Path("run.html").read_text()
    assert page.startswith("<!DOCTYPE html>") and f"{SITE}/p/2</bdi>" in page, page


def sqlite(script):
    given("/p/1", "/p/2", "/gone")
    assert run(script) == "200,2,8\n404,1,0.0\n".replace(",", "|"), run(script)


def pandas(script):
    table("pages.csv", ["id", "url"], *PAGES)
    with open("records.jsonl", "w") as records:
        subprocess.run([BINARY, "-f", "jsonl", "pages.csv"], stdout=records, env=ENV)
    done = subprocess.run(["/usr/bin/python3", "-c", script], env=ENV, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0 and done.stdout.endswith("id,ok\na,True\nb,True\nc,False\n\n"), done


README = {
    "Check a sitemap": sitemap,
    "Mirror a data set": mirror,
    "Resume after a crash": resume,
    "Warm a cache": cache,
    "Poll an API politely, from cron": poll,
    "Retry only what failed": failed,
    "Hand pages on as they arrive": hand_on,
}
TABLES = {
    "Carry an id through": carry_id,
    "Name files after a column": name_files,
    "Mirror a data set with digests from a table": data_set,
    "Check the links of a sitemap": check_links,
    "Audit redirects": redirects,
    "Fetch from a portal that wants a login": portal,
    "Read JSON replies with jq": json_bodies,
    "Check the health of services": health,
    "Fetch the failures of a run again": failures_again,
    "Update a mirror every night, from cron": nightly,
    "Look at a run": look,
    "Load the records into SQLite": sqlite,
    "Load the records into pandas": pandas,
}

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
SITE = f"http://127.0.0.1:{server.server_port}"

scripts = []
for page, checks in (("README.md", README), ("docs/RECIPES.md", TABLES)):
    found = recipes(page)
    assert list(found) == list(checks), f"{page} has the recipes {list(found)}, this script {list(checks)}"
    scripts += [(name, check, found[name]) for name, check in checks.items()]
with tempfile.TemporaryDirectory() as home:
    tools = Path(home, "bin")
    tools.mkdir()
    (tools / "fetchpool").symlink_to(BINARY)
    ENV = {"PATH": f"{tools}:{os.environ['PATH']}", "HOME": home}
    for number, (name, check, script) in enumerate(scripts):
        place = Path(home, str(number))
        place.mkdir()
        os.chdir(place)
        Site.seen.clear()
        check(script)
        print(f"ok: {name}")
    os.chdir(ROOT)
