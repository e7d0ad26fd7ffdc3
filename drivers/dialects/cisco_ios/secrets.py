"""What is secret in a configuration of Cisco IOS and IOS XE: group 1 of each regex is blanked. Specific ones first.

Reversible forms (type 7), hashes and clear text are all secret: a hash is enough for a dictionary. Passwords and keys
may have blanks in them, so what follows them on the line is blanked too.
"""

from __future__ import annotations

SECRETS = (
    r"\b(?:secret|password)(?: level \d+)?(?: \d)? (\S.*)",
    r"(?:snmp mib community-map|ip nhrp authentication) (\S+)",
    r"(?i:event manager environment \S*(?:pw|pass|secret|key|token|cred|community)\S*) (\S.*)",
    r"snmp-server community (\S+)",
    r"snmp-server host \S+(?: vrf \S+)?(?: (?:traps|informs))?(?: version (?:1|2c|3 (?:no)?auth|3 priv))? (\S+)",
    r"snmp-server user .* auth (?:md5|sha\S*(?: \d{3})?) (\S+)",
    r"snmp-server user .* priv (?:des|3des|aes(?: \d{3})?) (\S+)",
    r"(?:message-digest|authentication)-key(?: \d+)?(?: (?:md5|hmac-\S+|sha\S+|cmac-\S+))?(?: \d)? (\S+)",
    r"pre-shared-key (?!address |hostname )(?:local |remote )?(?:hex )?(?:\d )?(\S+)",
    r"(?:key-string|server-key|set-key(?: ascii| hex)?) (?:\d )?(\S.*)",
    r"(?<![-\w])key (?!chain |config-key |pubkey-chain )(?:\d )?(\S+(?: (?!address |hostname )\S+)*)",
    r"authentication text (?:\d )?(\S+)",
    r"(?:standby|vrrp|glbp)(?: \d+)? authentication (?!md5 |text )(\S+)",
    r"(?:wpa-psk|passphrase|wep)(?: (?:ascii|hex))?(?: \d)? (\S+)",
    r"://[^\s:/@]+:([^\s@]+)@",
)
