"""What can be said of a declared reader without hearing it: what proves its swipes, its card rule, and what to mind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from drivers.cards import find_format
from policies.cards import CardRule, Digits, Order, Wiegand
from policies.cards.rights import Reader, Trust
from policies.site import BrokerMode, Site
from policies.texts import Text, t

#: What proves that a swipe is the reader's, in words; "" for nothing.
PROOFS: dict[str, Text] = {
    "signature": t("a signature (Ed25519) in every message"),
    "hmac": t("an HMAC in every message"),
    "certificate": t("its certificate at the broker"),
    "": t("nothing: whoever can send in its place can name any card"),
}
_DIGITS: dict[Digits, Text] = {
    Digits.HEX: t("in hex, two digits for each byte"),
    Digits.HEX_NUMBER: t("as one hex number"),
    Digits.HEX_UNPADDED: t("in hex, the zero in front of a byte dropped"),
    Digits.DECIMAL: t("as one decimal number"),
    Digits.FACILITY: t("as facility code and number in decimal"),
}
#: Formats in which a code that somebody types can look like a card.
_TYPED = frozenset({"zigbee2mqtt", "uhppoted", "esp-rfid"})


@dataclass(frozen=True, slots=True)
class Mind:
    """Something to mind: a code for machines, and the sentence."""

    code: str
    what: Text


def proof_of(site: Site, reader: Reader) -> str:
    """Name what proves this reader's swipes: a key of PROOFS."""
    if reader.public_key:
        return "signature"
    if reader.secret is not None:
        return "hmac"
    return "certificate" if reader.native and site.broker.mode is BrokerMode.MANAGED else ""


def rule_words(rule: CardRule) -> tuple[Text, ...]:
    """Say a card rule in plain words: what the cards have, how they are written, and what is done with that."""
    first = t("UIDs of {count} bytes", count=rule.size)
    if isinstance(rule.length, Wiegand):
        first = t(
            "Wiegand numbers of {bits} bits ({count} bytes without parity)", bits=rule.length.bits, count=rule.size
        )
    words = [first, _DIGITS[rule.digits]]
    if rule.order is Order.REVERSED:
        words.append(t("the last byte first"))
    if rule.parity:
        words.append(t("with both parity bits, which are checked"))
    if rule.facility is not None:
        words.append(t("all with facility code {code}", code=rule.facility))
    return tuple(words)


def warnings_of(site: Site, reader: Reader) -> tuple[Mind, ...]:
    """Give what to mind, the gravest first."""
    return tuple(Mind(code, what) for code, what in (*_cards(site, reader), *_trust(site, reader)))


def _cards(site: Site, reader: Reader) -> Iterator[tuple[str, Text]]:
    if reader.rule.size != site.authority.size:
        yield "length", t(
            "its numbers have {mine} bytes, those of the list {theirs}: no card of the list is ever found here",
            mine=reader.rule.size, theirs=site.authority.size,
        )  # fmt: skip
    if reader.rule.digits is Digits.HEX_UNPADDED:
        yield "unpadded", t("it drops zeros inside a number: about a quarter of 4-byte cards are refused here")
    if reader.format in _TYPED:
        yield "typed", t("a code typed at a keypad can look like a card: let it read cards only")


def _trust(site: Site, reader: Reader) -> Iterator[tuple[str, Text]]:
    form, proof = find_format(reader.format), proof_of(site, reader)
    if reader.trust is Trust.AUTHENTICATED and not proof:
        yield "unproven", t("the broker is not Portseal's own: without a public key its swipes prove nothing")
    elif reader.trust is not Trust.AUTHENTICATED:
        yield "alone", t("alone it never opens storage")
        if proof:
            yield "distrusted", t('its swipes are proven, and the site does not count that: trust = "authenticated"')
    if not (form.dated or form.numbered):
        yield "replay", t("its messages have neither time nor number: a replay cannot be told from a swipe")
    if reader.login and reader.topics:
        yield "clear", t("its password and card numbers go over the network in clear")
    if reader.webhook_name and not reader.login:
        yield "open", t("whoever reaches the door can send swipes in its place: give it a login")
