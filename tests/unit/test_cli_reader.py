"""portseal reader: what is declared, what it proves, what to mind, and when a swipe was last heard there."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest

from controller.broker.authority import identity_of
from controller.cards.reader_notes import proof_of, rule_words, warnings_of
from controller.context import open_context
from policies.cards import CardRule, Digits, Order, Wiegand
from policies.cards.rights import Reader, Trust
from policies.messages.identities import Identity, Role
from policies.site import Broker, BrokerMode, Site
from policies.texts import render
from tests.unit.cli_site import Cli, make_site
from tests.unit.test_cli_json import examples, same

SITE = """
[site]
name = "park"
[web]
host = "door.example"
[terminals.guard-1]
platform = "linux"
agent = true
place = "gate"
owner = "office"
[readers.gate]
format = "uhppoted"
terminals = "guard-1"
trust = "authenticated"
topic = "uhppoted/gateway/events/live"
secret = "env:HMAC"
login = "gateway-1"
password = "secret:gateway-1"
device = "405419896"
door = "1"
digits = "dec"
[readers.own]
format = "native"
terminals = "guard-1"
[readers.panel]
format = "hikvision"
terminals = "guard-1"
digits = "dec"
length = "wiegand-26"
"""


@pytest.fixture
def park(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return Cli(make_site(tmp_path / "park", SITE), capsys, monkeypatch)


def swiped(park: Cli, kind: str, subject: str, **data: object) -> int:
    with open_context(park.folder) as context:
        return context.ledger.append(kind, subject, data, f"reader:{subject}").seq


class TestList:
    def test_tells_every_reader_in_both_languages_without_its_secrets_resolved(self, park: Cli) -> None:
        for lang, word in (("en", "proven"), ("zh", "可证明来源")):
            ran = park("reader", "list", lang=lang)
            assert ran.code == 0, ran.err
            assert word in ran.out
            assert all(name in ran.out for name in ("gate", "own", "panel", "uhppoted", "guard-1"))

    def test_the_json_is_as_documented(self, park: Cli) -> None:
        swiped(park, "swipe.granted", "gate", code="granted")
        ran = park("reader", "list", "--json")
        same(examples()["reader list"], {"readers": ran.json["readers"][:1]}, "reader list", "reader list")
        one = park("reader", "show", "gate", "--json").json
        assert one == ran.json["readers"][0]
        assert (one["proof"], one["trust"], one["topics"]) == (
            "hmac",
            "authenticated",
            ["uhppoted/gateway/events/live"],
        )
        assert ran.json["readers"][2]["webhook"] == "https://door.example:8843/reader/panel"
        assert ran.json["readers"][1]["topics"] == ["portseal/1/park/reader/own/swipe"]

    def test_a_site_without_readers_says_what_to_do(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ran = Cli(make_site(tmp_path / "none"), capsys, monkeypatch)("reader", "list")
        assert ran.code == 0
        assert "[readers.NAME]" in ran.out

    def test_a_site_without_a_database_stays_without(self, park: Cli) -> None:
        assert park("reader", "list").code == 0
        assert [path.name for path in park.folder.iterdir()] == ["site.toml"]


class TestShow:
    def test_says_way_in_rule_proof_and_what_to_mind(self, park: Cli) -> None:
        out = park("reader", "show", "gate").out
        for words in (
            "uhppoted/gateway/events/live", "device 405419896, door 1", "UIDs of 4 bytes, as one decimal number",
            "an HMAC in every message", "go over the network in clear", "typed at a keypad",
            "no swipe of it is in the ledger",
        ):  # fmt: skip
            assert words in out
        assert "末字节" not in park("reader", "show", "gate", lang="zh").out
        assert "4 字节 UID，写成一个十进制数" in park("reader", "show", "gate", lang="zh").out

    def test_tells_the_newest_swipe_of_this_reader_alone(self, park: Cli) -> None:
        swiped(park, "swipe.granted", "gate", code="granted")
        newest = swiped(park, "swipe.denied", "gate", code="unknown_card")
        swiped(park, "swipe.granted", "own", code="granted")
        swiped(park, "lease.revoked", "gate", why="x")
        assert f"unknown_card (entry {newest})" in park("reader", "show", "gate").out
        unreadable = swiped(park, "swipe.unreadable", "gate", cause="card")
        last = park("reader", "show", "gate", "--json").json["last"]
        assert (last["entry"], last["kind"], last["code"]) == (unreadable, "swipe.unreadable", "card")

    def test_a_reader_that_is_none_is_refused(self, park: Cli) -> None:
        assert "portseal reader list" in park.refuses(2, "reader", "show", "nobody")


def request(curve: str = "prime256v1") -> bytes:
    """Make what 'openssl req -new' makes on the reader."""
    with tempfile.TemporaryDirectory() as folder:
        key, csr = Path(folder) / "key", Path(folder) / "csr"
        make = ["openssl", "ecparam", "-name", curve, "-genkey", "-noout", "-out", str(key)]
        ask = ["openssl", "req", "-new", "-key", str(key), "-subj", "/CN=whatever it says", "-out", str(csr)]
        for command in (make, ask):
            subprocess.run(command, check=True, capture_output=True)
        return csr.read_bytes()


class TestEnroll:
    def test_a_reader_gets_a_certificate_under_its_own_name_and_the_one_before_ends(
        self, park: Cli, tmp_path: Path
    ) -> None:
        csr, pem = tmp_path / "own.csr", tmp_path / "own.pem"
        csr.write_bytes(request())
        first = park("reader", "enroll", "own", csr, "--out", pem, "--json").json
        same(examples()["reader enroll"], first, "reader enroll", "reader enroll")
        assert identity_of(pem.read_bytes()) == Identity(Role.READER, "own")
        again = park("reader", "enroll", "own", csr, "--out", pem, "--json").json
        assert again["ended"] == [first["serial"]]
        assert park.kinds().count("reader.enroll.done") == 2
        gone = park("reader", "revoke", "own", "--reason", "stolen", "--json").json
        same(examples()["reader revoke"], gone, "reader revoke", "reader revoke")
        assert gone["serials"] == [again["serial"]]
        assert "no certificate that could be revoked" in park.refuses(
            2, "reader", "revoke", "own", "--reason", "stolen"
        )

    def test_what_is_no_request_or_no_such_reader_gets_none(self, park: Cli, tmp_path: Path) -> None:
        csr = tmp_path / "x.csr"
        for content in (b"", b"-----BEGIN CERTIFICATE REQUEST-----", request("secp384r1")):
            csr.write_bytes(content)
            park.refuses(2, "reader", "enroll", "own", csr)
        csr.write_bytes(request())
        assert "does not come with a certificate" in park.refuses(2, "reader", "enroll", "gate", csr)
        assert "does not come with a certificate" in park.refuses(2, "reader", "enroll", "panel", csr)
        park.refuses(2, "reader", "enroll", "nobody", csr)
        park.refuses(2, "reader", "enroll", "own", tmp_path / "none.csr")
        assert "reader.enroll.done" not in park.kinds()

    def test_no_other_file_is_overwritten(self, park: Cli, tmp_path: Path) -> None:
        csr, key = tmp_path / "x.csr", tmp_path / "own.key"
        csr.write_bytes(request())
        key.write_text("-----BEGIN PRIVATE KEY-----")
        assert "is no certificate" in park.refuses(4, "reader", "enroll", "own", csr, "--out", key)
        assert key.read_text() == "-----BEGIN PRIVATE KEY-----"


def made(form: str = "native", rule: CardRule = CardRule(), **more: object) -> Reader:  # noqa: B008 - frozen
    return Reader("r", form, ("t",), Trust.IDENTIFIED, rule, **more)  # type: ignore[arg-type]


PROVEN = {"trust": Trust.AUTHENTICATED}
OURS, THEIRS = Site("s", Path("/")), Site("s", Path("/"), broker=Broker(BrokerMode.EXTERNAL))


@pytest.mark.parametrize(
    ("site", "reader", "proof"),
    [
        (OURS, made(), "certificate"),
        (THEIRS, made(), ""),
        (THEIRS, made(public_key="k.pem"), "signature"),
        (OURS, made("uhppoted", topics=("a",)), ""),
        (OURS, made("uhppoted", topics=("a",), secret="env:X"), "hmac"),
        (OURS, made("tasmota", topics=("a",)), ""),
    ],
)
def test_what_proves_a_swipe(site: Site, reader: Reader, proof: str) -> None:
    assert proof_of(site, reader) == proof


#: Each code: a reader that has it, and one that differs in that alone.
MIND = {
    "length": (made(rule=CardRule(7)), made()),
    "unpadded": (made("esp-rfid", CardRule(4, Digits.HEX_UNPADDED), topics=("a",)), made("esp-rfid", topics=("a",))),
    "typed": (made("zigbee2mqtt", topics=("a",)), made("tasmota", topics=("a",))),
    "alone": (made(), Reader("r", "native", ("t",), Trust.AUTHENTICATED, CardRule())),
    "distrusted": (made(), made("tasmota", topics=("a",))),
    "replay": (made("esphome", topics=("a",)), made("tasmota", topics=("a",))),
    "clear": (made("tasmota", topics=("a",), login="x"), made("tasmota", topics=("a",))),
    "open": (made("hikvision"), made("hikvision", login="x")),
}


@pytest.mark.parametrize("code", MIND)
def test_what_to_mind_is_said_where_it_is_so_and_nowhere_else(code: str) -> None:
    has, has_not = MIND[code]
    assert code in [each.code for each in warnings_of(OURS, has)]
    assert code not in [each.code for each in warnings_of(OURS, has_not)]
    assert all(render(each.what, "zh") != render(each.what, "en") for each in warnings_of(OURS, has))


def test_an_external_broker_proves_nothing_of_a_native_reader() -> None:
    reader = Reader("r", "native", ("t",), Trust.AUTHENTICATED, CardRule())
    assert "unproven" in [each.code for each in warnings_of(THEIRS, reader)]
    assert [each.code for each in warnings_of(OURS, reader)] == []


def test_the_rule_is_said_in_words() -> None:
    hex7, dec = "UIDs of 7 bytes; in hex, two digits for each byte", "as one decimal number"
    wiegand = "Wiegand numbers of {} bits ({} bytes without parity)".format
    rules = {
        CardRule(7, order=Order.REVERSED): f"{hex7}; the last byte first",
        CardRule(Wiegand.W26, Digits.DECIMAL, parity=True):
            f"{wiegand(26, 3)}; {dec}; with both parity bits, which are checked",
        CardRule(Wiegand.W34, Digits.DECIMAL, facility=17): f"{wiegand(34, 4)}; {dec}; all with facility code 17",
    }  # fmt: skip
    for rule, said in rules.items():
        assert "; ".join(render(each, "en") for each in rule_words(rule)) == said
