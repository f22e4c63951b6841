"""The web site of .ci/lab/recipes.py: pages, sitemaps, files that are cut, and a portal that wants a login."""

import base64
import http.server
import json
import re
import threading
import time
from collections import Counter

DATA = bytes(range(256)) * 1024


class Site(http.server.BaseHTTPRequestHandler):
    """Pages under /p/, pages that fail once under /once/, pages with versions, a sitemap; everything else is a 404."""

    protocol_version = "HTTP/1.1"
    seen, arrivals, begins, lock = Counter(), [], [], threading.Lock()
    # The version of each page under /v/, and the page that is not sent until it may be.
    versions, held, arrived, may_go_on = Counter(), None, threading.Event(), threading.Event()

    def do_GET(self):
        with self.lock:
            self.seen[self.path] += 1
            self.arrivals.append(time.monotonic())
            first = self.seen[self.path] == 1
        status, body = 404, b"no such page"
        if self.path == "/sitemap.xml":
            site = f"http://{self.headers['Host']}"
            # Sitemaps come in one line, with line breaks, and with CDATA.
            forms = ("<loc>{}</loc>", "<loc>\r\n  {}\r\n</loc>\n", "<loc><![CDATA[{}]]></loc>", "<loc>\n<![CDATA[\n{}]]>\n</loc>")
            paths = ("/p/1?a=1&amp;b=2", "/gone", "/p/2", "/p/3?a=1&b=2")
            locations = "".join(f"<url>{form.format(site + path)}</url>" for form, path in zip(forms, paths))
            status, body = 200, f'<?xml version="1.0"?><urlset>{locations}</urlset>'.encode()
        elif self.path.startswith("/data/"):
            return self.data(first)
        elif self.path.startswith("/portal/"):
            return self.portal()
        elif self.path.startswith("/json/"):
            status, body = 200, json.dumps({"title": f"page {self.path[6:]}"}).encode()
        elif self.path.startswith("/moved/"):
            status, body = 301, b""
        elif self.path in self.versions:
            etag = f'"{self.versions[self.path]}"'
            if self.path == self.held:
                self.arrived.set()
                self.may_go_on.wait()
                # The client was killed.
                self.close_connection = True
                return
            is_same = self.headers["If-None-Match"] == etag
            status, body = (304, b"") if is_same else (200, f"{self.path} {etag}".encode())
        elif self.path.startswith("/no-head/"):
            status, body = (405, b"") if self.command == "HEAD" else (200, b"here")
        elif self.path.startswith("/p/") or (self.path.startswith("/once/") and not first):
            status, body = 200, self.path.encode()
        elif self.path.startswith("/once/"):
            status, body = 503, b"busy"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if self.path in self.versions:
            self.send_header("ETag", etag)
        if status == 301:
            self.send_header("Location", self.path.replace("/moved/", "/p/", 1))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def portal(self):
        """Pages for those who have logged in at the host that is called localhost, which sends back with a code."""
        host, port = self.headers["Host"].split(":")
        place, _, code = self.path.partition("?")
        known = base64.b64encode(b"ann:hunter2").decode()
        status, header = 200, ("X-None", "none")
        if host == "localhost":
            is_known = self.headers["Authorization"] == f"Basic {known}"
            status, header = (302, ("Location", f"http://127.0.0.1:{port}{place}?code=1")) if is_known else (401, header)
        elif self.headers["Authorization"]:
            status = 400
        elif code:
            status, header = 302, ("Set-Cookie", "session=1; Path=/portal; HttpOnly")
        elif self.headers["Cookie"] != "session=1":
            status, header = 302, ("Location", f"http://localhost:{port}{place}")
        self.send_response(status)
        self.send_header(*header)
        if code and host != "localhost":
            self.send_header("Location", place)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"data")

    def data(self, is_first):
        """A large file, which is cut the first time. The rest of the first version can be asked for."""
        body, begin = DATA, 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and self.headers.get("If-Range") == '"1"':
            begin = int(asked[1])
            Site.begins.append(begin)
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(len(body) - begin))
        self.end_headers()
        self.wfile.write(body[begin : len(body) // 2] if is_first else body[begin:])
        self.close_connection = is_first

    def log_message(self, *_):
        pass
