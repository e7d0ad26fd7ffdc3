"""The table of site.toml: every section and key, how it is read, and how the sample explains it.

Adding a section is adding a :class:`~policies.toml.Section` here and a builder; loader, refusals and sample follow.
"""

from __future__ import annotations

from functools import cache

from policies import builders, values
from policies.cards.profile import parse_zone
from policies.clauses.notice import notice
from policies.layout_broker import broker, web
from policies.layout_reader import authority, holidays, policy_keys, profiles, readers
from policies.layout_switch import switches
from policies.layout_terminal import terminals
from policies.layout_traps import traps
from policies.layout_watch import watch
from policies.model import Violation
from policies.texts import LANGUAGES, t
from policies.toml import Key, Section

_PURPOSES = ("face", "blackhole", "quarantine", "management", "other")
_YEAR_S = 31_536_000


@cache
def layout() -> Section:
    """Give the table of the whole file."""
    return Section(
        name="",
        about=t(
            "The site: what Portseal manages, and by which rules. Lines that begin with '#' and no blank are options."
        ),
        keys=(),
        build=builders.site,
        sections=(
            _site(), _policy(), _vlans(), switches(), terminals(), readers(), authority(), profiles(), holidays(),
            broker(), web(), traps(), watch(),
        ),
    )  # fmt: skip


def _site() -> Section:
    return Section(
        name="site",
        about=t("The site itself."),
        keys=(
            Key(
                "name", values.name,
                about=t("The site's name in reports, message topics and evidence; do not change it later."),
                values=t("1 to 64 characters without '/', '+' and '#'"),
                sample='"my-site"',
                required=True,
            ),
            Key(
                "language", values.choice(*LANGUAGES),
                about=t("The language of messages and reports where a user has not chosen one."),
                values=t("one of {options}", options=", ".join(LANGUAGES)),
                sample='"zh"',
                default="zh",
            ),
            Key(
                "zone", values.parsed(parse_zone),
                about=t("The site's own time, by which time profiles and holidays count."),
                values=t("the hours and minutes ahead of UTC, such as +08:00"),
                sample='"+08:00"',
                default="+08:00",
            ),
        ),
        build=builders.plain,
    )  # fmt: skip


def _policy() -> Section:
    defaults = {parameter.name: parameter.default for parameter in notice().parameters}
    seconds = t("whole seconds from {low} to {high}", low=60, high=_YEAR_S)
    return Section(
        name="policy",
        about=t("Parameters of the rules. The defaults and their reasons are those of the shipped notice."),
        keys=(
            Key(
                "violation", values.choice(*Violation),
                about=t("What a switch does with a frame from a foreign MAC on a bound port."),
                values=t("protect (drop), restrict (drop, count and send a trap) or shutdown (block the port)"),
                sample='"restrict"',
                default=defaults["violation"],
                security=t("protect leaves no trace of an attempt; shutdown lets anyone at the cable darken a camera."),
            ),
            Key(
                "bind_ip", values.flag,
                about=t("Also bind the device's IP address to MAC and port where the platform can."),
                values=t("true or false"),
                sample="true",
                default=defaults["bind_ip"],
                security=t("Without it a device with a cloned MAC may use any address."),
            ),
            Key(
                "shut_unused", values.flag,
                about=t("Shut declared ports that nothing is bound to, and park them in the blackhole VLAN."),
                values=t("true or false"),
                sample="true",
                default=defaults["shut_unused"],
                security=t("An open port that nobody uses is the easiest way in; clause 7.1b fails for it."),
            ),
            Key(
                "evidence_max_age_s", values.integer(60, _YEAR_S),
                about=t("How old evidence may be before its verdict turns unverified."),
                values=seconds,
                sample="86400",
                default=defaults["evidence_max_age_s"],
                security=t("A long time lets a changed switch pass on old evidence."),
            ),
            Key(
                "rollback_timeout_s", values.integer(30, 3600),
                about=t("How long the watchdog tries to roll back, or to finish, an apply whose process has died."),
                values=t("whole seconds from {low} to {high}", low=30, high=3600), sample="120",
                default=defaults["rollback_timeout_s"],
                security=t("If it is too short, a switch that is away longer waits half-changed for the next start."),
            ),
            *policy_keys(defaults),
        ),
        build=builders.parameters,
    )  # fmt: skip


def _vlans() -> Section:
    return Section(
        name="vlans",
        about=t("One table for each VLAN of the site, called by its name on the switches."),
        keys=(
            Key(
                "id", values.vlan_id,
                about=t("The VLAN id; two VLANs cannot share one."),
                values=t("1 to 4094"),
                sample="100",
                required=True,
                security=t("Keep VLAN 1 out of use: switches send control traffic untagged on it."),
            ),
            Key(
                "purpose", values.choice(*_PURPOSES),
                about=t("What the VLAN is for: the face network, unused ports, cut-off devices, or management."),
                values=t("one of {options}", options=", ".join(_PURPOSES)),
                sample='"face"',
                required=True,
                security=t("Clause 7.1a is judged on the VLANs of purpose face: nothing foreign may be on them."),
            ),
        ),
        build=builders.vlan,
        named=values.name,
        sample_name="face",
    )  # fmt: skip
