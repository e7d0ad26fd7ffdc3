"""A site with an export of the access-control system, and lists to import: what the tests of cards share."""

from __future__ import annotations

import os
import time
from pathlib import Path

from controller.broker.authority import broker_key
from controller.cards.pseudonyms import card_key
from controller.store import cards
from controller.store.open import open_store
from policies.cards.number import CardNumber
from tests.unit.cli_site import make_site

SITE = """
[site]
name = "demo"
[terminals.guard-1]
platform = "linux"
agent = true
place = "gate"
owner = "security office"
[terminals.guard-2]
platform = "linux"
agent = true
place = "office"
owner = "security office"
[authority]
digits = "dec"
length = 4
source = "export/cards.csv"
[profiles.office]
windows = ["mon-fri 08:00-18:00"]
"""
HEAD = "卡号,姓名,工号,状态,生效日期,失效日期,终端,用途,时段\n"
#: (number, name, row) of three people.
WANG = "77705923,王丽华,A01,正常,2026-01-01,2026-12-31,guard-1,案件调取,office\n"
LI = "81655381,李雷,A02,正常,,长期,全部,全部,\n"
ZHAO = "3735928559,赵敏,A03,挂失,,,guard-2,维护、其他,\n"
LIST = HEAD + WANG + LI + ZHAO
NUMBERS = (77705923, 81655381, 3735928559)
NAMES = ("王丽华", "李雷", "赵敏")


def card_site(folder: Path, text: str = SITE) -> Path:
    """Make a site folder with a place for the export."""
    made = make_site(folder, text)
    (made / "export").mkdir()
    return made


def exported(folder: Path, text: str, *, ago: float = 60) -> Path:
    """Write the export as its job would, `ago` seconds ago."""
    path = folder / "export" / "cards.csv"
    path.write_text(text, "utf-8")
    written = time.time() - ago
    os.utime(path, (written, written))
    return path


def many(count: int, first: int = 1_000_000) -> str:
    """Give a list of `count` people with the one right to guard-1."""
    return HEAD + "".join(f"{first + n},名{n},B{n},正常,,,guard-1,维护,\n" for n in range(count))


def pseudonym(folder: Path, number: int) -> str:
    """Give the card with this number as a swipe finds it; "" when it is unknown."""
    with open_store(folder) as store:
        return cards.pseudonym_of(store, card_key(folder).card(CardNumber(f"{number:08X}")))


def certificate_request() -> bytes:
    """Give a request as 'openssl req -new' writes it, of a new key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(broker_key(), hashes.SHA256())
    return made.public_bytes(Encoding.PEM)
