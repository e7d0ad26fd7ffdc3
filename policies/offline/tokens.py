"""What travels: a set, and the permits that belong to it: JWTs by the site's grant key, on the topic of grants.

A set takes the place of every one before it, and of all their permits: so an empty one withdraws everything. Permits
count for one terminal, one boot of it and one set, each once, and a card's permits are used up together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from policies import jwt
from policies.cards.number import CardLength, CardRule, Digits, Order, read_length
from policies.errors import ConfigError, InputError
from policies.grants import scope_members, take_scope
from policies.messages import fields
from policies.notes import Signer, Verifier
from policies.offline.rule import MOST_CARDS, MOST_LEASE_MINUTES, MOST_VALID_MINUTES
from policies.texts import t
from policies.usb import Scope

#: The types of the two tokens (explicit typing, RFC 8725, section 3.11).
SET_TYPE, PERMIT_TYPE = "portseal-offline-set+jwt", "portseal-offline+jwt"
#: A card has a permit for each purpose.
MOST_PERMITS = 3 * MOST_CARDS
#: Seconds for which an answer of the operator may be waited for (`swipe_answer_s`).
LEAST_ANSWER, MOST_ANSWER = 10, 300

_SET = frozenset({"iss", "aud", "iat", "boot", "set", "permits", "key", "rule", "answer"})
_PERMIT = frozenset(
    {"iss", "aud", "sub", "jti", "iat", "valid", "boot", "set", "bearer", "second", "seconds", "verifier", "scope"}
)
_RULE = frozenset({"length", "digits", "order", "parity"})
_LENGTH, _WORD = re.compile(r"[0-9a-z-]{1,16}"), re.compile(r"[a-z-]{1,16}")
_HEX = re.compile(r"[0-9a-f]{64}")
_BEARER = re.compile(rf"|{fields.ID.pattern}")


@dataclass(frozen=True, slots=True)
class OfflineSet:
    """What counts from now on at terminal `aud` of site `iss`, on its boot `boot`: set number `set`, of `permits`.

    `set` rises. `key` is the terminal's key for tags, `rule` how its reader writes numbers, `answer` the seconds for
    which a purpose, and a second person, are waited for. `iat` is in whole seconds since 1970.
    """

    iss: str
    aud: str
    iat: int
    boot: str
    set: int
    permits: int
    key: bytes = field(repr=False)
    rule: CardRule
    answer: int


@dataclass(frozen=True, slots=True)
class Permit:
    """That card `sub` may open terminal `aud`, once, within `valid` seconds from `iat`, for `seconds`.

    `bearer` is the holder's pseudonym ("": not known), `second` whether another person's card is needed too. `verifier`
    stands for the card's number (:mod:`policies.offline.verifier`).
    """

    iss: str
    aud: str
    sub: str
    jti: str
    iat: int
    valid: int
    boot: str
    set: int
    bearer: str
    second: bool
    seconds: int
    verifier: bytes = field(repr=False)
    scope: Scope

    @property
    def exp(self) -> int:
        """The end of it by the wall clock, in seconds since 1970."""
        return self.iat + self.valid


def is_set(token: bytes) -> bool:
    """Tell whether a token says that it is a set; it proves nothing."""
    return jwt.says(token, SET_TYPE)


def is_permit(token: bytes) -> bool:
    """Tell whether a token says that it is a permit; it proves nothing."""
    return jwt.says(token, PERMIT_TYPE)


def sign_set(made: OfflineSet, key: Signer) -> str:
    """Give the set as a signed token; raises InputError for what no terminal would read."""
    payload = fields.encoded(
        {"iss": made.iss, "aud": made.aud, "iat": made.iat, "boot": made.boot, "set": made.set, "permits": made.permits,
         "key": made.key.hex(), "rule": _rule_members(made.rule), "answer": made.answer}
    )  # fmt: skip
    _set(payload)
    return jwt.seal(payload, SET_TYPE, key)


def read_set(token: bytes, key: Verifier) -> OfflineSet:
    """Read a set that `key` signed; raises InputError, and nothing else, for any other bytes."""
    return _set(jwt.unseal(token, SET_TYPE, key))


def sign_permit(permit: Permit, key: Signer) -> str:
    """Give the permit as a signed token; raises InputError for what no terminal would read."""
    payload = fields.encoded(
        {"iss": permit.iss, "aud": permit.aud, "sub": permit.sub, "jti": permit.jti, "iat": permit.iat,
         "valid": permit.valid, "boot": permit.boot, "set": permit.set, "bearer": permit.bearer,
         "second": permit.second, "seconds": permit.seconds, "verifier": permit.verifier.hex(),
         "scope": scope_members(permit.scope)}
    )  # fmt: skip
    _permit(payload)
    return jwt.seal(payload, PERMIT_TYPE, key)


def read_permit(token: bytes, key: Verifier) -> Permit:
    """Read a permit that `key` signed; raises InputError, and nothing else, for any other bytes."""
    return _permit(jwt.unseal(token, PERMIT_TYPE, key))


def _set(payload: bytes) -> OfflineSet:
    members = fields.document(payload, _SET)
    return OfflineSet(
        iss=fields.name(members, "iss"),
        aud=fields.name(members, "aud"),
        iat=fields.second(members, "iat"),
        boot=fields.text(members, "boot", fields.BOOT),
        set=fields.whole(members, "set", 1),
        permits=fields.whole(members, "permits", 0, MOST_PERMITS),
        key=bytes.fromhex(fields.text(members, "key", _HEX)),
        rule=_rule(members["rule"]),
        answer=fields.whole(members, "answer", LEAST_ANSWER, MOST_ANSWER),
    )


def _permit(payload: bytes) -> Permit:
    members = fields.document(payload, _PERMIT)
    return Permit(
        iss=fields.name(members, "iss"),
        aud=fields.name(members, "aud"),
        sub=fields.text(members, "sub", fields.ID),
        jti=fields.text(members, "jti", fields.ID),
        iat=fields.second(members, "iat"),
        valid=fields.whole(members, "valid", 1, MOST_VALID_MINUTES * 60),
        boot=fields.text(members, "boot", fields.BOOT),
        set=fields.whole(members, "set", 1),
        bearer=fields.text(members, "bearer", _BEARER),
        second=fields.flag(members, "second"),
        seconds=fields.whole(members, "seconds", 1, MOST_LEASE_MINUTES * 60),
        verifier=bytes.fromhex(fields.text(members, "verifier", _HEX)),
        scope=take_scope(members["scope"]),
    )


def _rule_members(rule: CardRule) -> fields.Members:
    members: fields.Members = {
        "length": str(rule.length), "digits": rule.digits, "order": rule.order, "parity": rule.parity,
    }  # fmt: skip
    return members if rule.facility is None else members | {"facility": rule.facility}


def _length(text: str) -> CardLength:
    """Take a length in its one spelling."""
    length = read_length(text)
    if str(length) != text:
        raise ValueError
    return length


def _rule(value: object) -> CardRule:
    members = fields.exact(value, "rule", _RULE, frozenset({"facility"}))
    try:
        return CardRule(
            length=_length(fields.text(members, "length", _LENGTH)),
            digits=Digits(fields.text(members, "digits", _WORD)),
            order=Order(fields.text(members, "order", _WORD)),
            parity=fields.flag(members, "parity"),
            facility=fields.whole(members, "facility", 0, 65_535) if "facility" in members else None,
        )
    except (ConfigError, InputError, ValueError):
        raise InputError(t("the member has a type or a value that cannot be"), where="rule") from None
