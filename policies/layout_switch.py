"""The table of [switches.NAME] in site.toml: access, ports, exceptions, SNMP."""

from __future__ import annotations

from typing import Any

from policies import builders, values
from policies.layout_traps import trap_sources
from policies.platforms import parse_platform, platforms
from policies.texts import Text, t
from policies.toml import Key, Place, Section, a_list, read_section

_AUTH = ("md5", "sha", "sha224", "sha256", "sha384", "sha512")
_PRIV = ("des", "aes128", "aes192", "aes256")


def switches() -> Section:
    """Give the table of [switches.NAME]."""
    return Section(
        name="switches",
        about=t("One table for each switch. Ports that no key names are never touched."),
        keys=(*_address_keys(), *_login_keys(), *_port_keys(), *_platform_keys(), trap_sources()),
        build=builders.switch,
        sections=(_excepted(), _snmp()),
        named=values.name,
        sample_name="gate-1",
    )


def _address_keys() -> tuple[Key, ...]:
    return (
        Key(
            "platform", values.parsed(parse_platform),
            about=t("What the switch runs; Netmiko's names are understood too."),
            values=t("one of {options}", options=", ".join(platforms())),
            sample='"cisco_ios"',
            required=True,
        ),
        Key(
            "host", values.host,
            about=t("The switch's management address."),
            values=t("a host name or an IP address"),
            sample='"192.168.10.2"',
            required=True,
            security=t("Prefer an address: a name can be pointed to another machine."),
        ),
        Key(
            "port", values.integer(1, 65535),
            about=t("The TCP port of its SSH server."), values=t("1 to 65535"), sample="22", default=22,
        ),
        Key(
            "host_key", values.fingerprint,
            about=t("The fingerprint of the switch's SSH host key, as 'ssh-keygen -lf' prints it."),
            values=t("SHA256: and 43 characters"),
            sample='"SHA256:uNiVztksCsDhcc0u9e8BrrJXVGDqHA0TDvEqqvTDwbE"',
            security=t("Without it the first key seen is trusted, whoever shows it."),
        ),
        Key(
            "timeout_s", values.number(1, 600),
            about=t("How long the switch may stay silent."),
            values=t("seconds from {low} to {high}", low=1, high=600), sample="30.0", default=30.0,
        ),
    )  # fmt: skip


def _login_keys() -> tuple[Key, ...]:
    reference = t("env:NAME, file:PATH or secret:NAME")
    return (
        Key(
            "username", values.login,
            about=t("The account that Portseal logs in with."),
            values=t("a user name"),
            sample='"portseal"',
            default="",
            security=t("Give Portseal an account of its own, so that the switch's own log tells who did what."),
        ),
        Key(
            "password", values.secret,
            about=t("Where the account's password is kept."),
            values=reference,
            sample='"secret:gate-1.password"',
            security=t("The password itself is refused here: this file is read, copied and backed up."),
        ),
        Key(
            "key", values.secret,
            about=t("Where the account's private SSH key is kept; it is tried before the password."),
            values=reference,
            sample='"file:keys/gate-1"',
            security=t("The file must be readable by Portseal's user only (mode 0600)."),
        ),
        Key(
            "enable", values.secret,
            about=t("Where the password of the privileged mode is kept (enable, super)."),
            values=reference,
            sample='"secret:gate-1.enable"',
        ),
    )  # fmt: skip


def _port_keys() -> tuple[Key, ...]:
    return (
        Key(
            "ports", values.strings,
            about=t("All switch ports that the site answers for, bound or not, uplinks included."),
            values=t("a list of ports and ranges, each port once"),
            sample='["Gi1/0/1-24"]',
            default=(),
            security=t("A port that is missing here is neither managed nor counted: clause 7.1b asks for all."),
        ),
        Key(
            "uplinks", _uplink_list,
            about=t("Ports that lead to other switches; a plan never touches them."),
            values=t("a list of ports, or of tables with port, allowed_vlans and native_vlan"),
            sample='["Gi1/0/24", { port = "Gi1/0/23", allowed_vlans = "100,999", native_vlan = 999 }]',
            default=(),
            security=t("Everything is admitted on an uplink: declare it only where another managed switch is."),
        ),
        Key(
            "management_ports", values.strings,
            about=t("Ports on the way between this controller and the switch; a plan never touches them."),
            values=t("a list of ports and ranges, or the VLAN or management interface"),
            sample='["Gi1/0/22"]',
            default=(),
            security=t("If one is missing, a plan can cut the controller off from the switch."),
        ),
        Key(
            "edge_ports", values.strings,
            about=t("Ports that look like uplinks (LLDP, several MACs) and are none: the plan asks about them."),
            values=t("a list of ports and ranges"),
            sample='["Gi1/0/20"]',
            default=(),
            security=t("Look at the cable first: behind an unknown switch several devices would be bound to one port."),
        ),
    )  # fmt: skip


def _platform_keys() -> tuple[Key, ...]:
    return (
        Key(
            "settings", values.settings,
            about=t("Settings of the platform's own, as its page in the documentation lists them."),
            values=t("a table of texts, numbers, true and false"),
            sample='{ bridge = "br0" }',
            default=(),
            security=t("A setting whose name says that it is a secret must be a reference, like password."),
        ),
        Key(
            "write", values.choice("ssh", "snmp"),
            about=t("How Portseal reads and changes this switch for plans: over its command line, or in SNMP sets."),
            values=t("one of {options}", options="ssh, snmp"),
            sample='"ssh"',
            default="ssh",
            security=t("snmp needs SNMPv3 with privacy, and leaves out what SNMP cannot set: see docs/devices.md."),
        ),
        Key(
            "experimental_writes", values.flag,
            about=t("Let Portseal change this switch although its platform's dialect is experimental."),
            values=t("true or false"),
            sample="false",
            default=False,
            security=t("Nobody has shown how such a switch answers: try it on a spare one of the same model first."),
        ),
    )  # fmt: skip


def _excepted() -> Section:
    return Section(
        name="excepted",
        about=t("A port that is left unbound on purpose. It counts as managed until the day it expires."),
        keys=(
            Key(
                "port", values.text,
                about=t("The port, one of the switch's declared ports."), values=t("a declared port"),
                sample='"Gi1/0/21"', required=True,
            ),
            Key(
                "owner", values.text,
                about=t("Who answers for it."), values=t("a person or a unit"),
                sample='"property office"', required=True,
            ),
            Key(
                "reason", values.text,
                about=t("Why it cannot be bound."), values=t("one line of text"),
                sample='"lift intercom, replaced next month"', required=True,
            ),
            Key(
                "expires", values.day,
                about=t("The last day of the exception; afterwards clause 7.1b fails for the port."),
                values=t("a date without quotes, such as 2026-12-31"), sample="2026-12-31", required=True,
                security=t("Keep it short: an excepted port admits any device."),
            ),
        ),
        build=builders.plain,
        many=True,
    )  # fmt: skip


def _snmp() -> Section:
    reference = t("env:NAME, file:PATH or secret:NAME")
    return Section(
        name="snmp",
        about=t("How to ask this switch over SNMP: give community (version 2c) or user (version 3)."),
        keys=(
            Key(
                "host", values.host,
                about=t("The agent's address; the switch's own when absent."), values=t("a host name or an IP address"),
                sample='"192.168.10.2"',
            ),
            Key(
                "port", values.integer(1, 65535),
                about=t("The agent's UDP port."), values=t("1 to 65535"), sample="161", default=161,
            ),
            Key(
                "community", values.secret,
                about=t("Where the read community of SNMPv2c is kept."), values=reference,
                sample='"secret:gate-1.community"', instead="user",
                security=t("SNMPv2c sends it in clear and proves nothing: use version 3 where the switch can."),
            ),
            Key(
                "write_community", values.secret,
                about=t("Where the community for sets over SNMPv2c is kept; without it nothing is set over 2c."),
                values=reference, sample='"secret:gate-1.write"', instead="user",
                security=t("Whoever hears it once can open every port: use version 3 where the switch can."),
            ),
            *_usm_keys(reference),
        ),
        build=builders.snmp,
        optional=True,
    )  # fmt: skip


def _usm_keys(reference: Text) -> tuple[Key, ...]:
    return (
        Key(
            "user", values.login,
            about=t("The user of SNMPv3."), values=t("a user name"), sample='"portseal"', instead="community",
        ),
        Key(
            "auth_protocol", values.choice(*_AUTH),
            about=t("The hash that authenticates messages (RFC 3414, RFC 7860)."),
            values=t("one of {options}", options=", ".join(_AUTH)), sample='"sha"', default="sha",
            security=t("md5 is broken; take the longest hash that the switch knows."),
        ),
        Key(
            "auth_password", values.secret,
            about=t("Where the authentication password is kept."), values=reference,
            sample='"secret:gate-1.auth"', instead="community",
        ),
        Key(
            "priv_protocol", values.choice(*_PRIV),
            about=t("The cipher that hides messages (RFC 3414, RFC 3826)."),
            values=t("one of {options}", options=", ".join(_PRIV)), sample='"aes128"', default="aes128",
            security=t("des is broken; take aes128 or longer."),
        ),
        Key(
            "priv_password", values.secret,
            about=t("Where the privacy password is kept."), values=reference,
            sample='"secret:gate-1.priv"', instead="community",
        ),
        Key(
            "context", values.text,
            about=t("The SNMPv3 context name, where the agent has several."), values=t("one line of text"),
            sample='"vlan-100"', default="",
        ),
    )  # fmt: skip


def _uplink_entry() -> Section:
    return Section(
        name="uplinks",
        about=t("An uplink with the settings that it must have."),
        keys=(
            Key(
                "port", values.text,
                about=t("The uplink's port or range."), values=t("a declared port"), sample='"Gi1/0/24"', required=True,
            ),
            Key(
                "allowed_vlans", values.vlan_list,
                about=t("The VLANs that the trunk may carry."), values=t("a list such as 100,999"), sample='"100,999"',
            ),
            Key(
                "native_vlan", values.vlan_id,
                about=t("The trunk's untagged VLAN."), values=t("1 to 4094"), sample="999",
            ),
        ),
        build=builders.plain,
    )  # fmt: skip


def _uplink_list(raw: object, place: Place) -> tuple[dict[str, Any], ...]:
    entry = _uplink_entry()
    items = ({"port": item} if isinstance(item, str) else item for item in a_list(raw, place))
    return tuple(read_section(entry, item, place.at(index)) for index, item in enumerate(items))
