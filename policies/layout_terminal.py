"""The table of [terminals.NAME] in site.toml: what a terminal is, the register of its USB ports, and its lock."""

from __future__ import annotations

from policies import builders, values
from policies.layout_offline import offline
from policies.terminal import LockLevel, TerminalPlatform, port_path
from policies.texts import t
from policies.toml import Key, Section


def terminals() -> Section:
    """Give the table of [terminals.NAME]."""
    return Section(
        name="terminals",
        about=t(
            "One table for each application terminal with face-recognition data, those without an agent too: what is"
            " missing here is outside the coverage of clause 7.2, and nobody would notice."
        ),
        keys=(*_machine_keys(), *_people_keys()),
        build=builders.terminal,
        sections=(_register(), _lock(), offline()),
        named=values.name,
        sample_name="guard-1",
    )


def _machine_keys() -> tuple[Key, ...]:
    return (
        Key(
            "platform", values.choice(*TerminalPlatform),
            about=t("What the terminal runs; recorder is a video recorder with a system of its own."),
            values=t("one of {options}", options=", ".join(TerminalPlatform)),
            sample='"linux"',
            required=True,
        ),
        Key(
            "agent", values.flag,
            about=t("Whether portseal-agent runs on it; it needs Linux."),
            values=t("true or false"),
            sample="true",
            required=True,
            security=t("Without the agent nothing is read back: a lock that a person attests is all that counts."),
        ),
        Key(
            "description", values.text,
            about=t("What it is used for."), values=t("one line of text"), sample='"video export"', default="",
        ),
        Key(
            "photo", values.site_path,
            about=t("A photo of its USB ports with their labels, as a path in the site folder."),
            values=t("a path without '..' that does not begin with '/'"),
            sample='"photos/guard-1.jpg"',
            default="",
        ),
    )  # fmt: skip


def _people_keys() -> tuple[Key, ...]:
    return (
        Key(
            "place", values.text,
            about=t("Where it stands."), values=t("a building and a room"), sample='"guard room, east gate"',
            required=True,
        ),
        Key(
            "owner", values.text,
            about=t("Who answers for it."), values=t("a person or a unit"), sample='"security office"', required=True,
        ),
    )  # fmt: skip


def _register() -> Section:
    return Section(
        name="register",
        about=t("A USB port that the machine has, inside the case too. One entry for each hole, by either half of it."),
        keys=(
            Key(
                "port", values.parsed(port_path),
                about=t("Its port path, as 'portseal-agent census' prints it."),
                values=t("a path such as pci-0000:00:14.0-usbv2-0:2"),
                sample='"pci-0000:00:14.0-usbv2-0:2"',
                required=True,
                security=t("A port that the census sees and no entry names fails clause 7.2a."),
            ),
            Key(
                "label", values.text,
                about=t("The words by which a person finds it on the case; they are on the photo."),
                values=t("one line of text"), sample='"front left"', required=True,
            ),
            Key(
                "internal", values.flag,
                about=t("Whether it is inside the case: a header of the mainboard, a built-in camera."),
                values=t("true or false"), sample="false", default=False,
                security=t("Whoever opens the case finds it: it is counted as any other port."),
            ),
        ),
        build=builders.registered_port,
        many=True,
    )  # fmt: skip


def _lock() -> Section:
    return Section(
        name="lock",
        about=t("The anti-plug lock on its USB ports. Clause 7.2b fails without one: the sentence names a device."),
        keys=(
            Key(
                "level", values.choice(*LockLevel),
                about=t("What it is: none, attested by a person (L2), or sensed and driven by the swipe (L3)."),
                values=t("one of {options}", options=", ".join(LockLevel)),
                sample='"attested"',
                required=True,
            ),
            Key(
                "model", values.text,
                about=t("Its maker and model."), values=t("one line of text"), sample='"KeyLock U4"', default="",
            ),
            Key(
                "id", values.text,
                about=t("Its serial number, or the name by which a sensed lock reports."),
                values=t("one line of text"), sample='"U4-20417"', default="",
            ),
            Key(
                "attested_by", values.text,
                about=t("Who has seen it in place and vouches for it."), values=t("a person or a unit"),
                sample='"Wang Li, security office"', default="",
            ),
            Key(
                "report", values.text,
                about=t("The test report or acceptance paper that the attestation rests on."),
                values=t("a number or a title"), sample='"GA 2026-0117"', default="",
            ),
            Key(
                "expires", values.day,
                about=t("The last day of the attestation; afterwards it counts for nothing."),
                values=t("a date without quotes, such as 2026-12-31"), sample="2026-12-31",
                security=t("Keep it to a year: nobody has looked at the lock since."),
            ),
        ),
        build=builders.lock,
        optional=True,
    )  # fmt: skip
