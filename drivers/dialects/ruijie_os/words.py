"""Words that the answers of RGOS share, as regexes without groups."""

#: 0011.2233.4455
MAC = r"[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}"
IP = r"\d{1,3}(?:\.\d{1,3}){3}"
#: GigabitEthernet 0/1, Gi0/1, TenGigabitEthernet 1/0/25, AggregatePort 8, Mobile-Tunnel 1
PORT = r"[A-Z][A-Za-z0-9-]*? ?\d+(?:/\d+)*(?::\d+)?"
#: A line of dashes under a table's header.
RULE = r"[\s-]{4,}$"

#: Lines of a configuration that differ between two readings of the same state.
VOLATILE = (
    r"\s*!",
    r"Building configuration",
    r"Current configuration ?:",
)
