#!/usr/bin/env python3
"""Compares the users and cookies that fetchpool and curl send, for a table of netrc files, cookie files and redirects.

    .ci/lab/identity.py FETCHPOOL [CURL]

A server on loopback has all names. Each case is followed by both programs, and each request must have the same
`Authorization` and `Cookie`. Two differences are known: fetchpool keeps the user of a URL at its origin after a redirect,
where curl takes that of the file; and it sends cookies with paths of one length in the order of RFC 6265, curl by the
lengths of their names.
"""

import http.server
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

FETCHPOOL, CURL = sys.argv[1], (sys.argv[2:] or ["curl"])[0]

TWO = "machine a.test login u password p\nmachine b.test login v password q\n"
AGAIN = "machine a.test login u password p\nmachine a.test login v password q\n"
# Netrc file, user in the URL.
NETRC = [
    (TWO, ""),
    (TWO, "w:x@"),
    (TWO, "u@"),
    (TWO, "w@"),
    (AGAIN, ""),
    (AGAIN, "v@"),
    ("machine a.test\n\tlogin u\n\tpassword p\n", ""),
    ("MACHINE A.Test LOGIN u PASSWORD p\n", ""),
    ('machine a.test login "u v" password "p\\"q\\\\"\n', ""),
    ("# x\nmachine a.test # y\nlogin u password p#q\n", ""),
    ("machine c.test login no password no\ndefault login d password e\n", ""),
    ("default login d password e\nmachine a.test login u password p\n", ""),
    ("default\n", ""),
    ("macdef init\nmachine a.test login no password no\n\nmachine a.test login u password p\n", ""),
    ("machine a.test login u password p", ""),
    ("machine a.test login u\n", ""),
]


def line(domain, name, value, subdomains="FALSE", path="/", secure="FALSE", expires="0"):
    return "\t".join([domain, subdomains, path, secure, expires, name, value]) + "\n"


# Cookie file, and the `Set-Cookie` lines of a.test, which redirects to /p/q, then to b.a.test, then back.
COOKIES = [
    (line("a.test", "n", "v"), []),
    (line(".a.test", "n", "v", "TRUE"), []),
    ("#HttpOnly_" + line("a.test", "n", "v", path="/p") + line("a.test", "m", "w"), []),
    (line("a.test", "n", "v", secure="TRUE") + line("a.test", "old", "x", expires="1000000000"), []),
    (line("a.test", "n", "v") + line("a.test", "n", "w"), []),
    ("", ["n=1; Path=/", "m=2; Path=/p", "k=3"]),
    ("", ["n=1; Domain=a.test", "m=2; Domain=test", "k=3; Domain=b.a.test"]),
    ("", ["n=1; Secure", "__Host-n=2; Path=/", "__Secure-m=3"]),
    ("", ["n=1; Max-Age=0", "m=2; Max-Age=100", "k=3; Expires=Sun, 06-Nov-1994 08:49:37 GMT"]),
    ("", ['n="a b"=c', "m=", "k = 3 ; Path=/p/"]),
    (line("a.test", "n", "file"), ["n=set"]),
    (line("a.test", "n", "file"), ["n=; Max-Age=0"]),
]

seen, set_cookies = [], []


class Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ROUTES = {("a.test", "/"): "a.test/p/q", ("a.test", "/p/q"): "b.a.test/", ("b.a.test", "/"): "b.test/", ("b.test", "/"): "a.test/x"}

    def do_GET(self):
        host, port = self.headers["Host"].split(":")
        cookies = sorted((self.headers["Cookie"] or "").split("; "))
        seen.append((host, self.path, self.headers["Authorization"], cookies))
        to = self.ROUTES.get((host, self.path))
        self.send_response(302 if to else 200)
        if to:
            name, _, path = to.partition("/")
            self.send_header("Location", f"http://{name}:{port}/{path}")
        for value in set_cookies if (host, self.path) == ("a.test", "/") else []:
            self.send_header("Set-Cookie", value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def requests(*command):
    seen.clear()
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (command, done)
    return list(seen)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
port = server.server_port
resolve = [part for name in ("a.test", "b.a.test", "b.test") for part in ("--resolve", f"{name}:{port}:127.0.0.1")]
differ = 0
with tempfile.TemporaryDirectory() as place:
    netrc, jar = Path(place, "netrc"), Path(place, "jar")
    cases = [(file, user, "", []) for file, user in NETRC] + [("", "", file, values) for file, values in COOKIES]
    for users, user, cookies, set_cookies in cases:
        netrc.write_text(users)
        jar.write_text(cookies)
        url = f"http://{user}a.test:{port}/"
        # `-b` alone lets curl keep cookies. In a file that is not empty it looks for cookies alone.
        by_curl = requests(CURL, "-q", "-sL", *resolve, "--netrc-optional", "--netrc-file", netrc, "-b", jar, url)
        ours = requests(FETCHPOOL, *resolve, f"--netrc={netrc}", "-b", jar, url)
        if user:
            by_curl, ours = by_curl[:1], ours[:1]
        if by_curl != ours:
            differ += 1
            print(f"{users or cookies!r} {user} {set_cookies}\n  curl      {by_curl}\n  fetchpool {ours}")
print(f"{len(cases)} cases, {differ} differ")
sys.exit(differ > 0)
