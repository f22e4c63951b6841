"""Machines for the runs of .ci/lab/scale.py: network namespaces on one bridge, each with its own sshd.

Nothing outside of the namespaces and one temporary directory is changed: the bridge is in a namespace, and
the keys are made for the run. The hosts share the file system, as machines do over NFS, but each has its own
home directory. `close` ends all processes on the hosts by their ids, and removes the namespaces.
"""

import ctypes
import os
import pwd
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

SSHD = """Port 22
ListenAddress {address}
HostKey {home}/host_key
AuthorizedKeysFile {home}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
MaxStartups 200
SetEnv PATH={path}
{more}"""


def sh(*command):
    """Runs a command that must succeed without output on standard error; returns its standard output."""
    done = subprocess.run(command, text=True, capture_output=True, timeout=20)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


class Hosts:
    def __init__(self, home: Path, names, path: str):
        """A host for each of `names`, at 10.77.0.1 and so on, with `path` as the PATH of logins."""
        self._home, self._path, self._mark = Path(tempfile.mkdtemp(dir=home)), path, f"fetchpool-{os.getpid()}-"
        self.address = {name: f"10.77.0.{n}" for n, name in enumerate(names, 1)}
        self._servers = []

    def open(self):
        """Raises OSError where the rights or the kernel do not allow namespaces."""
        sh("ip", "netns", "add", self._mark + "wire")
        self._ip("wire", "link", "add", "wire", "type", "bridge")
        self._ip("wire", "link", "set", "wire", "up")
        for name, address in self.address.items():
            sh("ip", "netns", "add", self._mark + name)
            self._ip("wire", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", self._mark + name)
            self._ip("wire", "link", "set", name, "master", "wire", "up")
            self._ip(name, "link", "set", "lo", "up")
            self._ip(name, "address", "add", f"{address}/16", "dev", "eth0")
            self._ip(name, "link", "set", "eth0", "up")

    def _ip(self, name, *command):
        sh("ip", "-n", self._mark + name, *command)

    def add_addresses(self, name, addresses):
        for address in addresses:
            self._ip(name, "address", "add", f"{address}/16", "dev", "eth0")

    def listener(self, name) -> socket.socket:
        """A socket that listens on port 80 of that host, for this process to serve on."""
        made = []

        def make():
            # Only this thread enters the namespace; the socket stays in it.
            with open(f"/run/netns/{self._mark}{name}") as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0):
                    return
            made.append(socket.create_server(("", 80), backlog=1024))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        if not made:
            raise OSError("no socket could be made in a network namespace")
        return made[0]

    def command(self, name):
        """The prefix of a command that runs on that host."""
        return ["ip", "netns", "exec", self._mark + name]

    def start_sshd(self, names, more: str) -> str:
        """Starts an sshd on each, with `more` in its configuration; returns the configuration that ssh needs to log in."""
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        key = self._home / "key"
        sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
        lines = [f"IdentityFile {key}", "User root", "StrictHostKeyChecking no", "UserKnownHostsFile /dev/null", "LogLevel ERROR"]
        for name in names:
            home = self._home / name
            (home / "login").mkdir(parents=True)
            sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / "host_key"))
            (home / "authorized_keys").write_text(key.with_suffix(".pub").read_text())
            (home / "sshd_config").write_text(SSHD.format(address=self.address[name], home=home, path=self._path, more=more))
            # `ip netns exec` also makes a mount namespace.
            script = 'mount --bind "$0/login" "$1" && exec /usr/sbin/sshd -D -E "$0/sshd.log" -f "$0/sshd_config"'
            server = [*self.command(name), "sh", "-c", script, str(home), pwd.getpwuid(0).pw_dir]
            self._servers.append(subprocess.Popen(server, stdin=subprocess.DEVNULL))
            lines += [f"Host {name}", f"    HostName {self.address[name]}"]
        for name in names:
            self._await_sshd(name)
        return "\n".join(lines) + "\n"

    def _await_sshd(self, name):
        # Waits until the link is up and sshd listens.
        probe = "for n in $(seq 100); do (exec 3<>/dev/tcp/$0/22) 2>/dev/null && exit; sleep 0.1; done; exit 1"
        sh(*self.command("control"), "bash", "-c", probe, self.address[name])

    def cut(self, name):
        """Cuts the cable: no packet arrives any more, not even the end of a connection."""
        self._ip("wire", "link", "set", name, "down")

    def part(self, name, other):
        """Packets from `name` no longer arrive at `other`. Both go on, and reach all other hosts."""
        self._ip(name, "neigh", "replace", self.address[other], "lladdr", "02:00:00:00:00:01", "dev", "eth0", "nud", "permanent")

    def join(self, name, other):
        """Undoes `part`."""
        self._ip(name, "neigh", "del", self.address[other], "dev", "eth0")

    def kill(self, name):
        """Kills all processes on a host, like a loss of power."""
        # Repeats until the list is empty, because a process that is just starting is not in it.
        while pids := sh("ip", "netns", "pids", self._mark + name).split():
            for pid in pids:
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def close(self):
        """Kills all processes on the hosts, and removes the hosts."""
        for name in [*self.address, "wire"]:
            if Path(f"/run/netns/{self._mark}{name}").exists():
                self.kill(name) if name in self.address else None
                sh("ip", "netns", "del", self._mark + name)
        for server in self._servers:
            server.wait()
