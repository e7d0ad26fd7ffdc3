"""Plays all hosts of the site and answers questions about them on a Unix socket, one JSON object per line."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab.hosts.station import Station
from lab.site import SITE, SiteSpec

Answer = dict[str, Any]


class Hosts:
    """All stations, and the requests about them; each public method below `requests` answers one of these."""

    def __init__(self, site: SiteSpec = SITE) -> None:
        self.stations = {name: Station(spec, site.host[spec.talks_to].ip) for name, spec in site.host.items()}
        self.requests: dict[str, Callable[[Answer], Awaitable[Answer]]] = {
            "attach": self._attach,
            "detach": self._detach,
            "send": self._send,
            "seen": self._seen,
            "received": self._received,
            "stream": self._stream,
            "status": self._status,
        }

    def start(self) -> None:
        """Begin the streams, not all in the same instant."""
        loop = asyncio.get_running_loop()
        for station in self.stations.values():
            if station.spec.every > 0:
                loop.call_later(random.random() * station.spec.every, station.stream)  # noqa: S311 - spreads load

    async def answer(self, request: Answer) -> Answer:
        """Answer one request; what is wrong with it is said under "error"."""
        handler = self.requests.get(str(request.get("do")))
        if handler is None:
            return {"error": f"unknown request {request.get('do')!r}"}
        try:
            return await handler(request)
        except (OSError, ValueError, KeyError) as error:
            return {"error": f"{type(error).__name__}: {error}"}

    async def _attach(self, request: Answer) -> Answer:
        for name in request["hosts"]:
            self.stations[name].attach()
        return {}

    async def _detach(self, request: Answer) -> Answer:
        for name in request["hosts"]:
            self.stations[name].detach()
        return {}

    async def _send(self, request: Answer) -> Answer:
        for frame in request["frames"]:
            self.stations[request["host"]].send(bytes.fromhex(frame))
        return {}

    async def _seen(self, request: Answer) -> Answer:
        station, marker = self.stations[request["host"]], request["marker"]
        await station.until(lambda: station.seen(marker) > 0, float(request.get("timeout", 0)))
        return {"count": station.seen(marker)}

    async def _received(self, request: Answer) -> Answer:
        station = self.stations[request["host"]]
        source = (request["source"], request.get("mac", ""), request.get("ip", ""))
        wanted = station.count(*source) + int(request.get("more", 0))
        await station.until(lambda: station.count(*source) >= wanted, float(request.get("timeout", 0)))
        return {"count": station.count(*source), "enough": station.count(*source) >= wanted}

    async def _stream(self, request: Answer) -> Answer:
        self.stations[request["host"]].streaming = bool(request["on"])
        return {}

    async def _status(self, _request: Answer) -> Answer:
        hosts = {
            name: {
                "plugged": station.plugged,
                "streaming": station.streaming,
                "sent": station.sent,
                "received": sum(station.received.values()),
                "sources": [[*key, count] for key, count in sorted(station.received.items())],
            }
            for name, station in self.stations.items()
        }
        return {"pid": os.getpid(), "hosts": hosts}


async def serve(path: Path) -> None:
    """Serve on the socket `path` until killed."""
    hosts = Hosts()

    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while line := await reader.readline():
                reply = await hosts.answer(json.loads(line))
                writer.write(json.dumps(reply).encode() + b"\n")
                await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(session, path, limit=1 << 22)
    hosts.start()
    async with server:
        await server.serve_forever()
