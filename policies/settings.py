"""The settings of a port in words, for people; the names are those of :class:`policies.model.PortConfig`."""

from __future__ import annotations

from collections.abc import Mapping

from policies.texts import Text, t

#: A setting in words, for people.
SETTING_WORDS: Mapping[str, Text] = {
    "mode": t("port mode"),
    "access_vlan": t("VLAN"),
    "native_vlan": t("native VLAN"),
    "allowed_vlans": t("allowed VLANs"),
    "secure": t("port security"),
    "maximum": t("maximum of MACs"),
    "violation": t("violation action"),
    "sticky": t("sticky learning"),
    "secure_macs": t("bound MACs"),
    "ip_bindings": t("bound IPs"),
    "source_guard": t("IP source guard"),
    "admin_up": t("administrative state"),
    "description": t("description"),
    "vlans": t("VLAN list"),
    "startup": t("startup configuration"),
}
