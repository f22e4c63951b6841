#!/usr/bin/env python3
"""Runs the recipe for Slurm of docs/SCALING.md on a controller and two nodes of this machine.

    .ci/lab/slurm.py FETCHPOOL

FETCHPOOL is the binary. The recipe's 16 parts are 4 here. The node of one part is lost while it fetches, so that Slurm
requeues the part on the other node. There the part is stopped, as at the end of its time, and requeues itself. All
requests come to a site that counts them (scaling/counting_site.py). Slurm and the site are in namespaces of their own,
for the network and for processes, and so is each node: all processes end with their namespace. That needs root; where
it is not possible, .ci/left-out reports it.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True

from scaling.counting_site import CountingSite
from scaling.recipe import ENV, HOME, PAGES, PER_HOST, RECIPES, ROOT, TOOLS, Run, checked, given, polite

PARTS = 4
LOCAL = [f"127.0.1.{n}" for n in range(1, 41)]
INSIDE = "FETCHPOOL_SLURM_INSIDE"
PROCESSES = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
# No cgroups, accounts and keys. Nodes have what the recipe needs, whatever this machine has. A lost node is noticed
# after 10 to 30 seconds; Slurm starts a requeued part cred_expire seconds later at the earliest.
CONFIG = """ClusterName=lab
SlurmctldHost=localhost
SlurmUser=root
AuthType=auth/none
AuthInfo=cred_expire=5
CredType=cred/none
ProctrackType=proctrack/linuxproc
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=2
SlurmdParameters=config_overrides
SlurmdTimeout=10
StateSaveLocation={home}/state
SlurmctldPidFile={home}/slurmctld.pid
SlurmdSpoolDir={home}/%n
SlurmdPidFile={home}/%n.pid
NodeName=node1 NodeHostname=localhost Port=7001 CPUs=4 RealMemory=8192
NodeName=node2 NodeHostname=localhost Port=7002 CPUs=4 RealMemory=8192
PartitionName=all Nodes=ALL Default=YES
"""


class Slurm:
    """A controller and two nodes."""

    def __init__(self):
        self._home = HOME / "slurm"
        for name in ("", "state", "node1", "node2"):
            (self._home / name).mkdir()
        (self._home / "slurm.conf").write_text(CONFIG.format(home=self._home))
        ENV["SLURM_CONF"] = str(self._home / "slurm.conf")
        self._start("controller", "slurmctld", "-D")
        self.nodes = {name: self._start(name, *PROCESSES, "slurmd", "-D", "-N", name) for name in ("node1", "node2")}

    def _start(self, name, *command):
        with open(self._home / f"{name}.log", "w") as log:
            return subprocess.Popen(command, env=ENV, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def await_nodes(self):
        until(lambda: "idle=2" in told("sinfo", "-h", "-o", "%T=%D"))

    def lose(self, name):
        """Kills all processes of a node, like a loss of power."""
        self.nodes[name].kill()
        self.nodes[name].wait()

    def print_logs(self):
        for path in [*self._home.glob("*.log"), *Path(".").glob("fetch-*.log")]:
            print(f"== {path.name}", *path.read_text().splitlines()[-40:], sep="\n", file=sys.stderr)


def told(*command):
    """The output of a command of Slurm; none if the controller does not answer yet."""
    return subprocess.run(command, env=ENV, text=True, capture_output=True, timeout=60).stdout


def until(holds):
    """Waits for what has no event."""
    for _ in range(600):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("it took more than a minute")


def array(slurm, site):
    """Runs the array; one host of one part is held from its fifth page on, until that part has been started three times."""
    urls = given(LOCAL, PAGES, site.port)
    script = RECIPES["Slurm: a job array"][-1]
    assert script.count("16") == 2, "N is no longer there twice"
    Path("fetch.sbatch").write_text(script.replace("16", str(PARTS)))
    held = lambda: site.hold_after(LOCAL[0], 5)
    started = held()
    run = Run("exec sbatch --wait fetch.sbatch")
    assert started.wait(60), "the array did not start"

    part = next(n for n in range(1, PARTS + 1) if holds(urls[0], n))
    until(lambda: Path(f"r{part}.jsonl").read_bytes().count(b"\n"))
    task = told("squeue", "-h", "-r", "-t", "R", "-o", "%F_%K").split()
    task = next(name for name in task if name.endswith(f"_{part}"))
    first = told("squeue", "-h", "-j", task, "-o", "%N").strip()
    started = held()
    slurm.lose(first)
    assert started.wait(180), "the part of the lost node was not requeued"
    second = told("squeue", "-h", "-j", task, "-o", "%N").strip()
    assert {first, second} == set(slurm.nodes), (first, second)

    started = held()
    told("scancel", "--batch", "--signal=TERM", task)
    assert started.wait(180), "the part that was stopped did not requeue itself"
    assert " Restarts=2 " in told("scontrol", "show", "job", task)
    site.let_go(LOCAL[0])
    run.ends()

    Run(RECIPES["Merge"][-1]).ends()
    assert not checked(urls)
    polite(site)
    twice = sum(len(askers) > 1 for askers in site.askers.values())
    assert twice, "the loss cut nothing"
    print(f"ok: {PARTS} parts on 2 nodes, one node lost, one part stopped: {len(urls)} URLs, each once; {twice} that were cut were asked for again")


def holds(url, part):
    """Whether a URL belongs to that part."""
    Path("one").write_text(url + "\n")
    return bool(told("fetchpool", "-q", "--dry-run", "--shard", f"{part}/{PARTS}", "one"))


def main(binary):
    shutil.copy(binary, TOOLS / "fetchpool")
    # Slurm resolves names only where there is an address beside 127.0.0.0/8.
    for command in (["link", "set", "lo", "up"], ["address", "add", "10.77.0.1", "dev", "lo"]):
        subprocess.run(["ip", *command], check=True)
    slurm = Slurm()
    try:
        slurm.await_nodes()
        array(slurm, CountingSite(socket.create_server(("", 0), backlog=1024), PER_HOST))
    except BaseException:
        slurm.print_logs()
        raise
    finally:
        # Leaves the directory, which is about to be removed.
        os.chdir(ROOT)


if __name__ == "__main__":
    if INSIDE not in os.environ:
        own = ["unshare", "--net", *PROCESSES[1:]]
        if subprocess.run([*own, "true"], capture_output=True).returncode:
            what = "the recipe for Slurm: no namespaces for the network and for processes"
            sys.exit(subprocess.call([ROOT / ".ci/left-out", what]))
        sys.exit(subprocess.run([*own, sys.executable, *sys.argv], env=os.environ | {INSIDE: "1"}).returncode)
    main(*sys.argv[1:])
