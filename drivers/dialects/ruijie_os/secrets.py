"""What is secret in a configuration of RGOS: group 1 of each regex is blanked. Specific ones first.

Reversible forms (type 7), hashes and clear text are all secret. A public configuration of RGOS 10.4 shows clear text:
`no service password-encryption` is the default there.
"""

from __future__ import annotations

SECRETS = (
    r"\b(?:secret|password)(?: level \d+)?(?: [0578])? (\S.*)",
    r"snmp-server community (?:[078] )?(\S+)",
    r"snmp-server host \S+(?: vrf \S+)?(?: (?:traps|informs))?(?: version (?:1|2c|3 (?:no)?auth|3 priv))? (\S+)",
    r"snmp-server user .* auth (?:md5|sha\S*) (\S+)",
    r"snmp-server user .* (?:priv|priv-) ?(?:des\S*|aes\S*) (\S+)",
    r"(?:message-digest|authentication)-key(?: \d+)?(?: md5)?(?: [07])? (\S+)",
    r"(?:key-string|server-key|pre-shared-key)(?: [07])? (\S.*)",
    r"(?<![-\w])key (?!chain )(?:[07] )?(\S+)$",
    r"(?:wpa-psk|psk|passphrase)(?: (?:ascii|hex|set-key))*(?: [07])? (\S+)$",
    r"://[^\s:/@]+:([^\s@]+)@",
)
