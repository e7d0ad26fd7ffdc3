"""The password file of mosquitto's listener for card readers, in the form of mosquitto_passwd: hashes, no password.

A line is `NAME:$7$ITERATIONS$SALT$HASH`: PBKDF2 (RFC 8018) with SHA-512, salt of 12 and hash of 64 bytes in base64.
Read in mosquitto's source code (lib/password_mosq.c, src/security_default.c) and tried against its 2.0.11.
"""

from __future__ import annotations

import hashlib
import os
from base64 import b64encode
from collections.abc import Callable, Mapping

from controller.secrets.value import Secret
from policies.errors import ConfigError
from policies.texts import t

#: As many as mosquitto_passwd takes. The broker computes them for every attempt in its only thread: with many more, a
#: stranger who tries passwords would delay everybody's messages.
ITERATIONS = 101
_SALT, _HASH = 12, 64
#: Bytes of the longest password that MQTT carries with ease; mosquitto takes 65,535.
_LONGEST = 512


def password_file(passwords: Mapping[str, Secret], salt: Callable[[int], bytes] = os.urandom) -> str:
    """Write the file for login → password, sorted; raises ConfigError for one that cannot stand there.

    `salt` gives random bytes.
    """
    return "".join(f"{login}:{_hashed(login, word, salt(_SALT))}\n" for login, word in sorted(passwords.items()))


def _hashed(login: str, password: Secret, salt: bytes) -> str:
    word = password.reveal().encode("utf-8")
    if ":" in login or not login.isprintable() or not 0 < len(word) <= _LONGEST:
        raise ConfigError(
            t("the login {login} or its password cannot be used on the broker", login=login[:64]),
            next_step=t("write a password of 8 to {count} bytes", count=_LONGEST),
        )
    found = hashlib.pbkdf2_hmac("sha512", word, salt, ITERATIONS, _HASH)
    return f"$7${ITERATIONS}${b64encode(salt).decode()}${b64encode(found).decode()}"
