"""Descriptors of devices, honest and hostile: read whole, or refused with one typed error."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.usb.descriptors import LONGEST, MOST_CONFIGURATIONS, class_word, read_descriptors, read_interfaces, word
from policies.errors import InputError
from policies.usb import UsbInterface


def raw(text: str) -> bytes:
    return bytes.fromhex(text.replace("\n", " "))


#: A boot keyboard after the example in the HID specification 1.11, appendix E: one interface, HID block, one endpoint.
KEYBOARD = raw("""
12 01 00 02 00 00 00 08 6d 04 1c c3 00 64 01 02 00 01
09 02 22 00 01 01 00 a0 32
09 04 00 00 01 03 01 01 00  09 21 10 01 00 01 22 41 00  07 05 81 03 08 00 0a
""")
#: A USB 3 stick as lsusb shows them: bulk-only with SuperSpeed companions (USB 3.2, section 9.6.7).
STICK = raw("""
12 01 10 03 00 00 00 09 81 07 81 55 00 01 01 02 03 01
09 02 2c 00 01 01 00 80 70
09 04 00 00 02 08 06 50 00
07 05 81 02 00 04 00  06 30 03 00 00 00
07 05 02 02 00 04 00  06 30 03 00 00 00
""")
#: A webcam's head: interface association (type 0b), a video control block of the class (type 24), two alternates.
CAMERA = raw("""
12 01 00 02 ef 02 01 40 6d 04 25 08 10 00 01 02 00 01
09 02 39 00 02 01 00 80 fa
08 0b 00 02 0e 03 00 00
09 04 00 00 00 0e 01 00 00  0d 24 01 00 01 0d 00 80 8d 5b 00 01 01
09 04 01 00 00 0e 02 00 00
09 04 01 01 00 0e 02 00 00
""")
#: A high-speed hub with two transaction-translator settings (USB 2.0, section 11.23.1).
HUB = raw("""
12 01 00 02 09 00 02 40 e3 05 08 06 85 60 00 01 00 01
09 02 29 00 01 01 00 e0 32
09 04 00 00 01 09 00 01 00  07 05 81 03 01 00 0c
09 04 00 01 01 09 00 02 00  07 05 81 03 01 00 0c
""")
REAL = {"keyboard": KEYBOARD, "stick": STICK, "camera": CAMERA, "hub": HUB}


def device(*configurations: bytes, usb_class: int = 0, count: int | None = None) -> bytes:
    number = len(configurations) if count is None else count
    head = bytes([18, 1, 0, 2, usb_class, 0, 0, 64, 0x34, 0x12, 0x78, 0x56, 0, 1, 0, 0, 0, number & 0xFF])
    return head + b"".join(configurations)


def configuration(*blocks: bytes, value: int = 1, total: int | None = None) -> bytes:
    body = b"".join(blocks)
    size = 9 + len(body) if total is None else total
    return bytes([9, 2, size & 0xFF, size >> 8, len(blocks) & 0xFF, value, 0, 0x80, 50]) + body


def interface(number: int, usb_class: int, alternate: int = 0) -> bytes:
    return bytes([9, 4, number, alternate, 0, usb_class, 6, 0x50, 0])


STORAGE = interface(0, 8)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("keyboard", [(0, 0, "03:01:01")]),
        ("stick", [(0, 0, "08:06:50")]),
        ("camera", [(0, 0, "0e:01:00"), (1, 0, "0e:02:00"), (1, 1, "0e:02:00")]),
        ("hub", [(0, 0, "09:00:01"), (0, 1, "09:00:02")]),
    ],
)
def test_real_devices_show_all_their_settings(name: str, expected: list[tuple[int, int, str]]) -> None:
    found = read_interfaces(REAL[name])
    assert [(each.number, each.alternate, f"{each.usb_class}:{each.subclass}:{each.protocol}") for each in found] == (
        expected
    )
    assert {each.configuration for each in found} == {1}


def test_a_device_descriptor_is_read() -> None:
    read = read_descriptors(STICK)
    assert (read.usb, read.vendor_id, read.product_id, read.device_class) == ("3.10", "0781", "5581", "00")
    assert read.configurations == 1
    assert not read.hub
    assert read_descriptors(HUB).hub


def test_interfaces_of_every_configuration_are_given() -> None:
    data = device(configuration(STORAGE, value=1), configuration(interface(0, 3), value=2))
    assert [(each.configuration, each.number, each.usb_class) for each in read_interfaces(data)] == [
        (1, 0, "08"),
        (2, 0, "03"),
    ]


def test_a_hub_that_hides_in_an_interface_is_a_hub() -> None:
    assert read_descriptors(device(configuration(STORAGE, interface(1, 9)))).hub
    assert not read_descriptors(device(configuration(STORAGE))).hub


def test_the_class_of_the_device_counts_for_every_interface() -> None:
    """Drivers also match by the device's class, so it is shown; 00 and ef only point to the interfaces."""
    vendor = read_interfaces(device(configuration(STORAGE), usb_class=0xFF))
    assert [each.usb_class for each in vendor] == ["08", "ff"]
    for harmless in (0x00, 0xEF, 0x08):
        assert [each.usb_class for each in read_interfaces(device(configuration(STORAGE), usb_class=harmless))] == [
            "08"
        ]


def test_a_device_without_an_interface_shows_none() -> None:
    assert read_interfaces(device(configuration())) == ()


HOSTILE = {
    "nothing": b"",
    "one byte": b"\x12",
    "device cut off": KEYBOARD[:17],
    "device alone": KEYBOARD[:18],
    "device of another length": b"\x11" + KEYBOARD[1:],
    "device of another type": KEYBOARD[:1] + b"\x02" + KEYBOARD[2:],
    "no configuration": device(count=0),
    "fewer configurations than said": device(configuration(STORAGE), count=2),
    "more configurations than said": device(configuration(STORAGE), configuration(STORAGE), count=1),
    "nine configurations": device(*[configuration(STORAGE)] * 9),
    "forty configurations": device(*[configuration(STORAGE)] * 40),
    "configuration cut off": device(configuration(STORAGE)[:8]),
    "block of length 0": device(configuration(STORAGE, b"\x00\x04", total=20)),
    "block of length 1": device(configuration(STORAGE, b"\x01\x04", total=20)),
    "block longer than its configuration": device(configuration(STORAGE, b"\x09\x24", total=20)),
    "length says more than came": device(configuration(STORAGE, total=400)),
    "length says less than came": device(configuration(STORAGE, interface(1, 3), total=18)),
    "length of 0": device(configuration(STORAGE, total=0)),
    "length inside the header": device(configuration(STORAGE, total=5)),
    "one byte left over": KEYBOARD + b"\x00",
    "interface of 8 bytes": device(configuration(b"\x08\x04\x00\x00\x00\x03\x01\x01")),
    "endpoint of 6 bytes": device(configuration(STORAGE, b"\x06\x05\x81\x02\x00\x02")),
    "companion of 5 bytes": device(configuration(STORAGE, b"\x05\x30\x00\x00\x00")),
    "association of 7 bytes": device(configuration(STORAGE, b"\x07\x0b\x00\x02\x0e\x03\x00")),
    "configuration within a configuration": device(configuration(STORAGE, configuration(value=2))),
    "device within a configuration": device(configuration(STORAGE, KEYBOARD[:18])),
    "longer than the kernel gives": device(configuration(STORAGE)) + bytes(LONGEST),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_descriptors_are_refused_with_the_devices_name(name: str) -> None:
    with pytest.raises(InputError) as caught:
        read_interfaces(HOSTILE[name], "1-2.4")
    assert caught.value.where == "1-2.4"
    assert caught.value.next_step is not None


def test_what_is_refused_above_is_read_when_it_is_honest() -> None:
    """The control: the builders make good descriptors, up to the most that can be."""
    most = device(*[configuration(STORAGE, value=each + 1) for each in range(MOST_CONFIGURATIONS)])
    assert len(read_interfaces(most)) == MOST_CONFIGURATIONS
    blocks = (
        STORAGE,
        b"\x07\x05\x81\x02\x00\x02\x00",
        b"\x06\x30\x00\x00\x00\x00",
        b"\x08\x0b\x00\x02\x0e\x03\x00\x00",
    )
    assert len(read_interfaces(device(configuration(*blocks)))) == 1
    long = configuration(STORAGE, *[bytes([255, 0x24]) + bytes(253)] * 256)
    assert len(read_interfaces(device(long))) == 1


@given(st.binary(max_size=600))
@example(b"")
def test_noise_raises_nothing_but_the_typed_error(data: bytes) -> None:
    try:
        assert read_interfaces(data) is not None
    except InputError as error:
        assert str(error)


@given(st.sampled_from(sorted(REAL)), st.data())
def test_a_damaged_device_is_read_or_refused_but_never_more(name: str, data: st.DataObject) -> None:
    damaged = bytearray(REAL[name])
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_interfaces(bytes(damaged))
    except InputError:
        return
    assert len(found) <= len(damaged) // 9 * 2


@given(st.sampled_from(sorted(REAL)), st.data())
def test_a_device_that_is_cut_off_anywhere_is_refused(name: str, data: st.DataObject) -> None:
    whole = REAL[name]
    with pytest.raises(InputError):
        read_interfaces(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 31), st.integers(0, 255), st.integers(0, 3)), max_size=6),
        min_size=1,
        max_size=MOST_CONFIGURATIONS,
    )
)
def test_no_interface_of_an_honest_device_is_missed(configurations: list[list[tuple[int, int, int]]]) -> None:
    data = device(
        *[
            configuration(*[interface(number, kind, alternate) for number, kind, alternate in blocks], value=place)
            for place, blocks in enumerate(configurations, 1)
        ]
    )
    expected = {
        (place, number, alternate, f"{kind:02x}")
        for place, blocks in enumerate(configurations, 1)
        for number, kind, alternate in blocks
    }
    found = {(each.configuration, each.number, each.alternate, each.usb_class) for each in read_interfaces(data)}
    assert found == expected


def test_interfaces_have_words() -> None:
    assert str(word(read_interfaces(KEYBOARD)[0])) == "a keyboard"
    assert str(word(UsbInterface(1, 0, 0, "03", "01", "02"))) == "a mouse"
    assert str(word(UsbInterface(1, 0, 0, "03", "00", "00"))) == "an input device"
    assert str(word(read_interfaces(STICK)[0])) == "storage"
    assert str(class_word("dc")) == "a device of class dc"
