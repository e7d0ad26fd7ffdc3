"""`portseal trap`: everything that was told is shown, unknown ones too, in words and in the documented JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.cli.trap import KINDS, READINGS, REASONS
from controller.store.open import open_store
from controller.store.traps import Told, count_refused, put
from drivers.snmp.notifications import Refused
from drivers.snmp.traps.words import Kind
from tests.unit.cli_site import GIG, Cli, make_site
from tests.unit.test_cli_json import examples, same

AT = datetime(2026, 11, 23, tzinfo=UTC)
MACS = tuple(f"66:77:88:99:aa:{number:02x}" for number in range(3))


def told(**given: object) -> Told:
    values: dict[str, object] = {
        "id": 0, "switch": "sw1", "port": GIG + "1", "kind": "violation", "cause": "port-security",
        "name": "CISCO-PORT-SECURITY-MIB::cpsSecureMacAddrViolation", "proof": "authPriv", "sender": "192.0.2.1",
        "first_at": AT, "last_at": AT, "count": 42, "macs": MACS, "more_macs": 2, "vlan": 30,
        "said": [["1.3.6.1.2.1.31.1.1.1.1.1", "octets", "4769"]], "open": True, "entry": 7, "recorded": 42,
        "reading": "confirmed", "read_at": AT,
        "found": {"evidence": ["counted"], "ports": [GIG + "1"], "outcome": "confirmed"},
    }  # fmt: skip
    return Told(**{**values, **given})  # type: ignore[arg-type]


@pytest.fixture
def demo(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return Cli(make_site(tmp_path / "demo"), capsys, monkeypatch)


@pytest.fixture
def heard(demo: Cli) -> Cli:
    with open_store(demo.folder) as store:
        put(store, told())
        oid = "1.3.6.1.4.1.99999.0.7"
        put(store, told(port="", kind="unknown", cause=oid, name=oid, reading="none", found={}, entry=0, open=False))
        count_refused(store, "192.0.2.77", "sender", "", 3, AT)
        count_refused(store, "192.0.2.1", "digest", "sw1", 1, AT)
    return demo


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("trap list", ("trap", "list", "--kind", "violation")),
        ("trap show ID", ("trap", "show", "1")),
        ("trap refused", ("trap", "refused")),
    ],
)
def test_the_json_is_what_the_document_says(heard: Cli, verb: str, words: tuple[str, ...]) -> None:
    ran = heard(*words, "--json")
    assert ran.code == 0
    same(examples()[verb], ran.json, verb, verb)


def test_the_list_shows_unknown_ones_and_can_be_narrowed(heard: Cli) -> None:
    shown = heard("trap", "list")
    assert "1.3.6.1.4.1.99999.0.7" in shown.out
    assert GIG + "1" in shown.out
    assert [each["kind"] for each in heard("trap", "list", "--open", "--json").json["traps"]] == ["violation"]
    assert [each["kind"] for each in heard("trap", "list", "--kind", "unknown", "--json").json["traps"]] == ["unknown"]
    assert len(heard("trap", "list", "sw1", "--json").json["traps"]) == 2
    assert heard("trap", "list", "ovs1").code == 1
    assert heard("trap", "list", "nobody").code == 2


def test_one_is_shown_with_proof_macs_variables_and_the_reading(heard: Cli) -> None:
    shown = heard("trap", "show", "1").out
    for part in ("authPriv", "192.0.2.1", "42", *MACS, "1.3.6.1.2.1.31.1.1.1.1.1", "evidence"):
        assert part in shown
    missing = heard("trap", "show", "99")
    assert (missing.code, "portseal trap list" in missing.err) == (2, True)


def test_who_was_refused_is_shown_with_the_reason_in_words(heard: Cli) -> None:
    shown = heard("trap", "refused").out
    assert "192.0.2.77" in shown
    assert "192.0.2.1" in shown


def test_where_nothing_is_to_be_shown_the_exit_code_is_1(demo: Cli) -> None:
    assert demo("trap", "list").code == 1
    assert demo("trap", "refused").code == 1


def test_the_status_says_what_is_missing(demo: Cli) -> None:
    assert demo("trap", "status").code == 2
    with (demo.folder / "site.toml").open("a") as file:
        file.write('[traps]\nlisten = "127.0.0.1"\n')
    stopped = demo("trap", "status")
    assert (stopped.code, "portseal serve" in stopped.err) == (3, True)


def test_every_kind_reading_and_reason_has_words() -> None:
    assert set(KINDS) == set(Kind)
    assert set(REASONS) == {*Refused, "sender"}
    assert set(READINGS) == {"none", "waiting", "confirmed", "unconfirmed", "read", "failed"}
