"""SNMP messages of notifications: strict reading, proofs, answers; noise ends in one of the known reasons."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.snmp import ber, messages, usm
from drivers.snmp.ber import Malformed
from drivers.snmp.messages import Flag, Secured
from drivers.snmp.notifications import WINDOW, Agent, Engine, Receiver, Refused
from drivers.snmp.usm import UsmUser, usm_user

USER = usm_user("traps", "sha256", "auth-word-1", "aes128", "priv-word-1")
OURS = Engine(b"\x80\x00\x00\x00\x05ours", 7, 100.0)
SWITCH = b"\x80\x00\x00\x09\x03switch"
VIOLATION = "1.3.6.1.4.1.9.9.315.0.0.1"
AGENT = Agent("gate-1", frozenset({b"public"}), {USER.name: USER})


class Now:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def pdu(tag: int = ber.TRAP, trap: str = VIOLATION, request: int = 5) -> bytes:
    binds = ber.tlv(ber.SEQUENCE, ber.encode_oid(messages.SYS_UPTIME) + ber.encode_integer(3_000_000_000, ber.TICKS))
    binds += ber.tlv(ber.SEQUENCE, ber.encode_oid(messages.SNMP_TRAP_OID) + ber.encode_oid(trap))
    binds += ber.tlv(ber.SEQUENCE, ber.encode_oid("1.3.6.1.2.1.2.2.1.1.10101") + ber.encode_integer(10101, ber.GAUGE))
    return ber.tlv(tag, ber.encode_integer(request) + ber.encode_integer(0) * 2 + ber.tlv(ber.SEQUENCE, binds))


def v3(
    user: UsmUser = USER, *, engine: bytes = SWITCH, boots: int = 2, time: int = 500, tag: int = ber.TRAP,
    flags: Flag = Flag.AUTH | Flag.PRIV,
) -> bytes:  # fmt: skip
    """Make a message as a switch makes it."""
    size = usm.DIGEST_OCTETS[user.auth_protocol] if Flag.AUTH in flags else 0
    scoped = messages.scope(engine, b"", pdu(tag))
    head = Secured(
        9, 1500, flags, engine, boots, time, user.name, bytes(size), 0, b"saltsalt" * (Flag.PRIV in flags), scoped
    )
    if Flag.PRIV in flags:
        body = ber.tlv(ber.OCTETS, usm.encrypt(user, head, scoped))
        head = Secured(9, 1500, flags, engine, boots, time, user.name, bytes(size), 0, b"saltsalt", body)
    whole, at = messages.secured_message(head)
    if not size:
        return whole
    return whole[:at] + usm.digest(user, user.keys_at(engine).auth, whole, at) + whole[at + size :]


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def receiver(now: Now) -> Receiver:
    return Receiver(OURS, now)


class TestCommunities:
    def test_a_trap_with_the_community_is_taken(self, receiver: Receiver) -> None:
        taken = receiver.take(messages.community_message(b"public", pdu()), [AGENT])
        assert (taken.agent, taken.proof, taken.reply) == ("gate-1", "v2c", b"")
        assert taken.pdu is not None
        assert taken.pdu.trap == VIOLATION
        assert taken.pdu.about == (("1.3.6.1.2.1.2.2.1.1.10101", 10101),)

    def test_an_inform_is_answered_with_its_own_bindings(self, receiver: Receiver) -> None:
        taken = receiver.take(messages.community_message(b"public", pdu(ber.INFORM, request=77)), [AGENT])
        community, answer = messages.read_community(taken.reply)
        assert (community, answer.tag, answer.request_id) == (b"public", ber.RESPONSE, 77)
        assert answer.trap == VIOLATION

    def test_ciscos_community_of_one_vlan_is_the_community(self, receiver: Receiver) -> None:
        assert receiver.take(messages.community_message(b"public@100", pdu()), [AGENT]).agent == "gate-1"

    @pytest.mark.parametrize("community", [b"", b"private", b"Public", b"@public"])
    def test_another_community_is_refused(self, receiver: Receiver, community: bytes) -> None:
        taken = receiver.take(messages.community_message(community, pdu(ber.INFORM)), [AGENT])
        assert (taken.refused, taken.pdu, taken.reply) == (Refused.COMMUNITY, None, b"")

    def test_two_switches_of_one_address_and_community_are_not_told_apart(self, receiver: Receiver) -> None:
        other = Agent("gate-2", frozenset({b"public", b"two"}))
        message = messages.community_message
        assert receiver.take(message(b"public", pdu()), [AGENT, other]).refused is Refused.AMBIGUOUS
        assert receiver.take(message(b"two", pdu()), [AGENT, other]).agent == "gate-2"

    def test_a_request_is_no_notification(self, receiver: Receiver) -> None:
        get = ber.tlv(0xA0, pdu()[2:])
        assert receiver.take(messages.community_message(b"public", get), [AGENT]).refused is Refused.MALFORMED

    def test_version_1_is_told(self, receiver: Receiver) -> None:
        message = ber.tlv(ber.SEQUENCE, ber.encode_integer(0) + ber.tlv(ber.OCTETS, b"public") + ber.tlv(0xA4, b""))
        assert receiver.take(message, [AGENT]).refused is Refused.VERSION


class TestUsers:
    def test_an_authentic_trap_is_taken(self, receiver: Receiver) -> None:
        taken = receiver.take(v3(), [AGENT])
        assert (taken.agent, taken.proof, taken.reply) == ("gate-1", "authPriv", b"")
        assert taken.pdu is not None
        assert taken.pdu.trap == VIOLATION

    def test_a_changed_octet_is_found(self, receiver: Receiver) -> None:
        whole = v3()
        for at in range(len(whole) - 40, len(whole)):
            changed = whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :]
            assert receiver.take(changed, [AGENT]).refused in (Refused.DIGEST, Refused.MALFORMED)

    def test_an_unknown_user_and_a_wrong_password_are_told_apart(self, receiver: Receiver) -> None:
        stranger = usm_user("other", "sha256", "auth-word-1", "aes128", "priv-word-1")
        guessing = usm_user("traps", "sha256", "auth-word-2", "aes128", "priv-word-1")
        assert receiver.take(v3(stranger), [AGENT]).refused is Refused.USER
        assert receiver.take(v3(guessing), [AGENT]).refused is Refused.DIGEST

    def test_a_wrong_privacy_password_is_told(self, receiver: Receiver) -> None:
        other = usm_user("traps", "sha256", "auth-word-1", "aes128", "priv-word-2")
        assert receiver.take(v3(other), [AGENT]).refused is Refused.CIPHER

    @pytest.mark.parametrize("flags", [Flag(0), Flag.AUTH, Flag.PRIV])
    def test_less_protection_than_the_user_has_is_refused(self, receiver: Receiver, flags: Flag) -> None:
        assert receiver.take(v3(flags=flags), [AGENT]).refused is Refused.LEVEL

    def test_an_old_message_is_refused_and_a_restart_is_believed(self, receiver: Receiver, now: Now) -> None:
        assert receiver.take(v3(boots=2, time=5000), [AGENT]).pdu is not None
        assert receiver.take(v3(boots=2, time=5000 - WINDOW), [AGENT]).pdu is not None
        assert receiver.take(v3(boots=2, time=5000 - WINDOW - 1), [AGENT]).refused is Refused.STALE
        assert receiver.take(v3(boots=1, time=9000), [AGENT]).refused is Refused.STALE
        assert receiver.take(v3(boots=3, time=1), [AGENT]).pdu is not None
        now.at += 400
        assert receiver.take(v3(boots=3, time=1), [AGENT]).refused is Refused.STALE

    def test_nobody_without_the_key_makes_an_engine_known(self, receiver: Receiver) -> None:
        receiver.take(v3(usm_user("traps", "sha256", "auth-word-2", "aes128", "priv-word-1")), [AGENT])
        assert receiver.peers == {}


class TestInforms:
    ASK = Flag.AUTH | Flag.PRIV | Flag.REPORTABLE

    def test_who_does_not_know_our_engine_is_told_it(self, receiver: Receiver) -> None:
        taken = receiver.take(v3(engine=b"", flags=Flag.REPORTABLE), [AGENT])
        report = messages.read_secured(taken.reply)
        assert (report.engine, report.boots, report.time, report.flags) == (OURS.identity, 7, 900, Flag(0))
        counted = messages.read_scope(report.body).pdu
        assert (counted.tag, counted.binds) == (ber.REPORT, (("1.3.6.1.6.3.15.1.1.4.0", 1),))
        assert (taken.pdu, taken.refused) == (None, None)

    def test_a_wrong_clock_is_told_under_the_users_key(self, receiver: Receiver) -> None:
        taken = receiver.take(v3(engine=OURS.identity, boots=0, time=0, tag=ber.INFORM, flags=self.ASK), [AGENT])
        report = messages.read_secured(taken.reply)
        assert taken.refused is Refused.STALE
        assert usm.authentic(USER, report, taken.reply)
        assert messages.read_scope(report.body).pdu.binds[0][0] == "1.3.6.1.6.3.15.1.1.2.0"

    def test_an_inform_is_answered_under_the_users_keys(self, receiver: Receiver) -> None:
        taken = receiver.take(v3(engine=OURS.identity, boots=7, time=900, tag=ber.INFORM, flags=self.ASK), [AGENT])
        assert taken.pdu is not None
        answer = messages.read_secured(taken.reply)
        assert answer.flags == Flag.AUTH | Flag.PRIV
        assert usm.authentic(USER, answer, taken.reply)
        clear = usm.decrypt(USER, answer, ber.octets(answer.body, 0, len(answer.body))[0])
        assert clear is not None
        response = messages.read_scope(clear).pdu
        assert (response.tag, response.request_id, response.trap) == (ber.RESPONSE, 5, VIOLATION)

    def test_a_trap_under_our_identity_or_an_inform_under_anothers_is_refused(self, receiver: Receiver) -> None:
        assert receiver.take(v3(engine=OURS.identity, boots=7, time=900), [AGENT]).refused is Refused.MALFORMED
        assert receiver.take(v3(tag=ber.INFORM), [AGENT]).refused is Refused.MALFORMED


WHOLE = [messages.community_message(b"public", pdu()), v3(), v3(engine=OURS.identity, tag=ber.INFORM)]


class TestNoise:
    @given(st.binary(max_size=600))
    def test_any_octets_are_refused_or_read(self, data: bytes) -> None:
        Receiver(OURS, lambda: 1000.0).take(data, [AGENT])

    @given(st.sampled_from(WHOLE), st.data())
    def test_a_damaged_message_is_refused_or_read(self, whole: bytes, data: st.DataObject) -> None:
        damaged = bytearray(whole)
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(damaged) - 1))
            damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
            if not damaged:
                break
        taken = Receiver(OURS, lambda: 1000.0).take(bytes(damaged), [AGENT])
        assert taken.refused is not None or taken.pdu is not None or taken.reply

    @pytest.mark.parametrize("whole", WHOLE)
    def test_every_beginning_of_a_message_is_malformed(self, whole: bytes) -> None:
        for size in range(len(whole)):
            assert Receiver(OURS, lambda: 1000.0).take(whole[:size], [AGENT]).refused is Refused.MALFORMED

    def test_a_message_of_thousands_of_bindings_is_refused(self) -> None:
        bind = ber.tlv(ber.SEQUENCE, ber.encode_oid("1.3.6.1") + ber.tlv(ber.NULL, b""))
        head = ber.encode_integer(1) * 3
        with pytest.raises(Malformed):
            messages.read_pdu(ber.tlv(ber.TRAP, head + ber.tlv(ber.SEQUENCE, bind * 300)), 0, 60_000)

    @given(st.integers(-(2**63), 2**63 - 1))
    def test_numbers_come_back(self, number: int) -> None:
        assert ber.integer(ber.encode_integer(number), 0, 100)[0] == number

    @given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20))
    def test_oids_come_back(self, tail: list[int]) -> None:
        dotted = ".".join(map(str, (1, 3, *tail)))
        start, stop = ber.expect(ber.encode_oid(dotted), 0, 10_000, ber.OBJECT)
        assert ber.oid(ber.encode_oid(dotted)[start:stop]) == dotted

    def test_secrets_are_in_no_repr(self) -> None:
        shown = repr(AGENT) + repr(USER) + repr(USER.keys_at(SWITCH))
        assert "public" not in shown
        assert USER.auth_key.hex() not in shown
        assert repr(USER.auth_key)[2:12] not in shown
