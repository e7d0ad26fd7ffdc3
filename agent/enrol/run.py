"""Enrolment on the terminal: ask, get the answer over HTTPS or as a file, check it, and put it in place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.config import STATE_FOLDER
from agent.enrol import files
from agent.enrol.door import post
from agent.enrol.files import Enrolled, Pending
from agent.enrol.keys import checked_certificate, make_key, valid_until
from agent.link.database import storage_errors
from agent.link.identity import agent_key
from policies.codec import stamp
from policies.errors import InputError, SafetyRefusal
from policies.keys import PublicKey, SigningKey
from policies.messages.bundle import read_bundle
from policies.messages.enrolment import make_request, read_answer
from policies.texts import t


@dataclass(frozen=True, slots=True)
class Done:
    """What an enrolment came to; `key` is the public half of what signs the terminal's events."""

    site: str
    terminal: str
    expires: datetime
    key: PublicKey


def enrol_online(folder: Path, bundle: bytes, where: str) -> Done:
    """Enrol over HTTPS with the bundle from the file `where`; what is interrupted can be repeated.

    Raises what :func:`ask`, :func:`agent.enrol.door.post` and :func:`finish` raise.
    """
    pending = ask(folder, bundle, where)
    given = pending.bundle
    answer = post(given.door, "/enrol", pending.request.raw, given.authority.encode("ascii"))
    return finish(folder, answer, str(given.door))


def ask(folder: Path, data: bytes, where: str) -> Pending:
    """Make the request for the bundle from the file `where`, or give the one that was made for it before.

    Raises InputError for what is no bundle, SafetyRefusal for an expired one and another terminal's, ConfigError and
    StorageFailed.
    """
    bundle, now = read_bundle(data, where), datetime.now(UTC)
    with files.alone(folder):
        files.refuse_another(folder, bundle.site, bundle.terminal)
        before = files.read_pending(folder)
        if before is not None and before.bundle == bundle:
            return before
        if now >= bundle.expires:
            raise SafetyRefusal(
                t("the bundle has expired at {end}, and by this machine's clock it is {now}", end=stamp(bundle.expires),
                  now=stamp(now)),
                where=where,
                next_step=t("set the clock right, or make a new bundle with 'portseal terminal enroll'"),
            )  # fmt: skip
        made = make_key(bundle.terminal)
        pending = Pending(bundle, make_request(bundle, made.csr, events_key(folder)), made.pem)
        files.keep_pending(folder, pending)
    return pending


def finish(folder: Path, answer: bytes, where: str) -> Done:
    """Check the answer, from the file or address `where`, to the request that waits, and put everything in place.

    Raises InputError for another answer, SafetyRefusal for a wrong clock, ConfigError and StorageFailed.
    """
    with files.alone(folder):
        pending = files.read_pending(folder)
        if pending is None:
            raise InputError(
                t("no request of this terminal waits for an answer"),
                where=where,
                next_step=t("begin with the bundle: portseal-agent enroll BUNDLE"),
            )
        bundle, request = pending.bundle, pending.request
        read = read_answer(answer, bundle.grant_key, where)
        if (read.iss, read.aud, read.request) != (bundle.site, bundle.terminal, request.digest):
            raise InputError(
                t("the answer is to another request"),
                where=where,
                next_step=t("take the answer to the last request of this terminal, or begin again with the bundle"),
            )
        authority = bundle.authority.encode("ascii")
        now = datetime.now(UTC)
        certificate = checked_certificate(read.certificate, pending.key, authority, bundle.terminal, now)
        made = Enrolled(
            site=bundle.site, terminal=bundle.terminal, grant_key=bundle.grant_key.to_pem(), authority=authority,
            broker_authority=bundle.broker_authority.encode("ascii"), certificate=certificate, key=pending.key,
            broker=bundle.broker, door=bundle.door,
        )  # fmt: skip
        files.install(folder, made, request.digest)
        files.drop_pending(folder)
        assert request.key is not None
        return Done(bundle.site, bundle.terminal, valid_until(certificate), request.key)


def events_key(folder: Path) -> SigningKey:
    """Give the key that signs this terminal's events, made where there is none yet."""
    state = folder / str(files.declared(folder).get("state", STATE_FOLDER))
    with storage_errors(state):
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    return agent_key(state)
