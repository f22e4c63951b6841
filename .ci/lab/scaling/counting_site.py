"""A web site for the runs of .ci/lab/scale.py and slurm.py: every address of it counts as a host.

It answers each GET with a short page after LATENCY. For each host it counts the most requests at one moment,
and for each URL the clients that asked for it. A held client or host gets no answer until it is let go. A request
whose connection was closed no longer counts. The site runs on its own thread; names without an underscore
may be used from any thread.
"""

import asyncio
import socket
import threading
from collections import Counter, defaultdict

LATENCY = 0.02
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\npage.\n"


class CountingSite:
    def __init__(self, listener: socket.socket, cap: int):
        """Serves on `listener`, until the process ends. Sets `crowded` when a host has more than `cap` requests at
        once, and `shared` when a second client has asked."""
        self._cap = cap
        self.port = listener.getsockname()[1]
        self._lock = threading.Lock()
        self._held, self._watch = {}, None
        self.forget()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def forget(self):
        """Resets the counts."""
        with self._lock:
            self._now, self.most = Counter(), Counter()
            self.askers = defaultdict(list)
            self._asked, self._clients = Counter(), set()
            self.crowded, self.shared = threading.Event(), threading.Event()

    def hold_after(self, address: str, requests: int) -> threading.Event:
        """From request number `requests` on, that client or host gets no answer. The returned event is set by such a request."""
        self._watch = (address, requests)
        self._held[address] = asyncio.run_coroutine_threadsafe(self._new_event(), self._loop).result()
        self._reached = threading.Event()
        return self._reached

    def let_go(self, address: str):
        """Answers the held requests whose clients are still connected, and holds no more."""
        self._watch = None
        self._loop.call_soon_threadsafe(self._held.pop(address).set)

    async def _new_event(self):
        return asyncio.Event()

    def _serve(self, listener):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._connection, sock=listener, backlog=1024))
        self._loop.run_forever()

    async def _connection(self, reader, writer):
        host, client = writer.get_extra_info("sockname")[0], writer.get_extra_info("peername")[0]
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await self._request(host, client, head.split(b" ", 2)[1].decode(), reader)
                writer.write(REPLY)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _request(self, host, client, path, reader):
        with self._lock:
            self._now[host] += 1
            self.most[host] = max(self.most[host], self._now[host])
            if self._now[host] > self._cap:
                self.crowded.set()
            self.askers[f"http://{host}:{self.port}{path}"].append(client)
            self._asked.update((client, host))
            self._clients.add(client)
            if len(self._clients) > 1:
                self.shared.set()
            gate = self._gate(client) or self._gate(host)
        try:
            await asyncio.sleep(LATENCY)
            if gate:
                await self._held_back(gate, reader)
        finally:
            with self._lock:
                self._now[host] -= 1

    async def _held_back(self, gate, reader):
        gone, free = asyncio.create_task(reader.read(1)), asyncio.create_task(gate.wait())
        await asyncio.wait((gone, free), return_when=asyncio.FIRST_COMPLETED)
        free.cancel()
        if gone.done():
            raise ConnectionResetError
        # The reader takes one waiting request at a time.
        gone.cancel()
        await asyncio.wait((gone,))

    def _gate(self, address):
        if not self._watch or self._watch[0] != address or self._asked[address] < self._watch[1]:
            return None
        self._reached.set()
        return self._held[address]
