"""Words that the answers of Cisco IOS and IOS XE share, as regexes without groups."""

#: 0011.2233.4455
MAC = r"[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}"
#: 00:11:22:33:44:55, in the tables of DHCP snooping and source guard
COLON_MAC = r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}"
IP = r"\d{1,3}(?:\.\d{1,3}){3}"
#: Gi1/0/1, GigabitEthernet1/0/1.100, Po1
PORT = r"[A-Z][A-Za-z-]*\d[\d/.:]*"
#: A line of dashes, pluses and equal signs under or between tables.
RULE = r"[\s+=-]{4,}$"

#: Lines of a configuration that differ between two readings of the same state. Comments are all of them: the time of
#: the last change, of the last save, and by whom.
VOLATILE = (
    r"\s*!",
    r"Building configuration",
    r"Current configuration ?:",
    r"Using \d+ out of \d+ bytes",
    r"Uncompressed configuration from ",
    r"ntp clock-period ",
    r"\s+certificate .* nvram:",
    r"startup-config is not present|%% ?Non-volatile configuration memory",
)
#: A certificate's hexadecimal lines; the startup configuration names a file in their place.
CERTIFICATE = (r"\s+certificate (?!.* nvram:)", r"\s+quit\s*$")
#: A banner is shown between ^C and ^C, a macro up to @; their lines may look like configuration.
BANNER = (r"banner \S+ \^C(?!.*\^C)", r".*\^C\s*$")
MACRO = (r"macro name \S", r"@\s*$")
