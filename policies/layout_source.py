"""Keys of [readers.NAME] that say where its messages come from and what proves them, and what they demand together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import combinations
from typing import Any

from policies import values
from policies.cards.rights import Reader, Trust
from policies.errors import InputError
from policies.messages.filters import overlap, read_filter
from policies.messages.identities import is_reserved
from policies.names.shown import shown
from policies.texts import t
from policies.toml import Key, Place

#: What a reader's messages look like; those of PROVING carry a proof of where they come from.
FORMATS = (
    "native", "uhppoted", "esp-rfid", "esphome", "tasmota", "zigbee2mqtt", "hikvision", "dahua", "dahua-vto",
)  # fmt: skip
PROVING = frozenset({"native", "uhppoted"})
#: Formats whose device can send to a webhook; they do when no topic is set.
POSTING = frozenset({"hikvision", "dahua"})
#: Formats whose messages name their device or door, so that several readers can share a topic.
SELECTING = frozenset({"uhppoted", "esp-rfid", "hikvision", "dahua", "dahua-vto"})

_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_VTO = ("AccessControl/Event", "DoorCard/Event")


def source_keys() -> tuple[Key, ...]:
    """Give the keys."""
    return (*_ways_in(), *_proofs())


def _ways_in() -> tuple[Key, ...]:
    return (
        Key(
            "topic", _filters,
            about=t("Where the source publishes, in its own words; native readers have a topic of their own."),
            values=t("an MQTT topic or a list of them; + and # are understood behind the first '/'"),
            sample='"uhppoted/gateway/events/live"',
            default=(),
            security=t("Whoever may write this topic can say which card was swiped: keep it narrow."),
        ),
        Key(
            "webhook", values.name,
            about=t("The last part of the address to which a Hikvision or Dahua device sends; the reader's name when"
                    " absent. Readers of one device share it, and are told apart by device and door."),
            values=t("1 to 64 characters without '/', '+' and '#'"),
            sample='"gate-panel"',
            default="",
            instead="topic",
        ),
        Key(
            "device", values.text,
            about=t("Only messages of this device, where several share a topic; in the source's own words."),
            values=t("a serial number, host name, address or MAC, as the messages have it"), sample='"405419896"',
            default="",
        ),
        Key(
            "door", values.text,
            about=t("Only messages of this door or card reader, where a device has several."),
            values=t("a number or a name, as the messages have it"), sample='"1"', default="",
        ),
        Key(
            "login", values.parsed(_login),
            about=t("The name by which the source logs in, at the broker or the webhook, when it has no certificate."),
            values=t("1 to 64 letters, digits, '_', '.' and '-', no name of one of Portseal's own processes"),
            sample='"gateway-1"',
            default="",
            security=t("To the broker both go in clear: give every source its own pair, used nowhere else."),
        ),
        Key(
            "password", values.secret,
            about=t("Where the password for this login is kept."),
            values=t("env:NAME, file:PATH or secret:NAME"), sample='"secret:gateway-1.password"',
            security=t("The password itself is refused here: this file is read, copied and backed up."),
        ),
    )  # fmt: skip


def _proofs() -> tuple[Key, ...]:
    return (
        Key(
            "secret", values.secret,
            about=t("Where the key of the messages' HMAC is kept (uhppoted); messages without it are then refused."),
            values=t("env:NAME, file:PATH or secret:NAME"), sample='"secret:gateway-1.hmac"',
            security=t("Whoever has it can make swipes of any card: 32 random characters, used nowhere else."),
        ),
        Key(
            "public_key", values.site_path,
            about=t("The public key of a native reader, whose swipes must then be signed: a PEM file (Ed25519)."),
            values=t("a path in the site folder"), sample='"readers/gate.pem"',
            default="",
            instead="secret",
            security=t("Whoever can change the file decides whose swipes count."),
        ),
    )  # fmt: skip


def check_source(found: dict[str, Any], place: Place) -> None:
    """Refuse what does not belong together in one [readers.NAME], at the key to correct."""
    form: str = found["format"]
    _check_ways_in(form, found, place)
    if bool(found["login"]) != bool(found["password"]):
        given, missing = ("login", "password") if found["login"] else ("password", "login")
        raise place.at(given).error(
            t("{given} is there and {key} is missing", given=given, key=missing),
            t("write both, or remove both: then the source needs a certificate"),
        )
    _only(form, found, "secret", form == "uhppoted", place)
    _only(form, found, "public_key", form == "native", place)
    for key in ("device", "door"):
        _only(form, found, key, form in SELECTING, place)
    _check_topics(form, found["topic"], place.at("topic"))
    _check_trust(form, found, place.at("trust"))


def _check_ways_in(form: str, found: dict[str, Any], place: Place) -> None:
    posts = form in POSTING and not found["topic"]
    if not found["topic"] and form not in POSTING and form != "native":
        raise place.at("topic").error(
            t("the required key {key} is missing", key="topic"),
            t("write the topic on which the source publishes its swipes"),
        )
    _only(form, found, "topic", form != "native", place)
    _only(form, found, "webhook", posts, place)
    for key in ("login", "password"):
        # A native reader shows its certificate.
        _only(form, found, key, form != "native", place)


def _only(form: str, found: dict[str, Any], key: str, fits: bool, place: Place) -> None:
    if found[key] and not fits:
        raise place.at(key).error(
            t("this key is not for a reader of format {format} that is set so", format=form),
            t("remove it; docs/readers.md says which keys each format has"),
        )


def _check_topics(form: str, topics: tuple[str, ...], place: Place) -> None:
    if form == "uhppoted" and any(each.endswith("/events") for each in topics):
        raise place.error(
            t("this topic gives events late and in batches"),
            t("write the live one, such as 'uhppoted/gateway/events/live'"),
        )
    ends = {next((end for end in _VTO if each.endswith(f"/{end}")), "") for each in topics}
    if form == "dahua-vto" and (len(ends) != 1 or "" in ends):
        raise place.error(
            t("swipes would count twice, or never"), t("let the topic end with one of {names}", names=", ".join(_VTO))
        )


def _check_trust(form: str, found: dict[str, Any], place: Place) -> None:
    if Trust(found["trust"]) is not Trust.AUTHENTICATED:
        return
    if form not in PROVING:
        raise place.error(
            t("messages of format {format} prove nothing, so that the reader only identifies", format=form),
            t('write trust = "identified", or let the reader speak one of {options}', options=", ".join(FORMATS[:2])),
        )
    if form == "uhppoted" and not found["secret"]:
        raise place.error(
            t("without a secret its messages prove nothing, so that the reader only identifies"),
            t('write secret = "secret:NAME" and set the same HMAC key in the gateway, or trust = "identified"'),
        )


def check_logins(readers: Iterable[Reader], legacy_port: int, place: Place) -> None:
    """Refuse logins that could log in nowhere: `legacy_port` is that of a managed broker, 0 when it has none."""
    for reader in readers:
        if reader.login and reader.topics and not legacy_port:
            raise (
                place.at("readers")
                .at(reader.name)
                .at("login")
                .error(
                    t("the broker does not listen for readers without a certificate"),
                    t("set legacy_port in [broker], such as 1883; or remove login and password"),
                )
            )


def check_apart(readers: Iterable[Reader], place: Place) -> None:
    """Refuse readers that could speak for each other, or that would both take one swipe."""
    for one, other in combinations(readers, 2):
        here = place.at("readers").at(other.name)
        if one.webhook_name and one.webhook_name == other.webhook_name:
            _check_shared(one, other, here.at("door"))
        if one.login and one.login == other.login and one.password != other.password:
            raise here.at("password").error(
                t("the login {login} has another password at the reader {name}", login=one.login, name=shown(one.name)),
                t("write the same reference, or give the two sources two logins"),
            )
        shared = [(left, right) for left in one.topics for right in other.topics if overlap(left, right)]
        if any(left != right for left, right in shared) or (shared and one.login != other.login):
            raise here.at("topic").error(
                t("the reader {name} has a topic in common with this one", name=shown(one.name)),
                t("give each source its own topic; readers of one source have the same topic and the same login"),
            )
        if shared:
            _check_shared(one, other, here.at("door"))


def _check_shared(one: Reader, other: Reader, place: Place) -> None:
    if one.format != other.format or one.secret != other.secret:
        raise place.error(
            t("the reader {name} has the same source, with another format or secret", name=shown(one.name)),
            t("write the same for both, or give each its own source"),
        )
    apart = (one.device and other.device and one.device != other.device) or (
        one.door and other.door and one.door != other.door
    )
    if not apart:
        raise place.error(
            t("the reader {name} would take the same swipes as this one", name=shown(one.name)),
            t("tell them apart: give both a door, or both a device"),
        )


def _filters(raw: object, place: Place) -> tuple[str, ...]:
    texts = values.strings(raw, place)
    found = tuple((place if isinstance(raw, str) else place.at(i)).checked(read_filter, x) for i, x in enumerate(texts))
    for index, one in enumerate(found):
        if any(overlap(one, other) for other in found[:index]):
            raise place.at(index).error(t("{name} stands here twice", name=shown(one)), t("remove one of the two"))
    return found


def _login(text: str) -> str:
    """Read a login. On the broker it is the client's id too: one like a process's would end that one's connection."""
    if not _LOGIN.fullmatch(text) or is_reserved(text):
        raise InputError(
            t("not a login for a reader"),
            next_step=t("write letters, digits, '_', '.' and '-', and none of Portseal's own names (controller, …)"),
        )
    return text
