"""A first guard.toml: the networks that this machine is in, the controller as the control, canaries to be filled in."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from agent.egress.declared import Network
from policies.texts import render, t

_ABOUT = {
    "networks": t("The site's networks. Everything else is denied, in every direction. Keep it as small as it can be."),
    "none": t("This machine is in no network of its own now: write the site's here."),
    "time": t("Time servers outside the networks, for NTP alone."),
    "dhcp": t("Whether this terminal gets its address by DHCP."),
    "controls": t("Who inside the site must answer, by each kind of probe; else a failed canary proves nothing."),
    "canaries": t("Who must never answer: servers that do answer on the internet, of each kind, and one over IPv6."),
    "public": t("These are public servers, as an example: choose whom your site may ask."),
}


def draft(networks: Sequence[Network], broker: tuple[str, int] | None, language: str) -> list[str]:
    """Give the lines of the file; `broker` is the controller's host and port, None when the machine is not enrolled."""

    def about(key: str) -> str:
        return f"# {render(_ABOUT[key], language)}"

    given = [str(each) for each in networks if _is_the_sites(each, broker)] or [str(each) for each in networks]
    host, tcp = "10.1.0.2", "10.1.0.2:8883"
    if broker is not None:
        try:
            address = ip_address(broker[0])
            host, tcp = str(address), f"[{address}]:{broker[1]}" if address.version == 6 else f"{address}:{broker[1]}"
        except ValueError:  # a name: the file takes addresses only
            pass
    return [
        about("networks" if given else "none"),
        f"networks = [{', '.join(map(_quoted, given))}]",
        about("time"),
        "time = []",
        about("dhcp"),
        "dhcp = true",
        "",
        about("controls"),
        "[controls]",
        f"icmp = [{_quoted(host)}]",
        f"tcp = [{_quoted(tcp)}]",
        f"udp = [{_quoted(tcp.rpartition(':')[0] + ':123')}]",
        "",
        about("canaries"),
        about("public"),
        "[canaries]",
        'icmp = ["223.5.5.5", "2400:3200::1"]',
        'tcp = ["223.5.5.5:443", "[2400:3200::1]:443"]',
        'udp = ["203.107.6.88:123"]',
        'dns = ["223.5.5.5", "2400:3200::1"]',
    ]


def _is_the_sites(network: Network, broker: tuple[str, int] | None) -> bool:
    try:
        return broker is not None and ip_address(broker[0]) in network
    except ValueError:
        return False


def _quoted(text: str) -> str:
    return f'"{text}"'
