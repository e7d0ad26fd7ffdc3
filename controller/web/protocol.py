"""The server's side of one connection at the door: bounded in number and time, and with the certificate that was shown.

uvicorn tells an application nothing of the client's certificate, and ends no connection that is merely slow.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, ClassVar

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from controller.broker.authority import serial_of_der
from controller.web.door import MOST, MOST_OF_ONE, SECONDS

#: The key of a request's scope that holds the serial number (hex) of the client's certificate.
SERIAL = "portseal.serial"


class Bounded(H11Protocol):
    """A connection that ends after :data:`SECONDS`, and at once where there are too many."""

    #: Open connections by address. All of it happens in the one thread of the door's loop.
    _from: ClassVar[Counter[str]] = Counter()
    _counted = ""
    _end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or hang up."""
        super().connection_made(transport)
        peer = self.client[0] if self.client else ""
        if len(self.connections) > MOST or self._from[peer] >= MOST_OF_ONE:
            transport.abort()
            return
        self._counted = peer
        self._from[peer] += 1
        self._end = self.loop.call_later(SECONDS, transport.abort)
        self._tell(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        super().connection_lost(exc)
        if self._end is not None:
            self._end.cancel()
            self._from[self._counted] -= 1
            if not self._from[self._counted]:
                del self._from[self._counted]
            self._end = None

    def _tell(self, transport: asyncio.Transport) -> None:
        """Let every request of this connection know the certificate that was shown."""
        shown = transport.get_extra_info("ssl_object")
        der = shown.getpeercert(binary_form=True) if shown is not None else None
        if not der:
            return
        inner, serial = self.app, serial_of_der(der)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope[SERIAL] = serial
            await inner(scope, receive, send)

        self.app: Any = app
