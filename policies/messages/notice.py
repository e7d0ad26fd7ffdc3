"""What the controller answers a swipe with when it is no grant: why nothing opened, what it still needs, who opened it.

It comes on the terminal's topic for grants, as a JWT of its own type, `portseal-notice+jwt`, by the site's grant key,
and changes nothing: the terminal shows it, keeps it in memory only, and forgets it. It says codes, not sentences, so
that the operator reads them in the terminal's language (:mod:`policies.cards.reasons`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from policies import jwt
from policies.cards.reasons import NEXT, SENTENCES
from policies.cards.rights import Kind
from policies.errors import InputError
from policies.grants import PURPOSE, Purpose
from policies.messages import fields
from policies.notes import Signer, Verifier
from policies.texts import Text, t

#: The type of the token (explicit typing, RFC 8725, section 3.11): none can be taken for a grant.
NOTICE_TYPE = "portseal-notice+jwt"
#: Characters of the longest name that a terminal shows.
MAX_WHO = 64

_REQUIRED = frozenset({"iss", "aud", "iat", "id", "kind", "code"})
_OPTIONAL = frozenset({"because", "purposes", "jti", "who", "until"})
_KIND = re.compile("|".join(Kind))
_CODE = re.compile("|".join(SENTENCES))


@dataclass(frozen=True, slots=True)
class Notice:
    """One answer for terminal `aud` of site `iss`, at `iat` (seconds since 1970).

    `id` tells it from its repetition. `kind` and `code` are those of the decision (a key of SENTENCES), `because` what
    is wrong with the second card. `purposes` are those to choose from, until `until` (seconds since 1970; 0: nothing is
    waited for). `jti` is the grant that opened, and `who` the holder as the operator sees them: a masked name, personal
    data that no terminal writes down.
    """

    iss: str
    aud: str
    iat: int
    id: str
    kind: Kind
    code: str
    because: str = ""
    purposes: tuple[Purpose, ...] = ()
    until: int = 0
    jti: str = ""
    who: str = field(default="", repr=False)

    @property
    def reason(self) -> Text:
        """The sentence for the operator."""
        reason = SENTENCES[self.code]
        return replace(reason, values=(("reason", SENTENCES[self.because]),)) if self.because else reason

    @property
    def next_step(self) -> Text:
        """What helps, and whom to ask."""
        return NEXT[self.because or self.code]


def sign(notice: Notice, key: Signer) -> str:
    """Give the notice as a signed token; raises InputError for what no terminal would read."""
    members: fields.Members = {
        "iss": notice.iss, "aud": notice.aud, "iat": notice.iat, "id": notice.id, "kind": notice.kind,
        "code": notice.code,
    }  # fmt: skip
    given = {"because": notice.because, "purposes": notice.purposes, "jti": notice.jti, "who": notice.who,
             "until": notice.until}  # fmt: skip
    members |= {name: value for name, value in given.items() if value}
    payload = fields.encoded(members)
    _read(payload)
    return jwt.seal(payload, NOTICE_TYPE, key)


def read(token: bytes, key: Verifier) -> Notice:
    """Read a notice that `key` signed; raises InputError, and nothing else, for any other bytes."""
    return _read(jwt.unseal(token, NOTICE_TYPE, key))


def _read(payload: bytes) -> Notice:
    members = fields.document(payload, _REQUIRED, _OPTIONAL)
    purposes = fields.texts(members, "purposes", PURPOSE, len(Purpose)) if "purposes" in members else ()
    return Notice(
        iss=fields.name(members, "iss"),
        aud=fields.name(members, "aud"),
        iat=fields.second(members, "iat"),
        id=fields.text(members, "id", fields.ID),
        kind=Kind(fields.text(members, "kind", _KIND)),
        code=fields.text(members, "code", _CODE),
        because=fields.text(members, "because", _CODE) if "because" in members else "",
        purposes=tuple(Purpose(each) for each in purposes),
        until=fields.second(members, "until") if "until" in members else 0,
        jti=fields.text(members, "jti", fields.ID) if "jti" in members else "",
        who=_who(members["who"]) if "who" in members else "",
    )


def _who(value: object) -> str:
    """Take a name to show: printable, and short."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_WHO or not value.isprintable():
        raise InputError(t("the member has a type or a value that cannot be"), where="who")
    return value


def masked(name: str) -> str:
    """Give a holder's name as a terminal shows it: the first character, and stars for the others."""
    shown = "".join(character for character in name.strip() if character.isprintable())[:MAX_WHO]
    return shown[:1] + "*" * min(len(shown) - 1, 2) if shown else ""
