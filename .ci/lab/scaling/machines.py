"""The recipes for machines, on a control host, three workers and a server with forty addresses.

The machines are network namespaces (hosts.py). During a run, one of them is lost or becomes unreachable, or others
join. A number of requests decides the moment, not the time: from that request on, the server does not answer worker2.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from .counting_site import CountingSite
from .hosts import Hosts
from .recipe import ENV, HOME, PAGES, PER_HOST, RECIPES, ROOT, Run, checked, given, polite, tool

WORKERS = ["worker1", "worker2", "worker3"]
SHARED, APART = (f"Machines that share {what}: GNU parallel over ssh" for what in ("a directory", "nothing"))


class Machines:
    """The machines, with a counting site on one of them."""

    def __init__(self, hosts, worker_config=""):
        self.hosts, self.servers = hosts, [f"10.77.1.{n}" for n in range(1, 41)]
        hosts.add_addresses("server", self.servers)
        self.listed, client, _ = RECIPES[SHARED]
        config = hosts.start_sshd(WORKERS, quicker(worker_config, 1)) + quicker(client, 2)
        (HOME / "ssh_config").write_text(config)
        self.site = CountingSite(hosts.listener("server"), PER_HOST)
        self.second = hosts.address["worker2"]

    def given(self):
        urls = given(self.servers, PAGES, 80)
        Path("hosts").write_text(self.listed)
        self.site.forget()
        return urls

    def start(self, recipe):
        """Starts the recipe on the control host. Returns when worker2 has many requests without an answer."""
        # Fewer than the pages of one host, so that no shard with a host is at its end.
        reached = self.site.hold_after(self.second, PAGES - 5)
        run = Run(recipe.replace("/srv/crawl", os.getcwd()), self.hosts.command("control"))
        assert reached.wait(30), f"worker2 was never asked to do anything: {run.ends()}"
        return run

    def lose_second(self):
        self.hosts.cut("worker2")
        self.hosts.kill("worker2")
        self.site.let_go(self.second)

    def asked_twice(self):
        """The URLs that were asked for more than once: by worker2 first, then by another one."""
        twice = {url: askers for url, askers in self.site.askers.items() if len(askers) > 1}
        for url, askers in twice.items():
            assert len(askers) == 2 and askers[0] == self.second != askers[1], (url, askers)
        assert twice, "the loss cut nothing"
        return set(twice)

    def shared_out_of_reach(self):
        """worker2 cannot be reached any more, but goes on: its shards wait for it, and no cap is broken."""
        urls = self.given()
        run = self.start(RECIPES[SHARED][-1])
        self.hosts.part("control", "worker2")
        await_waiter()
        assert not self.site.crowded.is_set()
        self.site.let_go(self.second)
        run.ends()
        self.hosts.join("control", "worker2")
        Run(RECIPES["Merge"][-1]).ends()
        assert not checked(urls)
        assert all(len(askers) == 1 for askers in self.site.askers.values())
        polite(self.site)
        print("ok: a machine out of reach that goes on: its shards wait for it, and nothing is fetched twice")

    def shared_without_lock(self):
        """The same without the lock: shows why it is needed."""
        self.given()
        run = self.start(RECIPES[SHARED][-1].replace("flock r{}.jsonl ", ""))
        self.hosts.part("control", "worker2")
        assert self.site.crowded.wait(30), "two machines had one shard, and the server saw no crowd"
        self.site.let_go(self.second)
        run.ends()
        self.hosts.join("control", "worker2")
        print(f"ok: the same without the lock: up to {max(self.site.most.values())} at once to a host")

    def shared_grown(self):
        """Two machines are added during the run."""
        urls = self.given()
        Path("hosts").write_text("2/worker2\n")
        # parallel notices only changes of at least two seconds.
        os.utime("hosts", (1, 1))
        run = self.start(RECIPES[SHARED][-1])
        Path("hosts").write_text(self.listed)
        assert self.site.shared.wait(30), "the machines that were added got nothing to do"
        self.site.let_go(self.second)
        run.ends()
        Run(RECIPES["Merge"][-1]).ends()
        assert not checked(urls)
        assert all(len(askers) == 1 for askers in self.site.askers.values())
        polite(self.site)
        print("ok: machines added in the middle")

    def another_n(self):
        """Half of the records exist, and N has changed."""
        urls = self.given()
        half = urls[::2]
        Path("records.jsonl").write_text("".join(f'{{"url":"{url}","ok":true}}\n' for url in half))
        Run(RECIPES["Another N"][-1].replace("/srv/crawl", os.getcwd()), self.hosts.command("control")).ends()
        assert set(self.site.askers) == set(urls[1::2])
        Run("cat s*.jsonl >> records.jsonl").ends()
        assert not checked(urls)
        polite(self.site)
        print(f"ok: another N, with the records of {len(half)} URLs")

    def shared_lost(self):
        """worker2 is lost during the run, with all its processes."""
        urls = self.given()
        run = self.start(RECIPES[SHARED][-1])
        self.lose_second()
        run.ends()
        Run(RECIPES["Merge"][-1]).ends()
        assert not checked(urls)
        asked = self.asked_twice()
        polite(self.site)
        print(f"ok: a machine lost: {len(urls)} URLs, each once; {len(asked)} that the loss cut were asked for again")

    def apart_out_of_reach(self):
        """worker2 cannot be reached any more, and stops by itself before another machine has its shards."""
        urls = self.given()
        run = self.start(RECIPES[APART][-1])
        self.hosts.part("control", "worker2")
        run.ends()
        self.hosts.join("control", "worker2")
        self.site.let_go(self.second)
        assert checked(urls) <= self.asked_twice()
        polite(self.site)
        print("ok: a machine out of reach that shares nothing: it stops in time")

    def apart_lost(self):
        urls = self.given()
        run = self.start(RECIPES[APART][-1])
        self.lose_second()
        run.ends()
        twice, asked = checked(urls), self.asked_twice()
        assert twice <= asked, twice - asked
        polite(self.site)
        print(f"ok: a machine lost that shared nothing: {len(urls)} URLs, {len(asked)} asked for again, {len(twice)} twice in the records")


def quicker(config, seconds):
    """The same recipe, with fewer seconds until a lost machine is noticed."""
    return re.sub(r"(AliveInterval) \d+", rf"\1 {seconds}", config)


def await_waiter():
    """Waits until a process waits for the lock on a file of the run."""
    for _ in range(300):
        inodes = {str(path.stat().st_ino) for path in Path(".").glob("r*.jsonl")}
        lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        waiting = [words for words in lines if words[1] == "->" and words[6].split(":")[2] in inodes]
        if waiting:
            return
        time.sleep(0.1)
    raise AssertionError("no process waits for a lock")


def on_machines(what, worker_config, *runs):
    """Runs on new machines that share `what`, or reports the runs as left out if machines are not possible."""
    # parallel asks once to be cited.
    (HOME / ".parallel").mkdir()
    (HOME / ".parallel/will-cite").touch()
    tool("ssh", f'exec /usr/bin/ssh -F {HOME}/ssh_config "$@"')
    hosts = Hosts(HOME, ["control", "server", *WORKERS], ENV["PATH"])
    try:
        try:
            hosts.open()
        except OSError as error:
            if isinstance(error, FileNotFoundError):
                # A missing program is a failure, and is not left out.
                raise
            sys.exit(subprocess.call([ROOT / ".ci/left-out", f"machines that share {what}: {error}"]))
        machines = Machines(hosts, worker_config)
        for run in runs:
            run(machines)
    finally:
        hosts.close()


def sharing():
    """All runs of machines that share a directory. A lost machine stays lost, so the last run has one less."""
    parted = Machines.shared_out_of_reach, Machines.shared_without_lock
    on_machines("a directory", "", Machines.shared_grown, *parted, Machines.shared_lost, Machines.another_n)


def apart():
    """All runs of machines that share nothing."""
    on_machines("nothing", RECIPES[APART][0], Machines.apart_out_of_reach, Machines.apart_lost)
