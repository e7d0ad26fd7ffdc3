"""The one-time rescue code at the terminal: a challenge is shown, two people answer it, and a code opens once.

policies/rescue.py has the rules; here is what must last. The counter of the next challenge, the wrong codes and the
wait after them lie in the agent's state, and every judgement is one commit with its event, before anything is answered
or opened: the lease of a right code is in that same commit, so an agent that is killed a moment later opens the port
when it is back, and the code is used up all the same.

The nonce of a boot lies in the run folder beside the boot's id. It is drawn at random and not derived from the boot id:
then the challenge stays as it was read out while the agent is restarted, is another one after a reboot, and is another
one too after a lost or rolled-back state, whose counter would let an old code count again. For the same reason no code
counts until the controller has acked the event that tells of a loss. All this needs no network.

The secret is a file of one line, 64 hex digits, that root alone may read. Where it is absent, nothing is set up.
"""

from __future__ import annotations

import math
import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from agent.link.state import AgentState
from agent.terminal import Terminal
from agent.usb.bindings import replace_file
from agent.usb.events import Quiet
from policies.errors import ConfigError, PortsealError, SafetyRefusal, UsageError
from policies.messages.event import Data
from policies.rescue import (
    LONGEST_MINUTES,
    NONCE_BYTES,
    SECRET_BYTES,
    Challenge,
    Moment,
    RescueOutcome,
    RescueRefusal,
    RescueSecret,
    Tries,
    rescue_event,
    rescue_leases,
    try_code,
)
from policies.texts import LANGUAGES, Text, t
from policies.usb import Lease

#: The file of this boot's nonce in the run folder: the boot id, a blank, ten hex digits.
NONCE = "rescue.nonce"
#: Characters of what names a person.
LONGEST_PERSON = 64
#: Bytes of a secret's file beyond which it is no such file.
_LARGEST = 256

Reply = dict[str, Any]


class Rescue:
    """The rescue codes of one terminal; the agent's loop asks one thing at a time."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._quiet = Quiet()
        spool = terminal.spool
        if spool.trouble is not None or spool.state.lost:
            with suppress(OSError):
                (terminal.config.run / NONCE).unlink(missing_ok=True)

    def challenge(self, _: Mapping[str, Any]) -> Reply:
        """Give what is to be read out; raises ConfigError or SafetyRefusal when no code would open anything."""
        self._ready()
        challenge, moment = self._challenge(), self._moment()
        wait = self._tries().wait(moment.boot, moment.now)
        return {
            "ok": True, "site": challenge.site, "terminal": challenge.terminal, "challenge": challenge.code,
            "counter": challenge.counter, "minutes": moment.longest, "wait": math.ceil(wait),
        }  # fmt: skip

    def use(self, request: Mapping[str, Any]) -> Reply:
        """Judge a code (`code`) with the two who gave it (`people`), and open what it allows.

        Raises ConfigError, SafetyRefusal, UsageError, and StorageFailed when the disk takes no record: then nothing was
        tried.
        """
        secret = self._ready()
        code, people = _code(request), _people(request)
        challenge, moment = self._challenge(), self._moment()
        outcome = try_code(secret, challenge, code, people, self._tries(), moment)
        if outcome.permit is None:
            self._refuse(challenge, outcome)
            return _refused(outcome)
        leases = rescue_leases(outcome.permit, moment)
        told = rescue_event(challenge, outcome) | {"leases": [each.jti for each in leases]}
        seq = self._judged(challenge, outcome, told, leases)
        self._terminal.look()
        minutes, uses = outcome.permit.minutes, sorted(use.value for use in outcome.permit.uses)
        return {
            "ok": True, "uses": uses, "minutes": minutes, "leases": told["leases"], "seq": seq, "fails": told["fails"],
        }  # fmt: skip

    def _ready(self) -> RescueSecret:
        """Give the secret, when a code may open something now."""
        secret = read_secret(self._terminal.config.rescue_key)
        spool = self._terminal.spool
        if spool.state.lost:
            raise SafetyRefusal(
                t("this terminal's memory was lost or rolled back: no rescue code counts until the controller knows"),
                next_step=t("connect the terminal to its controller, or hand it the events that wait"),
            )
        if not spool.has_room():
            raise SafetyRefusal(
                t("there is no room to record what a lease does, so none is opened"),
                next_step=t("connect the terminal to its controller, and free space on its disk"),
            )
        return secret

    def _refuse(self, challenge: Challenge, outcome: RescueOutcome) -> None:
        """Tell of a refusal; what costs no try can come as often as somebody types, and is told now and then."""
        told = rescue_event(challenge, outcome)
        if outcome.refusal is RescueRefusal.TYPO or outcome.refusal is RescueRefusal.WAIT:
            held = self._quiet.ask(outcome.refusal.value, self._terminal.moment.boottime)
            if held is not None:
                data = told | ({"held_back": held} if held else {})
                self._terminal.spool.append("rescue.refused", cast("Data", data), self._terminal.moment)
            return
        self._judged(challenge, outcome, told, ())

    def _judged(
        self, challenge: Challenge, outcome: RescueOutcome, told: Mapping[str, object], leases: tuple[Lease, ...]
    ) -> int:
        """Make the judgement durable, with its event and its leases, in one commit; gives the event's number."""
        moment, tries = self._terminal.moment, outcome.tries

        def change(state: AgentState) -> AgentState:
            wrong = outcome.refusal is RescueRefusal.WRONG
            # The challenge names the code: should the counter ever fall, a code of before is refused here too.
            after = state.rescue_refused(moment) if wrong else state.rescued(challenge.code, moment)
            return replace(
                after,
                rescue_failed=tries.wrong,
                rescue_boot=tries.boot,
                rescue_until_ms=math.ceil(tries.until * 1000),
                rescue_counter=outcome.counter,
                leases=(*after.leases, *leases),
            )

        kind = "rescue.refused" if outcome.permit is None else "rescue.used"
        (event,) = self._terminal.spool.commit(moment, [(kind, cast("Data", told))], change)
        assert event is not None  # has_room left space
        return event.seq

    def _tries(self) -> Tries:
        state = self._terminal.spool.state
        return Tries(state.rescue_failed, state.rescue_boot, state.rescue_until_ms / 1000)

    def _moment(self) -> Moment:
        terminal = self._terminal
        # No lease here is longer than the terminal's own limit, whoever allows it.
        longest = max(1, min(LONGEST_MINUTES, terminal.config.longest_lease // 60))
        return Moment(terminal.clock.boot, terminal.moment.boottime, longest)

    def _challenge(self) -> Challenge:
        config = self._terminal.config
        return Challenge(config.site, config.terminal, self._nonce(), self._terminal.spool.state.rescue_counter)

    def _nonce(self) -> bytes:
        """Give this boot's nonce; raises StorageFailed when a new one cannot be kept."""
        path, boot = self._terminal.config.run / NONCE, self._terminal.clock.boot
        with suppress(OSError, ValueError):
            owner, _, text = path.read_text("ascii").strip().partition(" ")
            nonce = bytes.fromhex(text)
            if owner == boot and len(nonce) == NONCE_BYTES:
                return nonce
        nonce = secrets.token_bytes(NONCE_BYTES)
        replace_file(path, f"{boot} {nonce.hex()}\n".encode("ascii"))
        return nonce


def read_secret(path: Path) -> RescueSecret:
    """Read the terminal's rescue secret; raises ConfigError when there is none, or others could read it."""
    try:
        # O_NONBLOCK: a FIFO in the file's place must not hold the gate's loop.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise ConfigError(
            t("rescue codes are not set up on this terminal"),
            where=str(path),
            next_step=t("put the file there that 'portseal terminal rescue-key' makes; it is root's, mode 600"),
        ) from None
    except OSError as error:
        raise ConfigError(
            t("the rescue secret cannot be read ({cause})", cause=error.strerror or ""),
            where=str(path),
            next_step=t("make the file root's, mode 600"),
        ) from None
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode) or facts.st_mode & 0o077:
            raise ConfigError(
                t("others may read the rescue secret, or it is not a file"),
                where=str(path),
                next_step=t("make another one with 'portseal terminal rescue-key', and keep it root's, mode 600"),
            )
        with suppress(OSError, ValueError):
            key = bytes.fromhex(os.read(handle, _LARGEST).decode("ascii").strip())
            if len(key) == SECRET_BYTES:
                return RescueSecret(key)
    finally:
        os.close(handle)
    raise ConfigError(
        t("this file holds no rescue secret"),
        where=str(path),
        next_step=t("copy it again from the controller: 64 hex digits in one line"),
    )


_NEXT: Mapping[RescueRefusal, Text] = {
    RescueRefusal.TYPO: t("read it out again, group by group"),
    RescueRefusal.WAIT: t("type the code again then; it stays right"),
    RescueRefusal.WRONG: t("compare the challenge ('portseal-agent rescue') and the names of both people"),
    RescueRefusal.TOO_LONG: t("ask for fewer minutes, with the new challenge: 'portseal-agent rescue'"),
}


def _refused(outcome: RescueOutcome) -> Reply:
    assert outcome.refusal is not None
    assert outcome.reason is not None
    kind: type[PortsealError] = UsageError if outcome.refusal is RescueRefusal.TYPO else SafetyRefusal
    error = kind(outcome.reason, next_step=_NEXT[outcome.refusal])
    return {
        "ok": False, "code": outcome.refusal.value, "exit_code": error.exit_code,
        "error": {language: error.line(language) for language in LANGUAGES},
    }  # fmt: skip


def _code(request: Mapping[str, Any]) -> str:
    code = request.get("code")
    if not isinstance(code, str) or not code.strip():
        raise UsageError(t("no rescue code was given"), next_step=t("type the code that was read out"))
    return code


def _people(request: Mapping[str, Any]) -> tuple[str, str]:
    """Give both; what is no name of a person costs no try."""
    given = request.get("people")
    if isinstance(given, list) and len(given) == 2:
        first, second = given
        if _is_name(first) and _is_name(second):
            return first, second
    raise UsageError(
        t("a rescue names the two people who gave the code"),
        next_step=t("add --person A --person B, as at the controller"),
    )


def _is_name(value: object) -> bool:
    # A lone surrogate, which no event can hold, is not printable either.
    return isinstance(value, str) and 0 < len(value.strip()) <= LONGEST_PERSON and value.isprintable()
