"""What the running agent does when it is asked: grants and revocations, status, bindings, and the events' way out.

A request is an object with the member `do`; an answer has `ok`, and when that is false `code` and `error`. The broker's
messages come here too: what they may do is the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from agent.display.notices import Notices, is_notice
from agent.display.requests import Outlet, Requests
from agent.link.broker import Order
from agent.offline.desk import Offline
from agent.rescue import Rescue
from agent.terminal import Ended, Terminal
from agent.usb import bindings as files
from agent.usb.events import Quiet, described
from agent.usb.gate import is_live, remaining, take_over
from agent.usb.leases import lease_of
from policies import grants, jwt
from policies.codec import to_plain
from policies.errors import InputError, PortsealError, StorageFailed, UsageError
from policies.messages import ack
from policies.messages.lock import parse_state
from policies.messages.topics import Kind
from policies.offline.judge import REFUSED as NOT_TAKEN
from policies.offline.tokens import is_permit, is_set
from policies.texts import LANGUAGES, Text, render, t
from policies.usb import Decision, Scope, UsbBinding, UsbDevice, UsbRole

_log = logging.getLogger("portseal.agent")

#: Events given in one answer, at most.
MOST_EVENTS = 500
#: Leases that may be open at one time.
MOST_LEASES = 16
#: The verbs of an operator: to see, to ask the controller, and to lock. Nothing here opens anything.
OPERATOR = frozenset({"status", "request", "relock"})
#: Grants that are not followed and that say nothing to the operator: of others, and repetitions.
_UNTOLD = frozenset({"site", "terminal", "used"})

Request = Mapping[str, Any]
Reply = dict[str, Any]


class Answers:
    """Answers for one terminal; after everything that may change what is open it looks."""

    def __init__(
        self, terminal: Terminal, outlet: Outlet | None = None, send: Callable[[], None] = lambda: None
    ) -> None:  # fmt: skip
        self._terminal, self._send = terminal, send
        self._quiet = Quiet()
        self._notices = Notices(terminal.config)
        self._requests = Requests(terminal, outlet)
        connected = None if outlet is None else lambda: outlet.connected
        self._offline = Offline(terminal, self._notices, connected, send)
        rescue = Rescue(terminal)
        self._verbs: dict[object, Callable[[Request], Reply]] = {
            "status": self._status,
            "grant": self._grant,
            "revoke": self._revoke,
            "relock": self._relock,
            "request": self._request,
            "present": self._offline.present,
            "devices": self._devices,
            "census": self._census,
            "bind": self._bind,
            "unbind": self._unbind,
            "events": self._events,
            "ack": self._ack,
            "lock": self._lock,
            "challenge": rescue.challenge,
            "rescue": rescue.use,
        }

    def answer(self, request: Request) -> Reply:
        """Do what is asked; every refusal and failure is an answer, never an exception."""
        try:
            # Inside: a list or an object for a verb cannot even be looked up.
            return self._verbs.get(request.get("do"), _unknown)(request)
        except PortsealError as error:
            return {"ok": False, "code": "failed", "exit_code": error.exit_code, "error": _said(error)}
        except Exception:  # noqa: BLE001 - a mistake of ours in one request must not take the gate's loop down with it
            _log.exception("a request failed")
            return {"ok": False, "code": "failed", "exit_code": 3, "error": dict.fromkeys(LANGUAGES, "internal error")}

    def operator(self, request: Request) -> Reply:
        """Do what an operator asks: what :data:`OPERATOR` names, and nothing else."""
        do = request.get("do")
        if isinstance(do, str) and do in OPERATOR:
            return self.answer(request)
        return {"ok": False, "code": "refused", "exit_code": 4, "error": _both(t("that is for root alone"))}

    def forget(self) -> None:
        """Drop what the operator has been told and need not know any more; called at every tick."""
        open_leases = [each.jti for each in self._terminal.spool.state.leases]
        self._notices.forget(open_leases, self._terminal.moment.boottime)
        self._offline.tick()

    def obey(self, order: Order) -> None:
        """Do what came over the broker. What is retained there is a replay of something old, and is refused."""
        text = order.payload.decode("utf-8", "replace")
        if order.kind is Kind.EVENT_ACK:
            with suppress(InputError, StorageFailed):
                self._acked(ack.read(order.payload, self._terminal.config.grant_key))
        elif order.kind is Kind.LOCK_STATE:
            self.answer({"do": "lock", "report": text})
        elif order.kind is Kind.REVOKE:
            self.answer({"do": "revoke", "token": text})
        elif is_notice(order.payload):
            self._noticed(order)
        elif order.retained:
            self._refused("retained", t("the grant was kept by the broker: it is a replay"), None)
        elif is_set(order.payload) or is_permit(order.payload):
            self._in_advance(order.payload)
        else:
            self.answer({"do": "grant", "token": text})

    def _in_advance(self, token: bytes) -> None:
        """Keep what the controller signs for hours without a connection; what is not taken is told as a grant is."""
        try:
            code = self._offline.hear(token)
        except jwt.TokenRefused as refused:
            self._refused(refused.code, refused.what, None)
        except (InputError, StorageFailed) as error:
            _log.warning("what was signed in advance cannot be kept: %s", error)
        else:
            if code:
                self._refused(code, NOT_TAKEN[code], None)

    def _request(self, request: Request) -> Reply:
        """Take what the operator asks: to the controller, or, while nobody can be asked, a purpose for what is kept."""
        chosen = None if request.get("extend") is not None else self._offline.choose(request.get("purpose"))
        return self._requests.ask(request) if chosen is None else chosen

    def _noticed(self, order: Order) -> None:
        """Keep a notice for the operator; one that the site did not sign is told as any other forgery here is."""
        if order.retained:
            return
        try:
            self._notices.hear(order.payload, self._terminal.moment)
        except jwt.TokenRefused as refused:
            self._refused(refused.code, refused.what, None)
        except InputError as error:
            _log.warning("a notice of the controller cannot be read: %s", error)

    def _acked(self, told: ack.Ack) -> None:
        """Let go of what the controller has; when it has what we do not, our memory was rolled back: go on after it."""
        terminal = self._terminal
        if (told.iss, told.aud) != (terminal.config.site, terminal.config.terminal):
            return
        if terminal.spool.rolled_back_by(told.seq, told.digest):
            terminal.spool.rebase(told.seq, told.digest, terminal.moment)
        else:
            terminal.spool.ack(told.seq, told.digest, terminal.moment)

    def _grant(self, request: Request) -> Reply:
        """Follow a grant, or say why not; both are events, and the acceptance is durable before anything opens."""
        terminal, spool = self._terminal, self._terminal.spool
        moment = terminal.moment
        try:
            grant = grants.read(_text(request, "token").encode(), terminal.config.grant_key)
        except grants.GrantRefused as refused:
            return self._refused(refused.code, refused.what, None)
        standing = spool.state.standing(
            terminal.config.site, spool.nonce.value, terminal.config.longest_lease, terminal.config.skew
        )
        verdict = grants.judge(grant, standing, moment)
        if not verdict.accepted:
            if verdict.code not in _UNTOLD:
                self._notices.refused(verdict.code, verdict.reason, moment)
            return self._refused(verdict.code, verdict.reason, grant)
        if len(spool.state.leases) >= MOST_LEASES:
            return self._refused("too_many", t("as many leases are open as this terminal allows"), grant)
        live = [each for each in spool.state.leases if is_live(each, moment.boottime, terminal.clock.boot)]
        lease = take_over(lease_of(grant, moment.boottime, verdict.ends), live, terminal.view.decisions)
        data = {
            "lease": grant.jti, "card": grant.sub, "counter": grant.ctr, "seconds": round(lease.ends - lease.opened),
            **_scope(grant.scope),
        }  # fmt: skip
        event = spool.accept(grant, data, moment, lease)
        self._requests.opened(lease, tuple(live))
        self._send()  # it is durable: the controller need not wait until the kernel has let the device in
        terminal.look()
        return {"ok": True, "lease": grant.jti, "seq": event.seq, "seconds": round(lease.ends - lease.opened)}

    def _refused(self, code: str, reason: Text, grant: grants.Grant | None) -> Reply:
        data: dict[str, Any] = {"code": code, "reason": render(reason, "en")}
        if grant is not None:
            data |= {"lease": grant.jti, "card": grant.sub, "counter": grant.ctr}
        # What nobody of ours has signed can come as often as its sender likes; what is signed is told each time.
        held = 0 if grant is not None else self._quiet.ask(code, self._terminal.moment.boottime)
        if held is not None:
            self._terminal.spool.append(
                "lease.refused", data | ({"held_back": held} if held else {}), self._terminal.moment
            )
        return {"ok": False, "code": code, "exit_code": 4, "error": _both(reason)}

    def _revoke(self, request: Request) -> Reply:
        terminal = self._terminal
        try:
            revoke = grants.read_revoke(_text(request, "token").encode(), terminal.config.grant_key)
        except grants.GrantRefused as refused:
            return {"ok": False, "code": refused.code, "exit_code": 4, "error": _both(refused.what)}
        state = terminal.spool.state
        standing = state.standing(terminal.config.site, "", 0, 0)
        verdict = grants.judge_revoke(revoke, standing)
        if not verdict.accepted:
            return {"ok": False, "code": verdict.code, "exit_code": 4, "error": _both(verdict.reason)}
        ended = [each.jti for each in state.leases if revoke.ends(each.jti)]
        terminal.end(ended, "revoked")
        terminal.look()
        if revoke.ctr is not None and revoke.ctr > state.counter:
            counter = revoke.ctr
            terminal.spool.commit(terminal.moment, (), lambda now: now.raised(counter))
        return {"ok": True, "ended": ended}

    def _relock(self, _: Request) -> Reply:
        ended = [each.jti for each in self._terminal.spool.state.leases]
        self._terminal.end(ended, "relocked")
        self._terminal.look()
        return {"ok": True, "ended": ended}

    def _status(self, _: Request) -> Reply:
        terminal, view = self._terminal, self._terminal.view
        state, now = terminal.spool.state, terminal.moment.boottime
        leases = []
        for each in state.leases:
            left = remaining(each, now)
            leases.append(
                {"lease": each.jti, "card": each.card, "seconds": int(left.seconds), "devices": left.devices,
                 "purpose": each.scope.purpose, "allows": _both(left.limits), "total": round(each.ends - each.opened),
                 "who": self._notices.who(each.jti), "extendable": self._requests.extendable(each)}
            )  # fmt: skip
        return {
            "ok": True, "site": terminal.config.site, "terminal": terminal.config.terminal,
            "state": "open" if leases else "shut", "boot": state.boot, "boot_id": state.boot_id,
            "nonce": terminal.spool.nonce.value, "counter": state.counter, "seq": state.head.seq,
            "unacked": state.held, "leases": leases, "away": list(view.away), "fault": view.fault,
            "lock_level": terminal.locks.level(now).value,
            "locks": [{"lock": each.lock, "state": each.state.value} for each in terminal.locks.reports()],
            "devices": [_decided(each) for each in view.decisions],
            "broker": self._requests.broker, "notices": self._notices.shown(now),
            "request": self._requests.shown(now), "ended": _ended(terminal.ended, now),
            "offline": self._offline.shown(), "guard": terminal.guard.shown(now),
        }  # fmt: skip

    def _devices(self, _: Request) -> Reply:
        self._terminal.look()
        return {"ok": True, "devices": [_decided(each) for each in self._terminal.view.decisions]}

    def _census(self, _: Request) -> Reply:
        """Give what is bound and what leases hold open at this moment: what a census is compared with."""
        self._terminal.look()
        view = self._terminal.view
        leased = [each.device.appearance for each in view.decisions if each.lease and each.allowed]
        return {"ok": True, "bindings": to_plain(view.bindings), "leased": to_plain(leased)}

    def _bind(self, request: Request) -> Reply:
        """Bind what is plugged in at a port, given by the kernel's name or the port path, as it is now."""
        terminal = self._terminal
        where, name, role = (_text(request, member) for member in ("at", "name", "role"))
        if role not in set(UsbRole):
            raise UsageError(
                t("{role} is no role", role=role), next_step=t("write one of {roles}", roles=", ".join(UsbRole))
            )
        terminal.look()
        found = [each.device for each in terminal.view.decisions if where in (each.device.name, each.device.port)]
        if not found:
            raise InputError(
                t("no device is plugged in there"), where=where, next_step=t("see 'portseal-agent devices'")
            )
        device = found[0]
        peer = terminal.view.peers.get(device.port)
        ports = (device.port,) if peer is None else (device.port, peer)
        binding = UsbBinding(name, UsbRole(role), ports, device.identity)
        others = [each for each in terminal.view.bindings if each.name != name and not set(each.ports) & set(ports)]
        self._save((*others, binding))
        self._told("binding.added", device, name)
        return {"ok": True, "ports": list(ports)}

    def _unbind(self, request: Request) -> Reply:
        name, terminal = _text(request, "name"), self._terminal
        kept = tuple(each for each in terminal.view.bindings if each.name != name)
        if len(kept) == len(terminal.view.bindings):
            raise InputError(
                t("nothing is bound by this name"), where=name, next_step=t("see 'portseal-agent devices'")
            )
        self._save(kept)
        self._told("binding.removed", None, name)
        return {"ok": True}

    def _save(self, bindings: tuple[UsbBinding, ...]) -> None:
        files.save_bindings(self._terminal.config.bindings, bindings)

    def _told(self, kind: str, device: UsbDevice | None, name: str) -> None:
        data = {} if device is None else described(device)
        self._terminal.spool.append(kind, {**data, "binding": name}, self._terminal.moment)
        self._terminal.look()

    def _lock(self, request: Request) -> Reply:
        """Take a message of an anti-plug lock."""
        terminal = self._terminal
        heard = terminal.locks.hear(parse_state(_text(request, "report").encode()), terminal.moment.boottime)
        terminal.look()
        return {"ok": True, "heard": heard}

    def _events(self, request: Request) -> Reply:
        """Give waiting events beyond a number, in order, as the bytes that were signed."""
        after, limit = _number(request, "after", 0), min(_number(request, "limit", MOST_EVENTS), MOST_EVENTS)
        found = self._terminal.spool.unacked(after, limit)
        return {"ok": True, "events": [raw.decode() for _, raw in found], "unacked": self._terminal.spool.state.held}

    def _ack(self, request: Request) -> Reply:
        gone = self._terminal.spool.ack(_number(request, "seq", 0), _text(request, "digest"), self._terminal.moment)
        return {"ok": True, "acked": gone}


def _unknown(_: Request) -> Reply:
    raise UsageError(t("the agent does not know what is asked"))


def _ended(ended: Ended | None, now: float) -> Reply | None:
    if ended is None:
        return None
    return {"lease": ended.lease, "why": ended.why, "storage": ended.storage, "seconds": int(now - ended.at)}


def _decided(each: Decision) -> Reply:
    return {
        **described(each.device),
        "allowed": each.allowed,
        "code": each.code,
        "binding": each.binding,
        "lease": each.lease,
        "reason": _both(each.reason),
        "withheld": sorted(each.withheld),
    }


def _scope(scope: Scope) -> Reply:
    return {
        "ports": list(scope.ports), "classes": list(scope.classes), "devices": scope.devices, "purpose": scope.purpose,
        "once": scope.once, "read_only": scope.read_only,
    }  # fmt: skip


def _said(error: PortsealError) -> dict[str, str]:
    return {language: error.line(language) for language in LANGUAGES}


def _both(text: Text) -> dict[str, str]:
    return {language: render(text, language) for language in LANGUAGES}


def _text(request: Request, member: str) -> str:
    value = request.get(member)
    if not isinstance(value, str) or not value:
        raise UsageError(t("the request has no {member}", member=member))
    return value


def _number(request: Request, member: str, default: int) -> int:
    value = request.get(member, default)
    if type(value) is not int or value < 0:
        raise UsageError(t("the request has no {member}", member=member))
    return value
