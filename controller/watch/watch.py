"""The packet watch as the controller uses it: starts the child, and gives what it tells, with the switches' view.

    with Watch(context, ["eth1"]) as watch:
        for event in watch.events(timeout_s=1.0):
            ...

`events` gives what has come and returns when nothing more comes for the time given, so that a loop of its own may use
it; `fileno` is for waiting on.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Self

from controller.context import Context
from controller.store.fingerprints import fingerprints
from controller.store.inventory import bindings, devices
from controller.store.observations import observations
from controller.watch.lines import LONGEST_LINE, Event, Failed, Ready, Sighting, read_line
from policies.errors import ConfigError, EquipmentError, NotFound, PortsealError
from policies.texts import t
from policies.watch.flows import FlowRule, default_rules
from policies.watch.places import Place, misplaced, places
from policies.watch.rules import PRIVATE, Index, Known, Peer, Rules, dump
from policies.watch.sighting import Row

#: Seconds that the child has to start (it loads scapy), and to say its last when it is stopped.
START_S, STOP_S = 60.0, 10.0
#: Seconds between two looks at what was read from switches since.
_LOOK_S = 10.0
_NOWHERE = "/dev/null/none"


def site_rules(context: Context) -> Rules:
    """Give what the watch goes by: the inventory, its bindings, and [watch] of site.toml."""
    site, declared = context.site, context.site.watch
    bound = {each.device: each for each in bindings(context.store)}
    known = []
    for device in devices(context.store):
        place = bound.get(device.name)
        where = ("", "", None) if place is None else (place.switch, place.port, place.vlan)
        known.append(Known(device.name, device.role.value, device.mac, device.ip, *where))
    face = {vlan.id for vlan in site.vlans if vlan.purpose == "face"} | {each.vlan for each in bound.values()}
    return Rules(
        tuple(known),
        declared.networks or PRIVATE,
        frozenset(face) | declared.vlans,
        frozenset(declared.gateways),
        frozenset(declared.dhcp_servers),
        tuple(Peer(name, networks) for name, networks in declared.peers),
        tuple(FlowRule(*each) for each in declared.flows) or default_rules(),
    )


class Watch:
    """A running watch of interfaces; a context manager."""

    def __init__(self, context: Context, interfaces: Iterable[str]) -> None:
        self._context, self._interfaces = context, list(interfaces)
        self._index = Index(site_rules(context))
        self._places: dict[str, tuple[Place, ...]] = {}
        self._shown: set[tuple[str, str, str, str]] = set()
        self._looked = 0.0
        self._child: subprocess.Popen[bytes] | None = None
        self._said = b""

    def __enter__(self) -> Self:
        """Start the child, and wait until it watches.

        Raises:
            ConfigError: scapy is not installed.
            NotFound: there is no such interface.
            EquipmentError: this account may not read frames, or the child does not start.

        """
        from importlib.util import find_spec

        if find_spec("scapy") is None:
            raise ConfigError(
                t("the packet watch needs the Python package {package}", package="scapy"),
                next_step=t("install it: pip install 'portseal[{extra}]'", extra="watch"),
            )
        self._start()
        try:
            self._await()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return None if self._child is None else self._child.pid

    def fileno(self) -> int:
        """Give a descriptor that is readable when there is something to tell."""
        assert self._child is not None
        assert self._child.stdout is not None
        return self._child.stdout.fileno()

    def events(self, timeout_s: float) -> Iterator[Event]:
        """Give what has come, until nothing more comes for `timeout_s`; raises EquipmentError when the watch ended."""
        yield from self._readings()
        yield from self._received(timeout_s)

    def _received(self, timeout_s: float) -> Iterator[Event]:
        yield from self._lines()
        while self._ready(timeout_s):
            self._take()
            yield from self._lines()
            timeout_s = 0.0

    def change(self) -> None:
        """Go by the inventory and the fingerprints as they are now; the filter is replaced without a gap."""
        self._index = Index(site_rules(self._context))
        self._order({"rules": dump(self._index.rules), "kept": fingerprints(self._context.store)})

    def stop(self) -> Iterator[Event]:
        """End the child; what it says last is given by iterating, and lost otherwise."""
        child, self._child = self._child, None
        if child is None:
            return iter(())
        assert child.stdin is not None
        assert child.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            child.stdin.close()
        child.stdin = None  # or else communicate would flush what is closed
        try:
            rest, _ = child.communicate(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            rest, _ = child.communicate()
        return iter(list(self._last(rest)))

    def _last(self, rest: bytes) -> Iterator[Event]:
        self._said += rest
        with contextlib.suppress(PortsealError):
            yield from self._lines()

    def _start(self) -> None:
        # scapy would write caches into the home of whoever starts it.
        homes = dict.fromkeys(("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), _NOWHERE)
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "controller.watch.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                start_new_session=True,
                cwd="/",
                env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", **homes},
            )
        except OSError as error:
            raise EquipmentError(
                t("the packet watch does not start: {reason}", reason=error.strerror or ""),
                next_step=t("free memory and processes on this machine, then try again"),
            ) from error
        self._order({
            "interfaces": self._interfaces, "rules": dump(self._index.rules),
            "kept": fingerprints(self._context.store),
        })  # fmt: skip

    def _order(self, order: dict[str, object]) -> None:
        assert self._child is not None
        assert self._child.stdin is not None
        data = json.dumps(order).encode() + b"\n"
        stdin = self._child.stdin.fileno()
        while data:
            # Both sides may have more to say than a pipe holds: what the child says meanwhile is kept.
            readable, writable, _ = select.select([self.fileno()], [stdin], [])
            if readable:
                self._take()
            if writable:
                try:
                    data = data[os.write(stdin, data[: select.PIPE_BUF]) :]
                except BrokenPipeError:
                    raise _ended() from None

    def _take(self) -> None:
        """Take what the child says; raises EquipmentError when it has ended."""
        data = os.read(self.fileno(), 1 << 16)
        if not data:
            raise _ended()
        self._said += data

    def _await(self) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            for event in self._received(1.0):
                if isinstance(event, Ready):
                    return
        raise _ended()

    def _ready(self, timeout_s: float) -> bool:
        return bool(select.select([self.fileno()], [], [], timeout_s)[0])

    def _lines(self) -> Iterator[Event]:
        *lines, self._said = self._said.split(b"\n")
        if len(self._said) > LONGEST_LINE:
            raise _ended()
        for line in lines:
            event = read_line(line)
            if isinstance(event, Failed):
                raise _failure(event)
            yield self._placed(event) if isinstance(event, Sighting) else event

    def _placed(self, sighting: Sighting) -> Sighting:
        """Add whose MAC it is, and where the switches have it."""
        known, where = self._index.by_mac.get(sighting.mac), self._places.get(sighting.mac, ())
        return replace(
            sighting,
            device="" if known is None else known.name,
            role="" if known is None else known.role,
            port=str(where[0]) if where else "",
        )

    def _readings(self) -> Iterator[Sighting]:
        """Look at what was read from the switches since; give what it shows, once."""
        if self._looked and time.monotonic() - self._looked < _LOOK_S:
            return
        self._looked = time.monotonic()
        uplinks = {
            switch.name: frozenset(each.port for each in switch.uplinks) | switch.management_ports
            for switch in self._context.site.switches
        }
        self._places = places(observations(self._context.store), uplinks)
        found = {sighting.key: sighting for sighting in map(self._of, misplaced(self._index, self._places))}
        for key, sighting in found.items():
            if key not in self._shown:
                yield sighting
        # What is over may come again, and is told again then.
        self._shown = set(found)

    def _of(self, row: Row) -> Sighting:
        known, where = self._index.by_mac.get(row.mac), self._places.get(row.mac, ())
        read = next((each.read_at for each in where if str(each) == row.other), self._context.clock())
        return Sighting(
            row.kind,
            row.mac,
            read,
            read,
            row.ip,
            row.other,
            confidence=row.confidence,
            facts=row.facts,
            device="" if known is None else known.name,
            port=row.other,
            role="" if known is None else known.role,
        )


def _ended() -> EquipmentError:
    return EquipmentError(
        t("the packet watch has ended by itself"), next_step=t("start it again; 'dmesg' may say why it ended")
    )


def _failure(failed: Failed) -> PortsealError:
    if failed.code == "permission":
        return EquipmentError(
            t("this account may not read frames from the wire"),
            next_step=t("run it as root, or give the service the capability CAP_NET_RAW"),
        )
    if failed.code == "gone":
        return EquipmentError(
            t("the interface is gone"), where=failed.about, next_step=t("see 'ip link', then start the watch again")
        )
    return NotFound(
        t("the interface cannot be watched: {reason}", reason=failed.about),
        next_step=t("name one that 'ip link' shows on this machine"),
    )
