"""Shared by .ci/lab/scale.py, slurm.py and kubernetes.py: the recipes of the guide, a directory to run them in, and their checks.

The directory is temporary, and removed when the process ends. Scripts run with bash and its strictest
settings. TOOLS comes first on the PATH.
"""

import json
import os
import re
import signal
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PER_HOST = 2  # as the recipes have it
PAGES = 30  # of each host

_place = tempfile.TemporaryDirectory()
HOME, TOOLS = Path(_place.name), Path(_place.name, "bin")
TOOLS.mkdir()
ENV = {"PATH": f"{TOOLS}:{os.environ['PATH']}", "HOME": str(HOME)}


def tool(name, script):
    """Puts a shell script in front of the command of that name."""
    (TOOLS / name).write_text(f"#!/bin/sh\n{script}\n")
    (TOOLS / name).chmod(0o755)


def _recipes():
    """The fenced blocks under each second-level heading between the guide's marks."""
    guide = (ROOT / "docs/SCALING.md").read_text(encoding="utf-8")
    text = re.search(r"<!-- recipes -->(.*)<!-- /recipes -->", guide, re.S)[1]
    sections = re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", text, re.S | re.M)
    return {name: re.findall(r"^```\w+\n(.*?)^```", body, re.S | re.M) for name, body in sections}


RECIPES = _recipes()


class Run:
    """A started script, with all processes that it starts."""

    def __init__(self, script, before=()):
        command = [*before, "bash", "-eu", "-o", "pipefail", "-c", script]
        self._process = subprocess.Popen(command, env=ENV, text=True, start_new_session=True, stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def tell(self, number):
        """Sends a signal to the script, and not to its children."""
        os.kill(self._process.pid, number)

    def ends(self, status=0):
        """Waits for the script; returns its output."""
        try:
            output, _ = self._process.communicate(timeout=45)
        except BaseException:
            os.killpg(self._process.pid, signal.SIGKILL)
            raise
        assert self._process.returncode == status, f"status {self._process.returncode}, not {status}:\n{output}"
        return output


def given(addresses, pages, port):
    """Changes to a new directory with a urls.txt: `pages` pages of each host, host by host."""
    os.chdir(tempfile.mkdtemp(dir=HOME))
    urls = [f"http://{address}:{port}/{page}" for address in addresses for page in range(pages)]
    Path("urls.txt").write_text("".join(f"{url}\n" for url in urls))
    return urls


def checked(urls):
    """Checks the merged records, as the guide says and independently; returns the URLs that are there more than once."""
    Run(RECIPES["Check"][-1]).ends()
    missing, twice = (set(Path(name).read_text().split()) for name in ("missing", "twice"))
    assert not missing, f"{len(missing)} are missing, like {missing.pop()}"
    rows = Counter()
    for line in Path("records.jsonl").read_bytes().splitlines():
        try:
            row = json.loads(line)
            rows[row["url"]] += row["ok"]
        except ValueError:
            pass  # torn
    assert set(rows) == set(urls) and min(rows.values()) >= 1
    assert {url for url, count in rows.items() if count > 1} == twice
    return twice


def polite(site):
    """Checks that no host had more requests at once than its cap, and that some host had as many."""
    assert max(site.most.values()) == PER_HOST and not site.crowded.is_set(), site.most
