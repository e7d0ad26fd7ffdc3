"""The process: SSH server, SNMP agent, time, control socket, around one switch."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from typing import Any

import asyncssh

from lab.switch.dataplane import DataPlane
from lab.switch.persona.agent import Agent
from lab.switch.persona.config import Config
from lab.switch.persona.faults import Faults
from lab.switch.persona.session import Dropped
from lab.switch.persona.traps import TrapSender
from lab.switch.persona.vendor import find

log = logging.getLogger("portseal.persona")
#: Frames that wait for the loop at most; a flood beyond that is counted as less than it was.
_PENDING = 1000


class _Login(asyncssh.SSHServer):
    """Password authentication of one connection."""

    def __init__(self, config: Config, faults: Faults, open_: set[asyncssh.SSHServerConnection]) -> None:
        self._config = config
        self._faults = faults
        self._open = open_
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Count the connection in."""
        self._connection = conn
        self._open.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it out."""
        del exc
        if self._connection is not None:
            self._open.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        """Ask everybody for a password."""
        del username
        return True

    def password_auth_supported(self) -> bool:
        """Offer password authentication."""
        return True

    def validate_password(self, username: str, password: str) -> bool:
        """Check a password."""
        if self._faults.take("wrong-password", "login") is not None:
            return False
        expected = self._config.credentials
        return (username, password) == (expected.username, expected.password)


class _Screen:
    """What a session writes, sent when it waits for something: echo, output and prompt are one message, not four.

    A terminal's output is collected like this on real equipment, too; piece by piece, messages and the wake-ups that
    they cause would be most of what a session costs, on both ends.
    """

    def __init__(self, writer: asyncssh.SSHWriter[bytes]) -> None:
        self._writer = writer
        self._pending = bytearray()

    def write(self, data: bytes) -> None:
        """Take what is to be sent; raises BrokenPipeError when nobody is there any more."""
        if self._writer.is_closing():
            raise BrokenPipeError
        if data and not self._pending:
            asyncio.get_running_loop().call_soon(self.flush)
        self._pending += data

    def flush(self) -> None:
        """Send what was written."""
        data = bytes(self._pending)
        self._pending.clear()
        with contextlib.suppress(OSError):  # the client was faster
            self._writer.write(data)


class Persona:
    """A running switch. `start` and `stop` are called in the loop that serves it."""

    def __init__(self, config: Config, dataplane: DataPlane, now: Callable[[], float] | None = None) -> None:
        self.config = config
        self.faults = Faults(config.faults)
        vendor = find(config.platform)
        self._vendor = vendor
        self.switch = vendor.switch(config, dataplane, now) if now else vendor.switch(config, dataplane)
        self.switch.faults = self.faults
        self.agent = Agent(self.switch, vendor.tables)
        self.ssh_port = 0
        self.snmp_port = 0
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._control: asyncio.Server | None = None
        self._reload: tuple[asyncio.TimerHandle, str] | None = None
        self._pending = 0
        self._traps = TrapSender(self.switch, vendor.tables, self.agent.notify)

    async def start(self) -> None:
        """Boot the switch, listen, and write the ready file."""
        loop = asyncio.get_running_loop()
        self.switch.boot()
        self.switch.dataplane.watch(lambda *frame: self._foreign(loop, frame))
        self._acceptor = await asyncssh.create_server(
            lambda: _Login(self.config, self.faults, self._connections),
            self.config.listen,
            self.config.ssh_port,
            server_host_keys=[self._host_key()],
            process_factory=self._session,
            encoding=None,
            line_editor=False,
            login_timeout=60,
        )
        self.ssh_port = self._acceptor.get_port()
        self.snmp_port = await self.agent.start()
        self._traps.start()
        self._ticker = asyncio.create_task(self._tick())
        if self.config.control is not None:
            self.config.control.unlink(missing_ok=True)
            self._control = await asyncio.start_unix_server(self._controlled, self.config.control)
        if self.config.ready is not None:
            ports = {"ssh_port": self.ssh_port, "snmp_port": self.snmp_port}
            self.config.ready.write_text(json.dumps(ports), encoding="ascii")

    async def stop(self) -> None:
        """Close everything; the data plane goes on forwarding."""
        self.unschedule()
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
        if self._control is not None:
            self._control.close()
            await self._control.wait_closed()
        for connection in self._drop_sessions():
            await connection.wait_closed()
        if self._acceptor is not None:
            self._acceptor.close()
            await self._acceptor.wait_closed()
        self._traps.stop()
        self.agent.stop()
        self.switch.dataplane.close()
        for path in (self.config.ready, self.config.control):
            if path is not None:
                path.unlink(missing_ok=True)

    def _host_key(self) -> asyncssh.SSHKey:
        """Give the host key, kept beside the state file so that a restarted switch is the same host."""
        path = self.config.state.with_suffix(".hostkey") if self.config.state is not None else None
        if path is not None and path.exists():
            return asyncssh.read_private_key(path)
        key = asyncssh.generate_private_key("ssh-ed25519")
        if path is not None:
            path.touch(mode=0o600)
            key.write_private_key(path)
        return key

    # -- sessions -----------------------------------------------------------------------------------------------

    async def _session(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        async def read() -> bytes:
            try:
                return await process.stdin.read(4096)
            except (asyncssh.BreakReceived, asyncssh.SignalReceived, asyncssh.TerminalSizeChanged):
                return await read()

        screen = _Screen(process.stdout)
        shell = self._vendor.session(self.switch, self.faults, self, read, screen.write)
        shell.user = str(process.get_extra_info("username"))
        try:
            if process.command:
                await shell.single(process.command)
            else:
                await shell.run()
        except (OSError, asyncssh.Error, Dropped) as error:
            log.debug("session ended: %r", error)
            screen.flush()
            process.get_extra_info("connection").abort()
        finally:
            screen.flush()
            # A client that says "exit" and hangs up is often gone by now. The loop learns it from the write that fails,
            # one turn later; writing on, it would complain of each further write: "socket.send() raised exception."
            await asyncio.sleep(0)
            with contextlib.suppress(OSError):  # the client was faster
                process.exit(0)

    def _drop_sessions(self) -> list[asyncssh.SSHServerConnection]:
        dropped = list(self._connections)
        for connection in dropped:
            connection.abort()
        return dropped

    # -- reboots ------------------------------------------------------------------------------------------------

    def restart(self) -> None:
        """Reboot: every session ends and the startup configuration is loaded."""
        self.unschedule()
        asyncio.get_running_loop().call_soon(self._reboot)

    def _reboot(self) -> None:
        self._drop_sessions()
        self.switch.boot()

    def schedule(self, seconds: float, reason: str) -> None:
        """Reboot in `seconds`."""
        self.unschedule()
        self._reload = (asyncio.get_running_loop().call_later(seconds, self._reboot), reason)

    def unschedule(self) -> bool:
        """Forget a scheduled reboot; tell whether there was one."""
        if self._reload is None:
            return False
        self._reload[0].cancel()
        self._reload = None
        return True

    def scheduled(self) -> tuple[float, str] | None:
        """Give the seconds until a scheduled reboot and its reason; None without one."""
        if self._reload is None:
            return None
        handle, reason = self._reload
        return handle.when() - asyncio.get_running_loop().time(), reason

    # -- frames, time, control ------------------------------------------------------------------------------------

    def _foreign(self, loop: asyncio.AbstractEventLoop, frame: tuple[str, str, int]) -> None:
        """Take a foreign frame from the data plane's thread into the loop."""
        if self._pending > _PENDING or loop.is_closed():
            return
        self._pending += 1
        with contextlib.suppress(RuntimeError):  # the loop closed between the question and the call
            loop.call_soon_threadsafe(self._foreign_here, *frame)

    def _foreign_here(self, port: str, mac: str, vlan: int) -> None:
        self._pending -= 1
        self.switch.foreign_frame(port, mac, vlan)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self.config.link_poll)
            self.switch.tick()

    async def _controlled(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve the control socket: one JSON object a line, answered with one."""
        async for line in reader:
            try:
                answer = self._obey(json.loads(line))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                answer = {"error": str(error)}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()

    def _obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Do a control order: fault {…}, clear, inject {port, mac, vlan, ip}, peer {port, up}, reboot."""
        if "fault" in order:
            self.faults.add(**order["fault"])
        elif "clear" in order:
            self.faults.clear()
        elif "inject" in order:
            inject: Callable[..., bool] = getattr(self.switch.dataplane, "inject")  # noqa: B009
            return {"admitted": inject(**order["inject"])}
        elif "peer" in order:
            set_peer: Callable[..., None] = getattr(self.switch.dataplane, "set_peer")  # noqa: B009
            set_peer(**order["peer"])
            self.switch.poll_links()
        elif "reboot" in order:
            self.restart()
        else:
            raise ValueError(f"unknown order {sorted(order)}")
        return {"ok": True}
