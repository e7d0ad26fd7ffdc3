"""What the watch's child says is read as if it were hostile, shown in both languages, and kept once for each cause."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.context import Context, open_context
from controller.ledger.query import Filter, entries
from controller.store.fingerprints import fingerprints, put_trait
from controller.watch.child import sighting as as_line
from controller.watch.lines import Failed, Fingerprint, Ready, Sighting, Status, read_line
from controller.watch.recording import MOST, PERIOD, Recorder, relearn
from controller.watch.words import CONFIDENCES, KINDS, sentence
from policies.errors import InputError, NotFound
from policies.model import Device, DeviceRole
from policies.texts import render
from policies.watch.identity import Trait
from policies.watch.sighting import CLAUSES, OTHERS, Confidence, Kind, Row
from tests.unit.watch_frames import CAMERA, IPS, RECORDER, ROGUE

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
ROW = Row(
    Kind.OUTSIDE, CAMERA, IPS[CAMERA], "", 100, "eth1", Confidence.CERTAIN,
    {"targets": ["8.8.8.8"], "through": RECORDER}, b"\1" * 60, NOW.timestamp(), NOW.timestamp() + 1, 3,
)  # fmt: skip
SIGHTING = Sighting(
    Kind.OUTSIDE, CAMERA, NOW, NOW + timedelta(seconds=1), IPS[CAMERA], "", 100, "eth1", Confidence.CERTAIN,
    {"targets": ["8.8.8.8"], "through": RECORDER}, b"\1" * 60, 3,
)  # fmt: skip


def line(**changed: Any) -> bytes:
    return json.dumps({"event": "sighting", **as_line(ROW), **changed}).encode()


def test_a_row_is_a_sighting_on_the_other_side() -> None:
    assert read_line(line()) == SIGHTING
    assert SIGHTING.clause == "7.1a"
    assert replace(SIGHTING, role="terminal").clause == "7.2d"
    assert SIGHTING.subject == CAMERA
    assert replace(SIGHTING, port="sw1/Gi0/1").subject == "sw1/Gi0/1"


def test_the_other_lines() -> None:
    assert read_line(b'{"event":"ready","interfaces":["eth1"]}') == Ready()
    assert read_line(b'{"event":"failed","code":"gone","interface":"eth1"}') == Failed("gone", "eth1")
    learned = {"event": "fingerprint", "mac": CAMERA, "trait": "ttl_tcp", "value": "64", "at": NOW.timestamp()}
    assert read_line(json.dumps(learned).encode()) == Fingerprint(CAMERA, Trait.TTL_TCP, "64", NOW)
    counts = {
        name: number for number, name in enumerate(("read", "judged", "unjudged", "filter", "devices", "left_out"))
    }
    status = {
        "event": "status", "at": NOW.timestamp(), **counts, "learned": 6,
        "interfaces": [{"interface": "eth1", "wire": 9, "passed": 8, "lost": 7}],
    }  # fmt: skip
    assert read_line(json.dumps(status).encode()) == Status(NOW, (("eth1", 9, 8, 7),), 0, 1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "everything"}, {"mac": "eth1; rm"}, {"ip": "1\x1b[2J"}, {"count": -1}, {"count": True}, {"vlan": "1"},
        {"evidence": "zz"}, {"facts": {"a": 1.5}}, {"facts": {"a": {"b": {"c": 1}}}}, {"facts": [1]},
        {"facts": {str(number): 1 for number in range(40)}}, {"facts": {"a": "x" * 500}}, {"first": "now"},
        {"last": 1e300}, {"first": float("nan")}, {"interface": None}, {"event": ["sighting"]},
    ],
)  # fmt: skip
def test_what_no_child_says_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="not understood"):
        read_line(line(**changed))


@given(st.one_of(st.binary(max_size=80), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["event", "kind", "mac", "facts", "at", "interfaces"]), inner, max_size=4
    ),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode())))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_any_line_is_an_event_or_refused(data: bytes) -> None:
    with contextlib.suppress(InputError):
        read_line(data)


FACTS: dict[Kind, dict[str, Any]] = {
    Kind.UNKNOWN_IP: {"bound": "10.7.0.11"}, Kind.MOVED: {"bound": "sw1/a"}, Kind.DUPLICATE_MAC: {"places": ["a", "b"]},
    Kind.HUB: {"macs": [CAMERA, ROGUE]}, Kind.ARP_SPOOF: {"bound_to": "cam1"}, Kind.DUPLICATE_IP: {},
    Kind.ROGUE_DHCP: {"router": ""}, Kind.ROGUE_RA: {"prefixes": ["2001:db8::/64"], "lifetime_s": 1800},
    Kind.GATEWAY: {"source": "8.8.8.8", "why": "foreign_source"}, Kind.OUTSIDE: {"targets": ["8.8.8.8"]},
    Kind.FORBIDDEN_FLOW: {"from": "camera", "to": "platform", "protocol": "tcp", "ports": [1, 443]},
    Kind.IDENTITY: {"trait": "syn", "known": "a", "seen": "b", "fingerprint": {"syn": "a", "ttl_tcp": "64"}},
    Kind.NAT: {"hints": ["ttl_lower"]}, Kind.LOST: {"lost": 7, "unjudged": 0},
}  # fmt: skip


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_its_words_in_both_languages(kind: Kind) -> None:
    assert kind in CLAUSES
    made = replace(SIGHTING, kind=kind, facts=FACTS.get(kind, {}), other="other")
    for facts in (FACTS.get(kind, {}), {}):
        more = sentence(replace(made, facts=facts))
        said = [render(each, lang) for each in (KINDS[kind], more or KINDS[kind]) for lang in ("en", "zh")]
        assert said[0] != said[1]
        assert said[2] != said[3]
        assert "{" not in "".join(said)
    assert render(CONFIDENCES[Confidence.LOW], "zh") == "可信度低"
    assert "flood" in str(sentence(replace(made, mac=OTHERS)))


def test_a_clone_is_shown_with_both_fingerprints_and_without_a_promise() -> None:
    said = str(sentence(replace(SIGHTING, kind=Kind.IDENTITY, facts=FACTS[Kind.IDENTITY])))
    assert "known: syn=a, ttl_tcp=64; seen: syn=b" in said
    assert "a clone that copies these manners too would not be seen" in said


@pytest.fixture
def context(tmp_path: Path) -> Any:
    (tmp_path / "site.toml").write_text('[site]\nname = "demo"\n', "utf-8")
    with open_context(tmp_path, clock=lambda: NOW, actor="test") as made:
        yield made


def test_one_cause_is_one_entry(context: Context) -> None:
    recorder = Recorder(context)
    recorder.take([SIGHTING, replace(SIGHTING, count=9), Fingerprint(CAMERA, Trait.SYN, "mss", NOW)])
    recorder.take([replace(SIGHTING, count=10), Ready()])
    recorder.take([replace(SIGHTING, kind=Kind.UNKNOWN_MAC, mac=ROGUE, port="sw1/Gi0/1")])
    found = list(entries(context.store, Filter(kind="watch")))
    assert sorted((entry.kind, entry.subject) for entry in found) == [
        ("watch.outside", CAMERA), ("watch.unknown_mac", "sw1/Gi0/1"),
    ]  # fmt: skip
    data = next(entry.data for entry in found if entry.kind == "watch.outside")
    assert (data["clause"], data["count"], data["evidence"], data["facts"]["targets"]) == (
        "7.1a", 3, "01" * 60, ["8.8.8.8"],
    )  # fmt: skip
    assert fingerprints(context.store) == {CAMERA: {"syn": "mss"}}


def test_a_flood_of_causes_does_not_flood_the_ledger(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text('[site]\nname = "demo"\n', "utf-8")
    time = [NOW]
    with open_context(tmp_path, clock=lambda: time[0], actor="test") as context:
        recorder = Recorder(context)
        recorder.take([replace(SIGHTING, ip=f"10.7.1.{number}") for number in range(MOST + 30)])
        time[0] += PERIOD
        recorder.take([replace(SIGHTING, ip="10.7.2.1")])
        found = list(entries(context.store, Filter(kind="watch")))
    assert len([entry for entry in found if entry.kind == "watch.outside"]) == MOST + 1
    assert [entry.data for entry in found if entry.kind == "watch.crowded"] == [{"count": 30}]


def test_the_first_value_of_a_trait_stays_until_a_person_says_otherwise(context: Context) -> None:
    from controller.store.inventory import add_device

    add_device(context.store, Device("cam1", DeviceRole.CAMERA, CAMERA, IPS[CAMERA]))
    assert put_trait(context.store, CAMERA, "syn", "mss", NOW)
    assert not put_trait(context.store, CAMERA, "syn", "other", NOW)
    with pytest.raises(NotFound):
        relearn(context, ["cam1", "nobody"])
    assert fingerprints(context.store) == {CAMERA: {"syn": "mss"}}
    relearn(context, ["cam1"])
    assert fingerprints(context.store) == {}
    (entry,) = entries(context.store, Filter(kind="watch"))
    assert (entry.kind, entry.subject, entry.data) == (
        "watch.relearned", "cam1", {"known": {"syn": "mss"}, "mac": CAMERA},
    )  # fmt: skip
