"""What a USB device says of itself: the kernel's `descriptors` file, read with suspicion.

The file is the device descriptor (18 bytes) and, behind it, every configuration as the device sent it: a chain of
blocks that each begin with their length and their type (USB 2.0 section 9.5 and 9.6; USB 3.2 section 9.6 for the
SuperSpeed companions; the interface association of the USB 2.0 ECN). All of it can be read while the device is still
refused. The device wrote every byte, so whatever does not fit exactly is refused: a chain that we and the kernel could
read in two ways might hide an interface.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from policies.errors import InputError
from policies.texts import Text, t
from policies.usb import HID, HUB, STORAGE, UsbInterface

#: The longest file that the kernel gives out (drivers/usb/core/sysfs.c): the device descriptor and 65535 bytes more.
LONGEST = 18 + 65535
#: More configurations than this the kernel does not read (USB_MAXCONFIG).
MOST_CONFIGURATIONS = 8

_DEVICE, _CONFIGURATION, _INTERFACE, _ENDPOINT = 0x01, 0x02, 0x04, 0x05
_ASSOCIATION, _BOS, _COMPANION, _ISOCHRONOUS_COMPANION = 0x0B, 0x0F, 0x30, 0x31
#: The shortest form of the blocks whose shape the standard fixes; longer ones are allowed to come (section 9.5).
_SHORTEST = {_CONFIGURATION: 9, _INTERFACE: 9, _ENDPOINT: 7, _ASSOCIATION: 8, _COMPANION: 6, _ISOCHRONOUS_COMPANION: 8}
#: Device classes that say "look at the interfaces" (USB-IF, "Defined Class Codes").
_SEE_INTERFACES = frozenset({"00", "ef"})

#: What an interface class means to the person in front of the terminal.
_WORDS: dict[str, Text] = {
    "01": t("a sound device"),
    "02": t("a modem or network card"),
    HID: t("an input device"),
    "06": t("a camera or phone"),
    "07": t("a printer"),
    STORAGE: t("storage"),
    HUB: t("a hub"),
    "0a": t("a modem or network card"),
    "0b": t("a card reader"),
    "0e": t("a video camera"),
    "e0": t("a wireless adapter"),
    "ff": t("a device of the vendor's own kind"),
}
_BOOT_INPUT = {"01": t("a keyboard"), "02": t("a mouse")}


@dataclass(frozen=True, slots=True)
class Descriptors:
    """A device's descriptors: `usb` is the version that it claims (3.20), ids four hex digits, `device_class` two.

    `interfaces` are those of all configurations, as :func:`read_interfaces` gives them.
    """

    usb: str
    vendor_id: str
    product_id: str
    device_class: str
    configurations: int
    interfaces: tuple[UsbInterface, ...]

    @property
    def hub(self) -> bool:
        """Whether any part of it is a hub."""
        return self.device_class == HUB or any(each.usb_class == HUB for each in self.interfaces)


def read_interfaces(data: bytes, where: str = "") -> tuple[UsbInterface, ...]:
    """Give every interface setting of every configuration, in the file's order; see :func:`read_descriptors`.

    Drivers find an interface by its own class or by its device's. So where the device has a class of its own (not 00 or
    ef, which point to the interfaces), each setting of another class is given a second time, with the device's class:
    who allows a class allows nothing else with it.

    Raises:
        InputError: the descriptors do not parse; the device must stay refused.

    """
    return read_descriptors(data, where).interfaces


def read_descriptors(data: bytes, where: str = "") -> Descriptors:
    """Read the whole file; `where` names the device in the error.

    Raises:
        InputError: a block is too short or too long, a configuration is not as long as it says, one is missing or too
            many, or bytes are left over. The device must stay refused.

    """
    if len(data) > LONGEST:
        raise _wrong(where, t("its descriptors are longer than the kernel gives out"))
    if len(data) < 18 or data[0] != 18 or data[1] != _DEVICE:
        raise _wrong(where, t("its device descriptor is not one"))
    count = data[17]
    if not 1 <= count <= MOST_CONFIGURATIONS:
        raise _wrong(
            where, t("it has {count} configurations; 1 to {most} can be", count=count, most=MOST_CONFIGURATIONS)
        )
    device = (f"{data[4]:02x}", f"{data[5]:02x}", f"{data[6]:02x}")
    found: list[UsbInterface] = []
    start = 18
    for number in range(1, count + 1):
        end = _end(data, start, number, where)
        for block in _blocks(data, start, end, where):
            found += _settings(block, data[start + 5], device)
        start = end
    if start != len(data):
        raise _wrong(where, t("{count} bytes follow its last configuration", count=len(data) - start))
    return Descriptors(
        usb=f"{data[3]:x}.{data[2]:02x}",
        vendor_id=f"{int.from_bytes(data[8:10], 'little'):04x}",
        product_id=f"{int.from_bytes(data[10:12], 'little'):04x}",
        device_class=device[0],
        configurations=count,
        interfaces=tuple(dict.fromkeys(found)),
    )


def word(interface: UsbInterface) -> Text:
    """Say what an interface is, for a sentence: a keyboard, storage."""
    if interface.usb_class == HID and interface.subclass == "01" and interface.protocol in _BOOT_INPUT:
        return _BOOT_INPUT[interface.protocol]
    return class_word(interface.usb_class)


def class_word(usb_class: str) -> Text:
    """Say what an interface class (two hex digits) is, for a sentence."""
    return _WORDS.get(usb_class) or t("a device of class {usb_class}", usb_class=usb_class)


def _end(data: bytes, start: int, number: int, where: str) -> int:
    """Give the place behind the configuration at `start`, by its wTotalLength."""
    header = data[start : start + 9]
    if len(header) < 9 or header[1] != _CONFIGURATION:
        raise _wrong(where, t("configuration {number} is missing or cut off", number=number))
    end = start + int.from_bytes(header[2:4], "little")
    # The kernel cuts what it gives out to what it understood and leaves the length in the header as the device sent it:
    # a length that does not fit is a device that sent less, or garbage at its end.
    if end > len(data):
        raise _wrong(where, t("configuration {number} is shorter than it says", number=number))
    return end


def _blocks(data: bytes, start: int, end: int, where: str) -> Iterator[bytes]:
    """Give the blocks of one configuration; they fill it exactly, and the first is the only one of its type."""
    place = start
    while True:
        length = data[place] if place < end else 0
        if length < 2 or place + length > end:
            raise _wrong(
                where, t("a descriptor of {length} bytes at byte {place} cannot be", length=length, place=place)
            )
        kind = data[place + 1]
        if (kind == _CONFIGURATION) != (place == start) or kind in (_DEVICE, _BOS):
            raise _wrong(where, t("a descriptor of type {kind} is where none may be", kind=kind))
        if length < _SHORTEST.get(kind, 2):
            raise _wrong(
                where, t("a descriptor of {length} bytes at byte {place} cannot be", length=length, place=place)
            )
        yield data[place : place + length]
        place += length
        if place == end:
            return


def _settings(block: bytes, configuration: int, device: tuple[str, str, str]) -> list[UsbInterface]:
    if block[1] != _INTERFACE:
        return []
    number, alternate = block[2], block[3]
    own = UsbInterface(configuration, number, alternate, f"{block[5]:02x}", f"{block[6]:02x}", f"{block[7]:02x}")
    if device[0] in _SEE_INTERFACES or device[0] == own.usb_class:
        return [own]
    return [own, UsbInterface(configuration, number, alternate, *device)]


def _wrong(where: str, what: Text) -> InputError:
    return InputError(what, where=where, next_step=t("the device stays refused: use another one"))
