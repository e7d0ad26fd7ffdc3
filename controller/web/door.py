"""The HTTPS door: where terminals enrol and renew their certificates, and where readers that speak HTTP send swipes.

    POST /enrol          a request (policies/messages/enrolment.py); answered with a signed token, or {"code": …}
    POST /renew          the same for a new certificate, over TLS with the present one
    POST /reader/NAME    what a reader sends; the status alone is the answer

It shows the broker's certificate, and asks for one without requiring it. It runs in a thread of its own and hands over:
what is done is the callbacks' business. Everybody on the network can reach it, so bodies, connections and the time that
one may take are bounded, and an answer tells nothing of this machine.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from controller.web.limits import Tries
from policies.errors import DeviceTimeout, EquipmentError, InputError, PortsealError, StorageFailed
from policies.messages.refusals import CODES
from policies.texts import t

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from uvicorn import Server

_log = logging.getLogger("portseal.door")
_Result = TypeVar("_Result")

#: Bytes of the longest body, seconds that a connection may last, and connections at a time: of all, and of one address.
MAX_BODY, SECONDS, MOST, MOST_OF_ONE = 65_536, 30.0, 256, 32
#: Seconds until the door must be open, and until it must be shut.
_READY, _GONE = 10.0, 5.0
#: HTTP statuses of refusals that are not 403.
_STATUS = {"malformed": 400, "busy": 429, "often": 429, "failed": 500}


@dataclass(frozen=True, slots=True)
class Posted:
    """What a reader has sent; `peer` is its address, `authorization` that header as it came ("": none)."""

    reader: str
    content_type: str
    body: bytes = field(repr=False)
    peer: str = ""
    authorization: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Who does the work; each is called in a thread of the door's pool.

    enrol: a request's bytes and the address → the answer; raises InputError, EnrolmentRefused.
    renew: a request's bytes, the serial number (hex) of the certificate that was shown, the address → the answer.
    reader: what a reader sent → the HTTP status.
    """

    enrol: Callable[[bytes, str], str]
    renew: Callable[[bytes, str, str], str]
    reader: Callable[[Posted], int]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the door is, and the PEM files of its certificate, its key, and the authority of those who come."""

    host: str
    port: int
    certificate: str
    key: str
    authority: str


class Door:
    """The door of one controller."""

    def __init__(self, place: Place, callbacks: Callbacks) -> None:
        self._place, self._callbacks = place, callbacks
        self._tries = Tries()
        self._context = _context(place)
        self._stamp = Path(place.certificate).stat().st_mtime_ns
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Open it; raises EquipmentError when its port is taken, DeviceTimeout when it does not come up."""
        from uvicorn import Config, Server

        from controller.web.protocol import Bounded

        listening = _bound(self._place)
        config = Config(
            self._app(), log_config=None, access_log=False, server_header=False, date_header=False, lifespan="off",
            http=Bounded, ws="none", loop="asyncio", timeout_keep_alive=5, h11_max_incomplete_event_size=16_384,
            timeout_graceful_shutdown=2, proxy_headers=False,
        )  # fmt: skip
        config.load()
        config.ssl = self._context
        self._server = server = Server(config)
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # what strangers send is no news
        self._thread = threading.Thread(target=lambda: server.run([listening]), name="door", daemon=True)
        self._thread.start()
        ends = time.monotonic() + _READY
        while not server.started:
            if time.monotonic() > ends or not self._thread.is_alive():
                self.stop()
                listening.close()
                raise DeviceTimeout(t("it is not ready after {seconds} s.", seconds=f"{_READY:g}"), where=self._where())
            time.sleep(0.01)

    def stop(self) -> None:
        """Shut it; what is being answered is finished, for a moment."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(_GONE)
        self._server = self._thread = None

    def _refresh(self) -> None:
        """Show a certificate that was made meanwhile to whoever comes next; it is made long before the old one ends."""
        with suppress(OSError):
            stamp = Path(self._place.certificate).stat().st_mtime_ns
            if stamp != self._stamp:
                _load(self._context, self._place)
                self._stamp = stamp

    def _where(self) -> str:
        return f"{self._place.host}:{self._place.port}"

    def _app(self) -> Starlette:
        from starlette.applications import Starlette
        from starlette.routing import Route

        return Starlette(
            routes=[
                Route("/enrol", self._enrol, methods=["POST"]),
                Route("/renew", self._renew, methods=["POST"]),
                Route("/reader/{name}", self._reader, methods=["POST"]),
            ]
        )

    async def _enrol(self, request: Request) -> Response:
        return await self._answered(request, self._callbacks.enrol)

    async def _renew(self, request: Request) -> Response:
        from controller.web.protocol import SERIAL

        serial = str(request.scope.get(SERIAL, ""))
        if not serial:
            return _refused("certificate")
        return await self._answered(request, lambda body, peer: self._callbacks.renew(body, serial, peer))

    async def _answered(self, request: Request, work: Callable[[bytes, str], str]) -> Response:
        """Answer a request for a certificate; who is refused too often is not listened to for a while."""
        from starlette.responses import PlainTextResponse

        self._refresh()
        peer = _peer(request)
        if not self._tries.may(peer):
            return _refused("busy")
        body = await _body(request)
        if body is None:
            self._tries.failed(peer)
            return _too_large()
        try:
            answer = await _in_thread(lambda: work(body, peer))
        except Exception as error:  # noqa: BLE001 - whatever it is, the stranger gets one word
            self._tries.failed(peer)
            return _refused(_code(error, peer))
        return PlainTextResponse(answer, media_type="application/jwt")

    async def _reader(self, request: Request) -> Response:
        from starlette.responses import Response

        self._refresh()
        body = await _body(request)
        if body is None:
            return _too_large()
        headers = request.headers
        posted = Posted(
            request.path_params["name"], headers.get("content-type", ""), body, _peer(request),
            headers.get("authorization", ""),
        )  # fmt: skip
        try:
            status = await _in_thread(lambda: self._callbacks.reader(posted))
        except Exception as error:  # noqa: BLE001 - as above
            status = 503 if isinstance(error, StorageFailed | DeviceTimeout) else 500
            _log.error("a message of a reader from %s was not taken: %s", posted.peer, _line(error))
        asked = {"www-authenticate": 'Basic realm="portseal"'} if status == 401 else None
        return Response(status_code=status, headers=asked)


def _context(place: Place) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.verify_mode = ssl.CERT_OPTIONAL
    made.load_verify_locations(place.authority)
    _load(made, place)
    return made


def _load(context: ssl.SSLContext, place: Place) -> None:
    context.load_cert_chain(place.certificate, place.key)


def _bound(place: Place) -> socket.socket:
    """Take the port; raises EquipmentError when that does not go."""
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((place.host, place.port))
    except OSError as error:
        made.close()
        raise EquipmentError(
            t("the HTTPS door cannot be opened ({cause})", cause=error.strerror or str(error)),
            where=f"{place.host}:{place.port}",
            next_step=t("end what listens there, or write another address or port under [web] of site.toml"),
        ) from None
    return made


async def _body(request: Request) -> bytes | None:
    """Read the body; None for one that is too long, of which no more is read."""
    with suppress(ValueError):
        if int(request.headers.get("content-length", "0")) > MAX_BODY:
            return None
    found = bytearray()
    async for part in request.stream():
        found += part
        if len(found) > MAX_BODY:
            return None
    return bytes(found)


async def _in_thread(work: Callable[[], _Result]) -> _Result:
    from starlette.concurrency import run_in_threadpool

    return await run_in_threadpool(work)


def _peer(request: Request) -> str:
    return request.client.host if request.client is not None else ""


def _code(error: Exception, peer: str) -> str:
    """Give the word for what went wrong."""
    code = str(getattr(error, "code", ""))
    if code in CODES:
        _log.warning("a request for a certificate from %s was refused: %s", peer, code)
        return code
    if isinstance(error, InputError):
        return "malformed"
    _log.error("a request for a certificate from %s could not be answered: %s", peer, _line(error))
    return "failed"


def _line(error: Exception) -> str:
    return str(error) if isinstance(error, PortsealError) else f"{type(error).__name__}: {error}"[:200]


def _refused(code: str) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse({"code": code}, status_code=_STATUS.get(code, 403))


def _too_large() -> Response:
    from starlette.responses import JSONResponse

    # The rest of the body was not read: the connection is of no more use.
    return JSONResponse({"code": "malformed"}, status_code=413, headers={"connection": "close"})
