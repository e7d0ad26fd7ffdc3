"""What must never get into an entry: secrets, and names or numbers of people and their cards.

An entry cannot be erased, so what may have to be erased (or must not be read by an auditor) stays out: the entry holds
a pseudonym and a salted commitment, the rest is in a table of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from policies.errors import SafetyRefusal
from policies.texts import t

#: Parts of a key that give a secret or personal data away, compared without case, spaces and punctuation.
_PARTS = (
    "password", "passwd", "passphrase", "secret", "community", "privatekey", "apikey", "credential", "authkey",
    "privkey", "cardnumber", "cardno", "carduid", "cardid", "rawuid", "holdername", "fullname", "realname", "idcard",
    "idnumber", "phone", "telephone", "mobile", "email", "birth", "facetemplate",
    "密码", "口令", "密钥", "团体字", "卡号", "姓名", "身份证", "手机", "电话",
)  # fmt: skip
_WHOLE = frozenset({"token", "pin", "psk", "uid", "cookie", "holder", "person"})
_PLAIN = re.compile(r"[\W_]+")
_PEM = "PRIVATE KEY-----"


def check(data: object, path: str = "data") -> None:
    """Refuse data that holds a key named like a secret or personal data, or a private key; raises SafetyRefusal."""
    kind = type(data)
    if kind is str:
        if _PEM in data:  # type: ignore[operator]
            raise _refusal(path)
    elif kind is int or kind is bool or data is None:
        return
    elif isinstance(data, Mapping):
        for key, value in data.items():
            if _gives_away(key if type(key) is str else str(key)):
                raise _refusal(f"{path}.{str(key)[:40]}")
            check(value, f"{path}.{key}")
    elif isinstance(data, (list, tuple)):
        for item in data:
            check(item, path)
    elif isinstance(data, str) and _PEM in data:
        raise _refusal(path)


@lru_cache(maxsize=1024)
def _gives_away(key: str) -> bool:
    plain = _PLAIN.sub("", key).casefold()
    return plain in _WHOLE or any(part in plain for part in _PARTS)


def _refusal(where: str) -> SafetyRefusal:
    return SafetyRefusal(
        t("an entry of the ledger never holds secrets or personal data"),
        where=where,
        next_step=t("record a pseudonym or a salted commitment instead"),
    )
