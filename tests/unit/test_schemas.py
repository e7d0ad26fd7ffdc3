"""Every message has a JSON Schema, and the schemas say what the readers read: also bundles, requests and answers."""

from __future__ import annotations

import copy
import hmac
import json
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from policies import canonical, jwt
from policies.errors import InputError
from policies.messages import bundle, cards, enrolment, event, evidence, finding, lock, proof
from policies.messages.finding import FindingNote
from policies.messages.topics import Kind
from tests.unit.test_c72bc import STATE
from tests.unit.test_card_swipe_schema import WHOLE
from tests.unit.test_cards_published_messages import ACK_DOCUMENT, PART_DOCUMENT
from tests.unit.test_census_evidence import plain as census_document
from tests.unit.test_egress_proof import PROOF_DATA
from tests.unit.test_enrolment_messages import AGENT, BUNDLE, GRANT, RAW, RENEWAL, REQUEST, TOKEN
from tests.unit.test_event import chain
from tests.unit.test_grants_messages import MESSAGES, SCHEMAS, fits, plain, schema_of, variants
from tests.unit.test_usb_lock import COMMAND

#: The schemas of what is said on each kind of topic. A checkpoint is a signed note (docs/ledger.md), and no JSON.
OF_KIND: dict[Kind, tuple[str, ...]] = {
    Kind.SWIPE: ("swipe",),
    Kind.GRANT: ("grant", "notice", "offline", "offline_set"),
    Kind.REVOKE: ("revoke",),
    Kind.REQUEST: ("request",),
    Kind.EVENT: ("event", "proof"),
    Kind.EVENT_ACK: ("ack",),
    Kind.STATUS: ("status",),
    Kind.LOCK_SET: ("lock_set",),
    Kind.LOCK_STATE: ("lock_state",),
    Kind.CARDS: ("cards",),
    Kind.CARDS_ACK: ("cards_ack",),
    Kind.FINDING: ("finding",),
    Kind.CHECKPOINT: (),
}
#: What travels as a file, or over the HTTPS door.
CARRIED = ("bundle", "enrol_request", "renew_request", "enrol_answer", "census")
#: An example of each, as it is sent.
EXAMPLES: dict[str, dict[str, Any]] = {
    **{name: document for name, (document, _) in MESSAGES.items()},
    "swipe": WHOLE,
    "event": json.loads(chain(1)[0].raw),
    "lock_set": json.loads(jwt.unseal(lock.sign_set(COMMAND, GRANT).encode(), lock.SET_TYPE, GRANT.public)),
    "lock_state": json.loads(STATE.encode()) | {"battery": 50},
    "cards": PART_DOCUMENT,
    "cards_ack": ACK_DOCUMENT,
    "finding": json.loads(
        FindingNote(17, "terminal.chain_gap", "guard-1", {"first": 3, "last": 4, "how": ["a"], "sure": True}).encode()
    ),
    "bundle": json.loads(RAW),
    "enrol_request": json.loads(REQUEST.raw),
    "renew_request": json.loads(RENEWAL.raw),
    "enrol_answer": json.loads(jwt.unseal(TOKEN, enrolment.ANSWER_TYPE, GRANT.public)),
    "census": census_document(),
    "proof": PROOF_DATA,
}
#: The member `typ`, and the types of tokens, as the code has them.
TYPES = {
    "event": event.EVENT_TYPE, "census": evidence.EVIDENCE_TYPE, "bundle": bundle.BUNDLE_TYPE,
    "enrol_request": enrolment.ENROL_TYPE, "renew_request": enrolment.RENEW_TYPE, "cards": cards.PART_TYPE,
    "cards_ack": cards.ACK_TYPE, "finding": finding.FINDING_TYPE, "swipe": "portseal-swipe/1",
}  # fmt: skip


def test_every_kind_of_message_has_a_schema_and_every_schema_is_of_one() -> None:
    assert set(OF_KIND) == set(Kind)
    assert [kind for kind, names in OF_KIND.items() if not names] == [Kind.CHECKPOINT]
    named = [*(name for names in OF_KIND.values() for name in names), *CARRIED]
    assert sorted(named) == sorted(path.stem for path in SCHEMAS.glob("*.json")) == sorted(EXAMPLES)
    assert len(set(named)) == len(named)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
class TestEvery:
    def test_its_example_fits_and_a_mutated_one_does_not(self, name: str) -> None:
        schema, example = schema_of(name), EXAMPLES[name]
        assert fits(example, schema)
        wrong = [each for each in variants(copy.deepcopy(example)) if not fits(each, schema)]
        assert len(wrong) > 20
        for key in schema["required"]:
            assert not fits({other: value for other, value in example.items() if other != key}, schema), key
            assert not fits(example | {key: {"never": {}}}, schema), key
        assert not fits(example | {"extra": 1}, schema)

    def test_it_is_closed_says_what_it_is_and_every_member_is_described(self, name: str) -> None:
        schema = schema_of(name)
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert schema["$id"] == f"https://portseal.invalid/schemas/{name}.json"
        assert schema["title"]
        assert set(EXAMPLES[name]) <= set(schema["properties"])
        assert set(schema["required"]) <= set(EXAMPLES[name])
        pending: list[dict[str, Any]] = [schema]
        while pending:
            part = pending.pop()
            if "properties" in part:
                assert part["additionalProperties"] is False
                assert all(each.get("description") or each.get("$ref") for each in part["properties"].values())
                pending += part["properties"].values()
            pending += [part["items"]] if isinstance(part.get("items"), dict) else []

    def test_its_topic_and_its_type_are_those_of_the_code(self, name: str) -> None:
        schema = schema_of(name)
        topics = {kind.value.replace("*", "<id>") for kind, names in OF_KIND.items() if name in names}
        topics = {each.replace("lock/<id>", "lock/<terminal>") for each in topics}
        assert all(f"portseal/1/<site>/{each}" in schema["description"] for each in topics)
        if name in TYPES:
            assert schema["properties"]["typ"]["const"] == TYPES[name]


def resealed(document: dict[str, Any]) -> bytes:
    """Give a bundle with the check sum that its members and its token have, if there is one."""
    members = {key: value for key, value in document.items() if key != "check"}
    with suppress(TypeError, ValueError, KeyError):
        token = bytes.fromhex(members["token"])
        if document.get("check") == EXAMPLES["bundle"]["check"]:
            document = document | {"check": hmac.new(token, canonical.encode(members), sha256).hexdigest()}
    return plain(document)


def proved(document: dict[str, Any]) -> bytes:
    """Give a request with the terminal's own proof over what it says, unless that is what was changed."""
    example = EXAMPLES["enrol_request"]
    if (document.get("proof"), document.get("key")) == (example["proof"], example["key"]):
        members = {key: value for key, value in document.items() if key not in ("proof", "sig")}
        with suppress(TypeError, ValueError):
            document = document | {"proof": AGENT.sign(canonical.encode(members)).hex()}
    return plain(document)


def answered(document: dict[str, Any]) -> bytes:
    return jwt.seal(plain(document), enrolment.ANSWER_TYPE, GRANT).encode()


READERS: dict[str, Callable[[dict[str, Any]], object]] = {
    "bundle": lambda document: bundle.read_bundle(resealed(document)),
    "enrol_request": lambda document: enrolment.read_request(proved(document)),
    "renew_request": lambda document: enrolment.read_request(plain(document)),
    "enrol_answer": lambda document: enrolment.read_answer(answered(document), GRANT.public),
    "finding": lambda document: finding.parse(plain(document)),
    "proof": proof.read_proof,
    "lock_state": lambda document: lock.parse_state(plain(document)),
    "cards": lambda document: cards.read_part(plain(document)),
}


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_schema_refuses_nothing_that_the_reader_reads_and_nearly_all_that_it_does_not(name: str) -> None:
    """A schema cannot compare members, decode base64, or know a key's curve: the reader does, and refuses more."""
    schema = schema_of(name)

    def is_read(document: dict[str, Any]) -> bool:
        try:
            READERS[name](document)
        except InputError:
            return False
        return True

    assert is_read(EXAMPLES[name])
    told = [(fits(each, schema), is_read(each), each) for each in variants(copy.deepcopy(EXAMPLES[name]))]
    assert [each for right, read, each in told if read and not right] == []
    more = [each for right, read, each in told if right and not read]
    assert len(more) <= max(6, len(told) / 20), more
    assert {right for right, _, _ in told} >= {False}


def test_a_schema_can_be_read_by_others() -> None:
    """Nothing but the keywords of draft 2020-12 that our own check knows, and no byte that is not ASCII."""
    for path in sorted(Path(SCHEMAS).glob("*.json")):
        assert path.read_bytes().isascii(), path.name
        assert json.loads(path.read_text("ascii"))["type"] == "object"
    assert BUNDLE.terminal == "终端 2"
