"""Enrolment on the controller's side: a bundle for a terminal, the answer to its request, and new certificates.

However a request comes (over HTTPS, or as a file), it is judged here. What it changes is one act of the ledger: the
certificate, the end of older ones, and the key that the terminal's events are trusted by.
"""

from __future__ import annotations

import secrets
import ssl
from dataclasses import dataclass
from datetime import timedelta

from controller.broker.authority import Issued
from controller.broker.files import authority, read_public, row_of
from controller.context import Context
from controller.secrets.signing import grant_key, grant_public_key
from controller.store.certificates import (
    REPLACED,
    certificate,
    certificates,
    put_certificate,
    revoke_certificates,
)
from controller.store.enrolments import Enrolment, enrolment, put_enrolment, use_enrolment
from controller.store.terminals import trust_key, trusted_key
from policies.codec import stamp
from policies.errors import ConfigError, SafetyRefusal, UsageError
from policies.messages.bundle import TOKEN_BYTES, At, Bundle
from policies.messages.enrolment import Answer, Request, read_request, sign_answer
from policies.messages.identities import Identity, Role
from policies.messages.refusals import CODES, NEXT
from policies.names.shown import shown
from policies.site import BrokerMode, Site
from policies.terminal import Terminal
from policies.texts import t

#: How long a token counts: by default, and at most.
HOURS, MOST_HOURS = 24, 24 * 14
#: Certificates that one identity gets in a day: a terminal that asks for more is out of order.
_MOST_A_DAY = 10


class EnrolmentRefused(SafetyRefusal):
    """A request that is not followed; `code` is a key of :data:`policies.messages.refusals.CODES`."""

    def __init__(self, code: str, where: str = "") -> None:
        super().__init__(CODES[code], where=where, next_step=NEXT[code])
        self.code = code


@dataclass(frozen=True, slots=True)
class Opened:
    """A bundle that was made; `replaces` tells whether an unused token of before counts no more."""

    bundle: Bundle
    replaces: bool


def door_of(site: Site) -> At:
    """Give where terminals find the door; raises ConfigError when site.toml does not say it."""
    host = site.web.host or (site.broker.host if site.broker.mode is BrokerMode.MANAGED else "")
    if not host:
        key = "web.host" if site.broker.mode is BrokerMode.EXTERNAL else "broker.host"
        raise ConfigError(
            t("terminals are not told under which name or address they reach the controller"),
            where=f"site.toml: {key}",
            next_step=t("write it into site.toml"),
        )
    return At(host, site.web.port)


def open_enrolment(context: Context, terminal: Terminal, hours: int = HOURS) -> Opened:
    """Make a bundle for `terminal`, whose token counts once, for so many hours; an earlier one counts no more.

    Raises UsageError when the site says that it has no agent, ConfigError when site.toml does not say where the
    broker is, and what making keys raises.
    """
    if not terminal.agent:
        raise UsageError(
            t("the site says that the terminal has no agent, so there is nothing to enrol"),
            where=terminal.name,
            next_step=t("write agent = true in site.toml when it has one"),
        )
    site, now = context.site, context.clock()
    door = door_of(site)
    vouching = authority(context).certificate.decode("ascii")
    theirs = vouching
    if site.broker.mode is BrokerMode.EXTERNAL:
        theirs = read_public(site.folder / site.broker.authority).decode("utf-8", "replace")
    bundle = Bundle(
        site=site.name,
        terminal=terminal.name,
        authority=vouching,
        broker=At(site.broker.host, site.broker.port),
        broker_authority=theirs,
        door=door,
        grant_key=grant_public_key(site.folder),
        expires=now + timedelta(hours=hours),
        token=secrets.token_bytes(TOKEN_BYTES),
    )
    before = enrolment(context.store, terminal.name)
    replaces = before is not None and before.open(now)
    told: dict[str, object] = {"bundle": bundle.digest, "expires": stamp(bundle.expires), "replaces": replaces}
    with context.ledger.act("terminal.enrol_open", terminal.name, told, context.actor) as act:
        with context.store.transaction() as connection:
            put_enrolment(connection, bundle, now)
        act.done()
    return Opened(bundle, replaces)


def enrol(context: Context, data: bytes, where: str = "", *, peer: str = "") -> str:
    """Answer a terminal's request, which came from address `peer` or in the file `where`; gives the signed answer.

    The same request gets the same answer once more, because the first may have been lost on its way. Raises InputError
    for what is no request, and EnrolmentRefused.
    """
    request = read_request(data, where)
    if request.key is None:
        raise EnrolmentRefused("kind", where)
    found = _opened(context, request, where)
    now = context.clock()
    if found.used_at is not None and found.request == request.digest:
        return found.answer
    for code, refused in (("used", found.used_at is not None), ("expired", now >= found.expires),
                          ("changed", found.bundle != request.bundle)):  # fmt: skip
        if refused:
            # Only who has had the token comes this far, so that nobody else can fill the ledger.
            why = {"why": code, "fingerprint": request.key.fingerprint, "peer": peer}
            context.ledger.append("terminal.enrol_refused", found.terminal, why, context.actor)
            raise EnrolmentRefused(code, where)
    return _enrolled(context, request, found, peer)


def _opened(context: Context, request: Request, where: str) -> Enrolment:
    declared = context.site.terminal(request.terminal) if request.site == context.site.name else None
    found = enrolment(context.store, request.terminal) if declared is not None and declared.agent else None
    # The same words for a terminal that nobody enrols and for a wrong token: a stranger learns no names here.
    if found is None or not request.signed_by(found.token_key):
        raise EnrolmentRefused("token", where)
    return found


def _enrolled(context: Context, request: Request, found: Enrolment, peer: str) -> str:
    assert request.key is not None
    identity, now = Identity(Role.TERMINAL, found.terminal), context.clock()
    before = trusted_key(context.store, found.terminal)
    told: dict[str, object] = {
        "fingerprint": request.key.fingerprint, "bundle": request.bundle, "request": request.digest, "peer": peer,
    }  # fmt: skip
    if before is not None and before != request.key:
        told["replaces"] = before.fingerprint
    with context.ledger.act("terminal.enrol", found.terminal, told, context.actor) as act:
        issued = authority(context).issue(request.csr, identity, now)
        answer = _answer(context, request, issued)
        with context.store.transaction() as connection:
            if not use_enrolment(connection, found, now, request.digest, answer):
                raise EnrolmentRefused("used")
            ended = revoke_certificates(connection, str(identity), now, REPLACED)
            put_certificate(connection, row_of(issued, now))
            trust_key(connection, found.terminal, request.key, now)
        act.done({"serial": issued.serial, "expires": stamp(issued.expires), "revoked": ended})
    return answer


def renew(context: Context, data: bytes, serial: str, *, peer: str = "") -> str:
    """Give a terminal a new certificate; it has come with the one whose serial number (hex) is `serial`.

    The old one stays good until its end: the terminal may lose the answer. Raises InputError for what is no request,
    and EnrolmentRefused.
    """
    request = read_request(data)
    if request.key is not None:
        raise EnrolmentRefused("kind")
    shown_one = certificate(context.store, serial)
    identity = Identity(Role.TERMINAL, request.terminal)
    declared = context.site.terminal(request.terminal) if request.site == context.site.name else None
    trusted = trusted_key(context.store, request.terminal)
    good = shown_one is not None and shown_one.revoked_at is None and shown_one.identity == str(identity)
    if not good or declared is None or not declared.agent or trusted is None or not request.signed_by(trusted):
        raise EnrolmentRefused("certificate")
    told: dict[str, object] = {"request": request.digest, "peer": peer, "instead_of": serial}
    return _answer(context, request, _issued(context, identity, request.csr, told))


def issue_identity(context: Context, identity: Identity, csr: bytes) -> Issued:
    """Give a lock or a reader its certificate for a request (PKCS #10, PEM or DER) that it has made itself.

    Raises UsageError for an identity that site.toml does not declare, or that is enrolled in another way; InputError
    for a request that is damaged, and EnrolmentRefused when it asks too often.
    """
    names = {
        Role.READER: {each.name for each in context.site.readers},
        Role.LOCK: {each.name for each in context.site.terminals},
    }
    if identity.name not in names.get(identity.role, set()):
        raise UsageError(
            t("the site has no {name}", name=shown(str(identity))),
            next_step=t("declare it in site.toml; terminals are enrolled with 'portseal terminal enroll'"),
        )
    return _issued(context, identity, csr, {})


def _issued(context: Context, identity: Identity, csr: bytes, told: dict[str, object]) -> Issued:
    """Issue one more certificate, as an act of the ledger."""
    now = context.clock()
    day = [each for each in certificates(context.store, str(identity)) if now - each.issued_at < timedelta(days=1)]
    if len(day) >= _MOST_A_DAY:
        raise EnrolmentRefused("often", str(identity))
    with context.ledger.act("certificate.issue", str(identity), told, context.actor) as act:
        issued = authority(context).issue(csr, identity, now)
        with context.store.transaction() as connection:
            put_certificate(connection, row_of(issued, now))
        act.done({"serial": issued.serial, "expires": stamp(issued.expires)})
    return issued


def _answer(context: Context, request: Request, issued: Issued) -> str:
    der = ssl.PEM_cert_to_DER_cert(issued.pem.decode("ascii"))
    answer = Answer(context.site.name, request.terminal, request.digest, der)
    return sign_answer(answer, grant_key(context.site.folder))
