"""What is secret in a configuration of Huawei VRP: group 1 of each regex is blanked. Specific ones first.

Ciphertext is as secret as clear text: VRP's `cipher` is reversible, and a hash is enough for a dictionary.
"""

from __future__ import annotations

#: What follows is not the secret itself but how it is written.
_FORM = r"(?!(?:cipher|simple|plain|irreversible-cipher) )"

SECRETS = (
    # VRP puts ciphertext between marks; what the marks enclose may hold anything but a blank.
    r"(%\^%#\S*%\^%#|%@%@\S*%@%@|%\+%#\S*%\+%#|%#%#\S*%#%#|@%@%\S*@%@%|\$1[a-d]\$\S+)",
    r"(?<!server )(?<!client )\b(?:irreversible-)?cipher (?!suite\b)(\S+)",
    rf"\b(?:simple|plain) {_FORM}(\S+)",
    rf"snmp-agent community (?:read|write) {_FORM}(\S+)",
    rf"snmp-agent usm-user .*authentication-mode \S+ {_FORM}(\S+)",
    rf"snmp-agent usm-user .*privacy-mode \S+ {_FORM}(\S+)",
    rf"securityname {_FORM}(\S+)",
    rf"shared-key {_FORM}(\S+)",
    rf"(?:local-user \S+|super|set authentication) password (?:level \d+ )?{_FORM}(?!expire|policy|aging)(\S+)",
    rf"(?:vrrp|vrrp6) vrid \d+ authentication-mode \S+ {_FORM}(\S+)",
    rf"(?:key-string|pre-shared-key|authentication-key|cak) {_FORM}(\S+)",
    r"pass-phrase (?!cipher )(\S+)",
    r"\bpsk (?!cipher |pass-phrase |hex )(\S+)",
    r"pin verify (?:auto )?(\S+)",
    r"://[^\s:/@]+:([^\s@]+)@",
)
