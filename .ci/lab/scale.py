#!/usr/bin/env python3
"""Runs the recipes of docs/SCALING.md, word for word, on processes and on machines, and checks them.

    .ci/lab/scale.py FETCHPOOL [one | sharing | apart]

FETCHPOOL is the binary. The second argument selects the runs on one machine, on machines that share a
directory, or on machines that share nothing. The machines are network namespaces, which needs root; where
that is not possible, .ci/left-out reports the runs. Two parts of the recipes are changed: the shared
directory, and the seconds until a lost machine is noticed, which are fewer. The scripts for Slurm and
Kubernetes are started as those schedulers do it. Needs xargs, jq and flock, and for
the machines ip, rsync, GNU parallel, ssh and sshd.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

sys.dont_write_bytecode = True

from scaling import machines
from scaling.counting_site import CountingSite
from scaling.recipe import ENV, PAGES, PER_HOST, RECIPES, ROOT, TOOLS, Run, checked, given, polite, tool

PARTS = 16  # of the recipes for Slurm and Kubernetes
LOCAL = [f"127.0.1.{n}" for n in range(1, 41)]


def processes(site):
    urls = given(LOCAL, 75, site.port)
    Run(RECIPES["Processes on one machine: xargs"][-1]).ends()
    Run(RECIPES["Merge"][-1]).ends()
    assert not checked(urls)
    assert all(len(askers) == 1 for askers in site.askers.values()) and len(site.askers) == len(urls)
    polite(site)
    print(f"ok: 4 processes, {len(urls)} URLs of 40 hosts, each once; never more than {PER_HOST} at once to a host")


def processes_by_lines(site):
    """The list cut by lines and not by host: the check of politeness must notice that."""
    given(LOCAL, PAGES, site.port)
    site.forget()
    script = RECIPES["Processes on one machine: xargs"][-1].replace("--shard {}/4", "").replace("urls.txt", "part{}")
    assert script.count("part{}") == 1
    Run("split -n r/4 --numeric-suffixes=1 -a 1 urls.txt part; " + script).ends()
    assert site.crowded.is_set(), site.most
    print(f"ok: cut by lines and not by host, up to {max(site.most.values())} at once to a host")


def cut_once(site):
    urls = given(LOCAL, PAGES, site.port)
    others = ["HTTP://User@127.0.1.7:1/x", "http://127.0.1.9?y", "no URL", "# remark"]
    Path("urls.txt").write_text("".join(f"{line}\n" for line in urls + others))
    Run(RECIPES["Cut the list once"][-1]).ends()
    parts = [path.read_text().splitlines() for path in Path(".").glob("part*.txt")]
    assert sorted(line for part in parts for line in part) == sorted(urls + others)
    assert 10 < len(parts) <= 41, len(parts)
    for host in LOCAL:
        assert sum(any(re.search(rf"[/@]{host}\b(?!\d)", line) for line in part) for part in parts) == 1, host
    print(f"ok: a list that is cut once, by host, into {len(parts)} files that are not empty")


def jobs(site, shell, script, variable, first, expected):
    """Starts the script of a job once for each part, as the scheduler does. A part that is stopped goes on later.

    `shell` starts the script. `variable` has the number of the part, counted from `first`. The stopped part
    prints `expected` after fetchpool's message about the signal.
    """
    urls = given(LOCAL, PAGES, site.port)
    site.forget()
    Path("job").write_text(script)
    # A part that has the first host, which the site then holds.
    part = next(n for n in range(1, PARTS + 1) if holds(urls[0], n))
    reached = site.hold_after("127.0.0.1", PAGES - 5)
    stopped = Run(f"export {variable}={part - 1 + first}; exec {shell} job")
    assert reached.wait(30), "nothing was asked for"
    stopped.tell(signal.SIGTERM)
    told = stopped.ends(143)
    assert told.splitlines()[1:] == [line.format(part=part) for line in expected], told
    site.let_go("127.0.0.1")
    assert all(line.endswith(b"}\n") for line in Path(f"r{part}.jsonl").read_bytes().splitlines(keepends=True))
    Run(f"seq {first} {PARTS - 1 + first} | xargs -P 4 -I[] env {variable}=[] {shell} job").ends()
    Run(RECIPES["Merge"][-1]).ends()
    assert not checked(urls)
    print(f"ok: {variable}: {PARTS} parts, one stopped in the middle and gone on with")


def holds(url, part):
    """Whether a URL belongs to that part: it has a record in that part only."""
    Path("one").write_text(url + "\n")
    done = subprocess.run(["fetchpool", "-q", "--shard", f"{part}/{PARTS}", "one"], env=ENV, capture_output=True, check=True)
    return bool(done.stdout)


def on_one_machine():
    site = CountingSite(socket.create_server(("", 0), backlog=1024), PER_HOST)
    processes(site)
    processes_by_lines(site)
    cut_once(site)
    tool("scontrol", 'echo "scontrol $*"')
    ENV["SLURM_ARRAY_JOB_ID"] = "7"
    jobs(site, "bash", RECIPES["Slurm: a job array"][-1], "SLURM_ARRAY_TASK_ID", 1, ["scontrol requeue 7_{part}"])
    manifest = RECIPES["Kubernetes: an Indexed Job"][-1]
    script = re.search(r"args:\n +- \|\n((?: {14}.*\n)+)", manifest)[1]
    jobs(site, "bash -eu", textwrap.dedent(script), "JOB_COMPLETION_INDEX", 0, [])


GROUPS = {"one": on_one_machine, "sharing": machines.sharing, "apart": machines.apart}


def all_at_once(binary):
    """Runs each group in its own process, because they wait most of the time."""
    running = [subprocess.Popen([sys.executable, "-u", __file__, binary, group]) for group in GROUPS]
    try:
        return max(abs(process.wait()) for process in running)
    finally:
        # Does nothing for processes that have ended.
        for process in running:
            process.terminate()
            process.wait()


def main(binary, group=None):
    if group is None:
        return all_at_once(binary)
    shutil.copy(binary, TOOLS / "fetchpool")
    try:
        GROUPS[group]()
    finally:
        # Leaves the directory, which is about to be removed.
        os.chdir(ROOT)


if __name__ == "__main__":
    # As an exception, so that started processes are ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(*sys.argv[1:]))
