"""What doctor asks every switch: TCP, SSH login, its version in the declared dialect, SNMP where it is declared."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Sequence

from controller.cli.base import USAGE
from controller.cli.checked import Check, fault
from controller.context import Context
from controller.network.equipment import LOCAL, SwitchEquipment
from controller.network.pool import on_each
from controller.secrets.resolve import resolve
from drivers.dialect import Dialect, Fact
from drivers.parse import Row, parse
from drivers.session import Session
from policies.errors import CommandRejected, PortsealError, UnparsedOutput
from policies.site import Switch
from policies.texts import Text, t

#: Seconds that a switch gets to accept a TCP connection; the login has the switch's own timeout.
_CONNECT_S = 5.0


def switch_checks(context: Context, switches: Sequence[Switch]) -> Iterator[Check]:
    """Check `switches`, all at once; one that does not answer holds up nobody else."""
    answers = on_each(switches, lambda switch: list(_switch(context, switch)))
    for switch in switches:
        if switch.name in answers.errors:
            yield fault("ssh", switch.name, answers.errors[switch.name])
        else:
            yield from answers.results[switch.name]


def _switch(context: Context, switch: Switch) -> Iterator[Check]:
    if switch.write == "ssh" or switch.username:  # one that is written over SNMP needs no account
        reached = _tcp(switch)
        yield reached
        if reached.level == "ok":
            yield from _ssh(context, switch)
    if switch.snmp is not None:
        yield from _snmp(context, switch)


def _tcp(switch: Switch) -> Check:
    if switch.host == LOCAL:
        return Check("tcp", switch.name, "ok", t("it is this machine"))
    where = f"{switch.host}:{switch.port}"
    try:
        with socket.create_connection((switch.host, switch.port), timeout=min(_CONNECT_S, switch.timeout_s)):
            return Check("tcp", switch.name, "ok", t("{where} answers", where=where))
    except OSError as error:
        step = t("check address, cabling and that SSH is enabled on the switch")
        return Check("tcp", switch.name, "fault", t("{where}: {cause}", where=where, cause=_cause(error)), step)


def _cause(error: OSError) -> Text:
    if isinstance(error, socket.gaierror):
        return t("the host name is not known")
    if isinstance(error, TimeoutError):
        return t("nobody answers")
    if isinstance(error, ConnectionRefusedError):
        return t("the connection was refused")
    return t("the network refuses ({cause})", cause=error.strerror or type(error).__name__)


def _ssh(context: Context, switch: Switch) -> Iterator[Check]:
    equipment = SwitchEquipment(context.site, switch, context.clock)
    try:
        with equipment.terminal() as session:
            yield Check("ssh", switch.name, "ok", t("login works"))
            yield _platform(session, session.dialect, switch)
    except PortsealError as error:
        yield fault("ssh", switch.name, error)


def _platform(session: Session, dialect: Dialect, switch: Switch) -> Check:
    step = t("correct 'platform' of this switch in site.toml; 'portseal dialect list' names them")
    try:
        found = _version(session, dialect)
    except (CommandRejected, UnparsedOutput) as error:
        what = t("it does not answer like {platform}: {cause}", platform=dialect.platform, cause=error.what)
        return Check("platform", switch.name, "fault", what, step, USAGE)
    if not found:
        what = t("it does not say that it is {platform}", platform=dialect.platform)
        return Check("platform", switch.name, "fault", what, step, USAGE)
    told = {name: str(found.get(name) or "") for name in ("model", "version")}
    return Check("platform", switch.name, "ok", t("{platform} {model} {version}", platform=dialect.platform, **told))


def _version(session: Session, dialect: Dialect) -> Row:
    """Read model and version; a dialect whose version read finds nothing met another platform."""
    found: Row = {}
    for read in dialect.reads:
        if read.fact is Fact.VERSION and read.observe:
            for row in parse(read, session.read(read.command), where=session.switch):
                found |= {name: value for name, value in row.items() if value}
    return found


def _snmp(context: Context, switch: Switch) -> Iterator[Check]:
    from drivers.snmp.access import resolve as resolve_access
    from drivers.snmp.oids import SYSTEM, Oid
    from drivers.snmp.platforms import identify
    from drivers.snmp.session import SnmpSession

    assert switch.snmp is not None
    where = f"switches.{switch.name}.snmp"
    try:
        access = resolve_access(
            switch.snmp, lambda reference: resolve(reference, context.site.folder, where=where).reveal()
        )
        with SnmpSession(access) as session:
            system = session.get(*SYSTEM)
    except PortsealError as error:
        yield fault("snmp", switch.name, error)
        return
    description = _text(system.get(Oid.SYS_DESCR))
    who = identify(_text(system.get(Oid.SYS_OBJECT_ID)), description)
    if who.platform and who.platform != switch.platform:
        what = t("SNMP says that it is {found}, not {declared}", found=who.platform, declared=switch.platform)
        yield Check("snmp", switch.name, "warning", what, t("correct 'platform' of this switch in site.toml"))
        return
    first = re.split(r"[\r\n]", description, maxsplit=1)[0][:80]
    yield Check("snmp", switch.name, "ok", t("SNMP answers: {description}", description=first))


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
