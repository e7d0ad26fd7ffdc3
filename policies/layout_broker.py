"""The tables of site.toml for the network side of terminals and readers: [broker] and [web]."""

from __future__ import annotations

from typing import Any

from policies import values
from policies.site import Broker, BrokerMode, Web
from policies.texts import Text, t
from policies.toml import Key, Place, Section, a_list


def broker() -> Section:
    """Give the table of [broker]."""
    return Section(
        name="broker",
        about=t("The MQTT broker between the controller, the terminals and the readers."),
        keys=(*_broker_keys(), *_external_keys(), *_legacy_keys()),
        build=build_broker,
    )


def web() -> Section:
    """Give the table of [web]."""
    return Section(
        name="web",
        about=t("The controller's HTTPS door: terminals enrol at it, and readers that speak HTTP send their swipes."),
        keys=(
            Key(
                "host", values.host,
                about=t("The name or address by which terminals reach the door; that of the broker when absent."),
                values=t("a host name or an IP address"),
                sample='"192.168.10.2"',
                default="",
            ),
            _listen("listen", t("The address that the door listens on."), Web().listen),
            Key(
                "port", values.integer(1, 65_535),
                about=t("The port that the door listens on."),
                values=t("1 to 65535"), sample="8843", default=Web().port,
            ),
        ),
        build=lambda found, _: Web(**found),
    )  # fmt: skip


def _broker_keys() -> tuple[Key, ...]:
    return (
        Key(
            "mode", values.choice(*BrokerMode),
            about=t("Whether Portseal runs the broker (Mosquitto) itself, or the site has one."),
            values=t("one of {options}", options=", ".join(BrokerMode)),
            sample='"managed"',
            default="managed",
            security=t("Of an external broker nobody here can say whether it keeps identities apart."),
        ),
        Key(
            "host", values.host,
            about=t("The name or address by which terminals reach the broker; needed to enrol them."),
            values=t("a host name or an IP address"),
            sample='"192.168.10.2"',
            default="",
        ),
        Key(
            "names", _hosts,
            about=t("Further names and addresses of the same machine, for the certificate."),
            values=t("a list of host names and IP addresses"),
            sample='["portseal.example"]',
            default=(),
        ),
        _listen("listen", t("The address that a managed broker listens on."), Broker().listen),
        Key(
            "port", values.integer(1, 65_535),
            about=t("The broker's port for MQTT over TLS."),
            values=t("1 to 65535"), sample="8883", default=Broker().port,
        ),
    )  # fmt: skip


def _external_keys() -> tuple[Key, ...]:
    path = t("the path of a PEM file, from the site folder")
    return (
        Key(
            "authority", values.text,
            about=t("External broker: the certificate of the authority that vouches for it."),
            values=path, sample='"keys/broker-ca.pem"', default="",
        ),
        Key(
            "certificate", values.text,
            about=t("External broker: the certificate by which it knows the controller; else the site's own."),
            values=path, sample='"keys/external.pem"', default="",
        ),
        Key(
            "key", values.text,
            about=t("External broker: the key of that certificate."),
            values=path, sample='"keys/external.key"', default="",
        ),
    )  # fmt: skip


def _legacy_keys() -> tuple[Key, ...]:
    return (
        _listen(
            "legacy_listen",
            t("The address for readers that can show no certificate (ESP-RFID, Tasmota)."),
            Broker().legacy_listen,
            t("Name the address in the readers' own VLAN: whoever reaches it can send what looks like a swipe."),
        ),
        Key(
            "legacy_port", values.integer(0, 65_535),
            about=t("The port for readers that can show no certificate, open when one has a login; 0: never."),
            values=t("0 to 65535"), sample="1883", default=1883,
            security=t("What comes in there is in clear, and never opens storage alone."),
        ),
    )  # fmt: skip


def _listen(name: str, about: Text, default: str, security: Text | None = None) -> Key:
    wanted = t("an IP address of this machine, or 0.0.0.0 for all")
    return Key(name, values.host, about, wanted, f'"{default}"', default=default, security=security)


def _hosts(raw: object, place: Place) -> tuple[str, ...]:
    items = [raw] if isinstance(raw, str) else a_list(raw, place)
    return tuple(values.host(item, place.at(index)) for index, item in enumerate(items))


def build_broker(found: dict[str, Any], place: Place) -> Broker:
    """Build [broker]: what an external one needs, and what a managed one has no use for."""
    made = Broker(**{**found, "mode": BrokerMode(found["mode"])})
    external = {"authority": made.authority, "certificate": made.certificate, "key": made.key}
    if made.mode is BrokerMode.MANAGED:
        for key in (key for key, value in external.items() if value):
            raise place.at(key).error(
                t("this key belongs to an external broker"), t('remove it, or write mode = "external"')
            )
        if made.legacy_port == made.port:
            raise place.at("legacy_port").error(
                t("the broker listens on port {port} too", port=made.port), t("give one of them another port")
            )
        return made
    for key in ("host", "authority"):
        if not getattr(made, key):
            raise place.at(key).error(
                t("an external broker needs the key {key}", key=key), t('add it, or write mode = "managed"')
            )
    if bool(made.certificate) is not bool(made.key):
        raise place.at("key" if made.certificate else "certificate").error(
            t("certificate and key belong together"), t("add the missing one, or remove both")
        )
    if made.legacy_port not in (0, Broker().legacy_port):
        raise place.at("legacy_port").error(
            t("an external broker has its listeners in its own configuration"), t("remove it")
        )
    return made
