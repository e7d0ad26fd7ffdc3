"""Clause 7.2d on one terminal: how our own probes are known, and what a proof says of the terminal's ways out. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from policies.messages.proof import GuardState, Probed, ProbeKind, Proof, Role
from policies.model import Verdict
from policies.texts import Text, t

#: The mark (fwmark) of packets that our probes send; the guard drops them without counting them as attempts.
PROBE_MARK = 0x70736C
#: Their differentiated services code point, by which a watch on the wire knows them: of RFC 2474's pool 2, which is for
#: local use. It says whose they may be and proves nothing: a watch ignores them only towards a declared target.
PROBE_DSCP = 0b101011
#: The kinds of canaries that a proof needs.
NEEDED = (ProbeKind.ICMP, ProbeKind.TCP, ProbeKind.UDP, ProbeKind.DNS)

Wrong = tuple[Verdict, Text]

_GUARD: dict[GuardState, Wrong] = {
    GuardState.ABSENT: (Verdict.FAIL, t("the guard's rules are not in force")),
    GuardState.DENIES_ALL: (
        Verdict.UNVERIFIED,
        t("the guard's file is damaged, so it denies everything and nothing inside can be reached"),
    ),
}
#: Kinds of interfaces that must not even be there, in words.
_LINKS: dict[str, Text] = {
    "modem": t("a mobile modem is there: {what}"),
    "tether": t("a network over USB (a phone's tethering) is there: {what}"),
    "ppp": t("a dialled connection is up: {what}"),
    "tunnel": t("a tunnel is up: {what}"),
    "bluetooth": t("a network over Bluetooth is there: {what}"),
    "wifi": t("Wi-Fi is on: {what}"),
    "foreign": t("an interface has an address outside the site's networks: {what}"),
}


def judge_proof(proof: Proof) -> list[Wrong]:
    """Say everything that is wrong with a terminal's ways out; nothing: no way out was found, and the probes worked."""
    return [*_guarded(proof), *_seen(proof), *_probed(proof), *_blind(proof)]


def _guarded(proof: Proof) -> Iterator[Wrong]:
    if proof.guard in _GUARD:
        yield _GUARD[proof.guard]


def _seen(proof: Proof) -> Iterator[Wrong]:
    for what in proof.routes:
        yield Verdict.FAIL, t("a route leads outside: {what}", what=what)
    for what in proof.links:
        yield _link(what)
    for what in proof.modems:
        yield Verdict.FAIL, t("a mobile modem is there: {what}", what=what)
    for what in proof.resolvers:
        yield Verdict.FAIL, t("a name server is outside the site's networks: {what}", what=what)
    for what in proof.proxies:
        yield Verdict.FAIL, t("a proxy is set: {what}", what=what)
    for what in proof.sockets:
        yield Verdict.FAIL, t("a connection leads outside: {what}", what=what)


def _link(what: str) -> Wrong:
    kind, _, state = what.partition(" ")[2].partition(" ")
    if (kind, state) == ("wifi", "down"):
        return Verdict.MANUAL, t(
            "there is Wi-Fi, which is off; a person must confirm that it stays so: {what}", what=what
        )
    text = _LINKS.get(kind, t("an interface leads outside: {what}"))
    return Verdict.FAIL, Text(text.message, (("what", what),))


def _probed(proof: Proof) -> Iterator[Wrong]:
    canaries = proof.of(Role.CANARY)
    for each in canaries:
        if each.reached:
            said = t("the outside was reached: {kind} {target} was answered", kind=each.kind, target=each.target)
            yield Verdict.FAIL, said
    missing = [each.value for each in NEEDED if all(probe.kind is not each for probe in canaries)]
    if all(each.family != 6 for each in canaries):
        missing.append("ipv6")
    if missing:
        yield Verdict.UNVERIFIED, t("no canary is declared for {kinds}", kinds=", ".join(missing))
    without = sorted({_named(each, proof) for each in canaries if not each.reached and not _controlled(each, proof)})
    if without:
        kinds = ", ".join(without)
        yield (
            Verdict.UNVERIFIED,
            t("no control inside the site answered for {kinds}: a failed canary proves nothing", kinds=kinds),
        )


def _controlled(canary: Probed, proof: Proof) -> bool:
    """Tell whether the same kind of probe, in the same round, reached something inside the site.

    The packets of dns are those of udp. A resolver that was asked for a name has answered, or was never asked. A site
    without IPv6 has nothing inside that could answer over it.
    """
    if canary.kind is ProbeKind.NAME:
        return True
    wanted = {ProbeKind.UDP, ProbeKind.DNS} if canary.kind in (ProbeKind.UDP, ProbeKind.DNS) else {canary.kind}
    same = [each for each in proof.of(Role.CONTROL) if each.kind in wanted and each.reached]
    return any(each.family == canary.family for each in same) if _has(proof, canary.family) else bool(same)


def _has(proof: Proof, family: int) -> bool:
    return any((":" in network) == (family == 6) for network in proof.networks)


def _named(canary: Probed, proof: Proof) -> str:
    return f"{canary.kind}/IPv{canary.family}" if _has(proof, canary.family) else canary.kind.value


def _blind(proof: Proof) -> Iterator[Wrong]:
    for what in proof.unseen:
        yield Verdict.UNVERIFIED, t("it could not be looked at: {what}", what=what)
    if proof.left_out:
        yield Verdict.UNVERIFIED, t("{count} more things found no room in the proof", count=proof.left_out)
