#!/usr/bin/env python3
"""Fetches every reply of curl's own HTTP tests with fetchpool and with `curl -L`, and compares the results.

    .ci/lab/curl_cases.py DIRECTORY [FETCHPOOL [CURL]]

DIRECTORY has the unpacked source of curl (`apt-get source curl`; Debian's sources may have to be enabled first). The
script reads tests/data/test* there. A raw socket on loopback serves each reply byte for byte and closes; redirects lead
to further parts of the test. Two results are the same if both are a page of the same size, both have the same status, or
both failed without a status. Prints each difference, and ends with status 1 if fewer than 97 % are the same.
"""

import base64
import json
import re
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote_to_bytes

LEAST_PERCENT = 97
# The server never waits, so a client that takes this long hangs.
HANG_SECONDS = "20"


def section(text, pattern):
    """The attributes and the content of the first section of that name."""
    found = re.search(rb"^[ \t]*<(?:%s)([^>\n]*)>[ \t]*\r?\n(.*?)^[ \t]*</(?:%s)>" % (pattern, pattern), text, re.M | re.S)
    return (found[1], found[2]) if found else (b"", b"")


def preprocess(text, number, port, features):
    """Prepares a test like runtests.pl (tests/FILEFORMAT.md)."""
    for name, value in {
        b"HOSTIP": b"127.0.0.1",
        b"HTTPPORT": b"%d" % port,
        b"TESTNUMBER": b"%d" % number,
        b"VERSION": b"0",
    }.items():
        text = text.replace(b"%" + name, value)
    text = re.sub(rb"%b64\[(.*?)\]b64%", lambda m: base64.b64encode(unquote_to_bytes(m[1])), text, flags=re.S)
    text = re.sub(rb"%hex\[(.*?)\]hex%", lambda m: unquote_to_bytes(m[1]), text, flags=re.S)
    text = re.sub(rb"%repeat\[(\d+) x (.*?)\]%", lambda m: unquote_to_bytes(m[2]) * int(m[1]), text)

    def choose(match):
        wanted, has = not match[1], match[2].decode().lower() in features
        return match[3] if wanted == has else match[4] or b""

    condition = rb"^%if (!?)(\S+)\r?\n(.*?)(?:^%else\r?\n(.*?))?^%endif\r?\n"
    return re.sub(condition, choose, text, flags=re.M | re.S)


def reply_bytes(attributes, content):
    """A reply, encoded as the attributes of its section say."""
    if b'base64="yes"' in attributes:
        return base64.b64decode(content)
    if b'hex="yes"' in attributes:
        return bytes.fromhex(re.sub(rb"\s", b"", content).decode())
    if b'nonewline="yes"' in attributes:
        content = content.removesuffix(b"\n")
    if b'crlf="yes"' in attributes:
        head, blank, body = content.partition(b"\n\n")
        content = re.sub(rb"\r*\n", b"\r\n", head + blank) + body
    return content


def read_tests(directory, port, features):
    """The replies of each HTTP test: {number: {part: bytes}}, part 0 being the first."""
    tests = {}
    for path in directory.glob("tests/data/test*"):
        if not path.name[4:].isdigit():
            continue
        number = int(path.name[4:])
        text = preprocess(path.read_bytes(), number, port, features)
        keywords = section(text, rb"keywords")[1].split(b"\n")
        servers = section(section(text, rb"client")[1], rb"server")[1].split()
        if b"HTTP" not in [word.strip() for word in keywords] or b"http" not in servers:
            continue
        replies = section(text, rb"reply")[1]
        parts = {}
        for part in {int(digits or 0) for digits in re.findall(rb"<data(\d*)[ >]", replies)}:
            parts[part] = reply_bytes(*section(replies, b"data%s" % (b"%d" % part if part else b"")))
        if parts.get(0):
            tests[number] = parts
    return tests


def chosen(target, tests):
    """The reply for a request. The digits in the last segment of its path are the number of the test; above 10000 the last
    four digits are the part."""
    digits = re.search(rb"\d+", target.partition(b"?")[0].rpartition(b"/")[2])
    number, part = int(digits[0]) if digits else 0, 0
    if number > 10000:
        number, part = divmod(number, 10000)
    return tests.get(number, {}).get(part, b"")


def serve(listener, tests):
    """Serves each connection in a thread: one request, its reply, the end."""

    def talk(connection):
        with connection:
            head = b""
            while b"\r\n\r\n" not in head:
                more = connection.recv(4096)
                if not more:
                    return
                head += more
            try:
                connection.sendall(chosen(head.split(b" ", 2)[1], tests))
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
            except OSError:
                pass  # The client has closed the connection.

    while True:
        threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()


def by_fetchpool(binary, urls):
    """The result of each URL, with the message of a failure."""
    command = [binary, "-j", "8", "--ordered", "-f", "jsonl", "-t", HANG_SECONDS, "-"]
    run = subprocess.run(command, input="\n".join(urls), stdout=subprocess.PIPE, text=True, check=False)
    outcomes = {}
    for row in map(json.loads, run.stdout.splitlines()):
        if row["ok"]:
            outcomes[row["url"]] = f"page of {row['bytes']} bytes", ""
        elif row["error"]["kind"] == "http_status":
            outcomes[row["url"]] = f"status {row['status']}", ""
        else:
            outcomes[row["url"]] = "failed", f"{row['error']['kind']}: {row['error']['message']}"
    return outcomes


def by_curl(binary, url):
    """The same for one URL."""
    with tempfile.NamedTemporaryFile() as body:
        command = [binary, "-q", "-sSL", "-m", HANG_SECONDS, "-o", body.name, "-w", "%{http_code} %{size_download}", url]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    status, size = run.stdout.split()
    if run.returncode:
        return "failed", run.stderr.strip()
    if status.startswith("2"):
        return f"page of {size} bytes", ""
    return f"status {int(status)}", ""


def reason(fetchpool, curl):
    """The class of a difference: which program failed and why, without the details of the case."""
    (here, why_here), (there, why_there) = fetchpool, curl
    what = {
        (True, False): f"refused here: {why_here}",
        (False, True): f"taken here: {why_there}",
    }.get((here == "failed", there == "failed"), "another result")
    return re.sub(r'".*"|\d+', "_", what)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    directory = Path(sys.argv[1])
    fetchpool = sys.argv[2] if len(sys.argv) > 2 else "target/release/fetchpool"
    curl = sys.argv[3] if len(sys.argv) > 3 else "curl"
    version = subprocess.run([curl, "-q", "-V"], capture_output=True, text=True, check=True).stdout
    features = set(version.lower().replace("libz", "libz zlib").replace("/", " ").split())

    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    port = listener.getsockname()[1]
    tests = read_tests(directory, port, features)
    if not tests:
        sys.exit(f"there are no HTTP tests in {directory}/tests/data: is it an unpacked source of curl?")
    threading.Thread(target=serve, args=(listener, tests), daemon=True).start()

    cases = [number * 10000 + part if part else number for number, parts in tests.items() for part in parts]
    urls = {case: f"http://127.0.0.1:{port}/{case}" for case in sorted(cases)}
    ours = by_fetchpool(fetchpool, urls.values())
    with ThreadPoolExecutor(4) as pool:
        theirs = dict(zip(urls.values(), pool.map(lambda url: by_curl(curl, url), urls.values())))

    reasons = Counter()
    for case, url in urls.items():
        here, there = ours.get(url, ("no row", "")), theirs[url]
        if here[0] != there[0]:
            reasons[reason(here, there)] += 1
            number, part = divmod(case, 10000) if case > 10000 else (case, 0)
            name = f"test{number}" + (f" data{part}" if part else "")
            print(f"{name}: fetchpool: {' '.join(here)}; curl: {' '.join(there)}")
    print(f"\n{version.split(' (')[0]}; the source of {directory.name}")
    for what, count in reasons.most_common():
        print(f"{count:5}  {what}")
    same = len(urls) - reasons.total()
    percent = 100 * same / len(urls)
    print(f"{same} of {len(urls)} replies ({percent:.1f} %) come to the same")
    sys.exit(percent < LEAST_PERCENT)


main()
