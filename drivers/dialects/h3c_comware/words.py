"""Words that the answers of Comware share, as regexes without groups."""

#: 0011-2233-4455
MAC = r"[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}"
IP = r"\d{1,3}(?:\.\d{1,3}){3}"
#: GE1/0/1, GigabitEthernet1/0/1, BAGG1, M-GE0/0/0, Vlan-interface10, Eth-channel2/0:0
PORT = r"[A-Z][A-Za-z-]*\d[\d/.:]*"
#: The list of VLANs in a configuration: `1 to 10 20`.
VLANS = r"\d+(?: to \d+)?(?: \d+(?: to \d+)?)*"
#: How every list of MAC addresses ends: `---  2 mac address(es) found  ---`.
FOUND = r"\s*-+\s+(?P<total>\d+) (?i:mac address\(es\) found)\s+-+\s*$"
#: The same for one member of a stack, which is not the whole.
FOUND_ON_SLOT = r"\s*-+ On slot \d+(?: in chassis \d+)?, "
