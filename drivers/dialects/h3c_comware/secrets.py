"""What is secret in a configuration of Comware: group 1 of each regex is blanked. Specific ones first.

Comware marks what it keeps by `simple` or `plain` (clear), `cipher` (can be turned back) and `hash`: all are secret, a
hash is enough for a dictionary. Communities and the keys of SNMPv3 users may stand without such a word.
"""

from __future__ import annotations

_TAGS = "(?!simple |plain |cipher |hash |irreversible-cipher )"

SECRETS = (
    r"snmp-agent usm-user v3 .*\b(?:authentication-mode|auth) (?:md5|sha\S*) (\S+)",
    r"snmp-agent usm-user v3 .*\b(?:privacy-mode|priv) (?:des\S*|3des\S*|aes\S*) (\S+)",
    r"snmp-agent community (?:read|write) (?:simple |cipher )?(\S+)",
    r"snmp-agent target-host .*\bsecurityname (?:cipher )?(\S+)",
    r"\bauthentication-mode (?:hmac-)?(?:md5|sha\S*|simple)(?: \d+)? (?:plain |simple |cipher )?" + _TAGS + r"(\S+)",
    r"^(?! *description ).*\b(?:simple|plain|cipher|hash) " + _TAGS + r"(?!authentication-mode )(\S+)",
    r"\b(?:pre-)?shared-key " + _TAGS + r"(\S+)",
    r"^ *key (?:authentication|accounting|authorization) " + _TAGS + r"(\S+)",
    r"^ *(?:set authentication |super )?password " + _TAGS + r"(?=\S*[\d$])(\S+)$",
    r"://[^\s:/@]+:([^\s@]+)@",
)
