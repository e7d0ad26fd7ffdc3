"""What doctor looks at of the broker: the authority, certificates and their ends, the declaration, the program."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta

from controller.broker.authority import hosts_of, valid_until
from controller.broker.enrolment import door_of
from controller.broker.files import authority, authority_file, broker_file, broker_names, read_public
from controller.broker.mosquitto import PATH
from controller.broker.site import client_tls
from controller.cli.base import USAGE
from controller.cli.checked import Check, fault
from controller.context import Context
from controller.store.certificates import certificates
from policies.errors import PortsealError
from policies.messages.identities import Identity, Role
from policies.site import BrokerMode
from policies.texts import t

#: Warn when a certificate ends within this; the authority's is renewed by hand, and takes planning.
_SOON, _AUTHORITY_SOON = timedelta(days=30), timedelta(days=365)


def broker_checks(context: Context) -> Iterator[Check]:
    """Check what terminals and readers need of this machine; nothing is made that is not there."""
    site = context.site
    wanted = any(each.agent for each in site.terminals)
    if not authority_file(site).exists() and not certificates(context.store):
        yield Check("broker", site.name, "ok", t("no terminal is enrolled yet; keys are made at the first need"))
    else:
        yield from _authority(context)
        yield from _terminals(context)
    if site.broker.mode is BrokerMode.EXTERNAL:
        yield from _external(context)
    elif wanted and shutil.which("mosquitto", path=PATH) is None:
        step = t("apt-get install mosquitto")
        yield Check("broker", "mosquitto", "fault", t("the program is missing"), step, USAGE)
    if wanted:
        try:
            door_of(site)
        except PortsealError as error:
            yield Check("broker", error.where, "warning", error.what, error.next_step)


def _authority(context: Context) -> Iterator[Check]:
    """The authority's key and certificate, and that of the broker and the door."""
    site, now = context.site, context.clock()
    try:
        vouching = authority(context)
        ends = valid_until(vouching.certificate)
        path = broker_file(site)
        brokers = read_public(path) if path.exists() else b""
        brokers_end = valid_until(brokers) if brokers else None
    except PortsealError as error:
        yield fault("broker", str(authority_file(site)), error)
        return
    if ends - now < _AUTHORITY_SOON:
        step = t("prepare a new authority: every terminal and reader is enrolled anew with it")
        yield Check("broker", "keys/ca.pem", "warning", t("the authority ends on {day}", day=ends.date()), step)
        return
    if brokers_end is not None and (brokers_end <= now or hosts_of(brokers) != broker_names(site)):
        step = t("start 'portseal serve' again: it makes a new one")
        what = t("the broker's certificate has ended, or is for other names than site.toml says")
        yield Check("broker", "keys/broker.pem", "warning", what, step)
        return
    yield Check("broker", "keys/ca.pem", "ok", t("the authority is good until {day}", day=ends.date()))


def _terminals(context: Context) -> Iterator[Check]:
    """Terminals whose certificate ends soon: the agent renews it, as long as it reaches the door."""
    now = context.clock()
    for declared in context.site.terminals:
        found = certificates(context.store, f"terminal.{declared.name}")
        good = [each.expires for each in found if each.revoked_at is None]
        if not declared.agent or not good or max(good) - now > _SOON:
            continue
        what = t("its certificate ends on {day}, and it has not renewed it", day=max(good).date())
        step = t("on the terminal: portseal-agent enroll --renew; when it has ended: 'portseal terminal enroll'")
        yield Check("broker", declared.name, "warning", what, step)


def _external(context: Context) -> Iterator[Check]:
    broker = context.site.broker
    host = f"{broker.host}:{broker.port}"
    try:
        if broker.key:
            client_tls(context, Identity(Role.CONTROLLER))
        else:
            read_public(context.site.folder / broker.authority)
    except PortsealError as error:
        yield fault("broker", host, error)
        return
    yield Check("broker", host, "ok", t("the certificates for the external broker can be used"))
