"""Words that the answers of Huawei VRP share, as regexes without groups."""

#: 0011-2233-4455
MAC = r"[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}"
IP = r"\d{1,3}(?:\.\d{1,3}){3}"
#: GigabitEthernet0/0/1, GE1/0/1, 40GE0/0/1, XGE0/0/1, Eth-Trunk4.10, MEth0/0/1, Wlan-Bss1
PORT = r"(?:\d{2,3}GE|[A-Za-z][A-Za-z-]*)\d+(?:/\d+){0,3}(?:[.:]\d+)?"
#: What VRP adds to a port's name in a list: its speed (10G), or what it is (v).
MARK = r"(?:\(\w{1,4}\))?"
#: A line of dashes, alone or in pieces.
RULE = r"[\s-]{4,}$"
#: VRP's word for what stands in no table.
INFO = r"\s*Info: "

#: Lines of a configuration that differ between two readings of the same state: comments, which tell the times of the
#: last change and the last save, separators, and a PIN that is encrypted anew at each reading.
VOLATILE = (r"\s*!", r"\s*#\s*$", r".*\bpin verify ")
#: A banner's lines may look like configuration; it is in quotes, over several lines.
BANNER = (r'header (?:shell|login) information "(?!.*"\s*$)', r'.*"\s*$')
#: The last line of a configuration.
END = r"return\s*$"
RUNNING = "display current-configuration"
STARTUP = "display saved-configuration"
