"""MAC addresses: every spelling that equipment and people use becomes one; everything else is refused."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import InputError
from policies.names import (
    is_local,
    is_multicast,
    is_unicast,
    mac_colons,
    mac_dashed4,
    mac_dotted,
    mac_from_octets,
    parse_mac,
)

CANONICAL = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
OCTETS = st.binary(min_size=6, max_size=6)
FULL_WIDTH = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})
SPELLINGS: dict[str, Callable[[str], str]] = {
    "linux": lambda mac: mac,
    "windows": lambda mac: mac.replace(":", "-"),
    "cisco": mac_dotted,
    "huawei": mac_dashed4,
    "procurve": lambda mac: mac.replace(":", "")[:6] + "-" + mac.replace(":", "")[6:],
    "bare": lambda mac: mac.replace(":", ""),
    "hexadecimal": lambda mac: "0x" + mac.replace(":", ""),
    "hexadecimal in capitals": lambda mac: "0X" + mac.replace(":", ""),
    "brocade": lambda mac: mac_dotted(mac).replace(".", ":"),
    "dotted pairs": lambda mac: mac.replace(":", "."),
    "snmp hex string": lambda mac: mac.replace(":", " "),
    "net-snmp": lambda mac: ":".join(f"{int(octet, 16):x}" for octet in mac.split(":")),
    "net-snmp with dashes": lambda mac: "-".join(f"{int(octet, 16):x}" for octet in mac.split(":")),
}
DRESSES: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "capitals": str.upper,
    "blanks": lambda text: f" \t{text}\n",
    "full width": lambda text: text.translate(FULL_WIDTH),
    "wide blanks": lambda text: f"\u3000{text}\u00a0",
    "byte order mark": lambda text: f"\ufeff{text}",
    "direction mark": lambda text: f"\u202a{text}",
    "chinese colon": lambda text: text.replace(":", "："),
    "long dash": lambda text: text.replace("-", "–"),
    "chinese full stop": lambda text: text.replace(".", "。"),
}


@given(OCTETS, st.sampled_from(sorted(SPELLINGS)), st.sampled_from(sorted(DRESSES)))
def test_every_spelling_becomes_one(octets: bytes, spelling: str, dress: str) -> None:
    mac = mac_from_octets(octets)
    assert CANONICAL.fullmatch(mac)
    assert parse_mac(DRESSES[dress](SPELLINGS[spelling](mac))) == mac


@given(st.text())
def test_noise_is_refused_or_becomes_a_mac(noise: str) -> None:
    try:
        assert CANONICAL.fullmatch(parse_mac(noise))
    except InputError as error:
        assert str(error).isprintable()
        assert error.next_step is not None


@given(st.text(alphabet="0123456789abcdefABCDEFxg:.- 。：", max_size=24))
def test_noise_that_looks_like_a_mac_is_refused_or_keeps_its_digits(noise: str) -> None:
    try:
        mac = parse_mac(noise)
    except InputError:
        return
    digits = re.sub(r"[^0-9a-f]", "", noise.lower().removeprefix("0x").strip().removeprefix("0x"))
    assert mac.replace(":", "").replace("0", "") == digits.replace("0", "")


@pytest.mark.parametrize(
    "text",
    [
        "00:11:22:33:44", "00:11:22:33:44:55:66", "00:11:22:33:44-55", "0011.2233-4455", "0011.2233.445",
        "00:11:22:33:44:5", "0:11:22:33:44:05", "00:11:22:33:44:055", "001122334455 aa", "0011-22334455", "::::::",
        "001122.334455", "00112233445g", "0.17.34.51.68.85", "x00112233445", "unknown", "0x",
    ],
)  # fmt: skip
def test_what_is_no_mac_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(
        InputError, match=re.escape(f"'{text}' is not a MAC address. Next: write 12 hexadecimal digits")
    ):
        parse_mac(text)


@pytest.mark.parametrize("text", ["", "  ", "\u3000", "\ufeff"])
def test_an_empty_cell_says_so(text: str) -> None:
    with pytest.raises(InputError, match="the MAC address is empty"):
        parse_mac(text)


@pytest.mark.parametrize("text", ["112233445566.0", "1.12233E+11", "1,1E11", "5E+09", "1122334455", "0", "１１２２.0"])
def test_a_number_from_a_spreadsheet_is_told_with_the_remedy(text: str) -> None:
    with pytest.raises(InputError, match=r"the spreadsheet changed it\. Next: format the column as text"):
        parse_mac(text)


def test_an_address_of_digits_only_is_no_spreadsheet_accident() -> None:
    assert parse_mac("112233445566") == "11:22:33:44:55:66"
    assert parse_mac("0011E2334455") == "00:11:e2:33:44:55"


def test_a_message_shows_a_long_text_shortened_and_control_characters_escaped() -> None:
    with pytest.raises(InputError) as caught:
        parse_mac("a\x00\n" + "b" * 10_000)
    assert "'a\\x00\\x0ab" in str(caught.value)
    assert "…'" in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("octets", [b"", b"\x00" * 5, b"\x00" * 7])
def test_octets_that_are_not_six_are_refused(octets: bytes) -> None:
    with pytest.raises(InputError, match=f"a MAC address has 6 octets, not {len(octets)}"):
        mac_from_octets(octets)


@given(OCTETS)
def test_the_bits_of_the_first_octet_tell_group_and_local_addresses(octets: bytes) -> None:
    mac = mac_from_octets(octets)
    assert is_multicast(mac) == bool(octets[0] & 1)
    assert is_local(mac) == bool(octets[0] & 2)
    assert is_unicast(mac) == (not octets[0] & 1 and any(octets))


def test_no_device_has_the_null_or_the_broadcast_address() -> None:
    assert not is_unicast(parse_mac("0000.0000.0000"))
    assert not is_unicast(parse_mac("ffff-ffff-ffff"))
    assert is_multicast("ff:ff:ff:ff:ff:ff")
    assert not is_multicast("00:00:00:00:00:00")


def test_vendors_spellings() -> None:
    mac = "00:1a:2b:3c:4d:5e"
    assert (mac_colons(mac), mac_dotted(mac), mac_dashed4(mac)) == (mac, "001a.2b3c.4d5e", "001a-2b3c-4d5e")
