"""What the pages say beside the code: an example for every command, special exit codes, why we depend on what."""

from __future__ import annotations

#: One line that a reader can copy, for every command.
EXAMPLES = {
    "init": "portseal init /srv/pudong-1 --name pudong-1",
    "doctor": "portseal doctor --offline",
    "inventory import": "portseal inventory import devices.xlsx --dry-run",
    "inventory list": "portseal inventory list --role camera",
    "inventory show": "portseal inventory show cam05",
    "inventory export": "portseal inventory export devices.csv",
    "discover": "portseal discover sw2 --via snmp",
    "bind": "portseal bind cam15 sw2 Gi1/0/1 --mac 02-CA-00-00-00-15 --role camera",
    "unbind": "portseal unbind cam05",
    "swap": 'portseal swap cam05 --mac 02:ca:00:00:00:15 --reason "no picture since 02:10"',
    "plan": "portseal plan sw2 --no-commands",
    "apply": "portseal apply",
    "check": "portseal check --json",
    "port show": "portseal port show sw2 Gi1/0/11",
    "port block": "portseal port block sw2 Gi1/0/11 --reason 'unknown laptop'",
    "port release": "portseal port release sw2 Gi1/0/11 --reason 'laptop removed'",
    "terminal list": "portseal terminal list",
    "terminal show": "portseal terminal show guard-1",
    "terminal census": "portseal terminal census guard-1 guard-1.census",
    "terminal rescue-key": "portseal terminal rescue-key guard-1",
    "terminal rescue": "portseal terminal rescue guard-1 --challenge 00G4-0R4Z-W000-007E --person a0117 --person a0204"
    " --use storage --minutes 15 --reason 'card reader is down'",
    "find": "portseal find 02ca.0000.0005",
    "explain": "portseal explain sw2/Gi1/0/11",
    "audit log": "portseal audit log --kind apply --since 2026-01-31",
    "audit verify": "portseal audit verify --key ledger.pub",
    "audit checkpoint": "portseal audit checkpoint",
    "secret set": "portseal secret set sw2.password",
    "secret list": "portseal secret list",
    "dialect list": "portseal dialect list",
    "dialect show": "portseal dialect show cisco_ios",
    "dialect parse": "portseal dialect parse cisco_ios 'show mac address-table' answer.txt --json",
    "dialect record": "portseal dialect record sw2 sw2.txt",
    "lab terminal start": "portseal lab terminal start",
    "lab terminal plug": "portseal lab terminal plug stick usb1 --port 2 --serial S-1",
    "lab terminal pull": "portseal lab terminal pull usb1",
    "lab up": "portseal lab up --site lab-site",
    "lab down": "portseal lab down",
    "lab status": "portseal lab status",
    "lab run": "portseal lab run --keep",
}

#: What exit codes 1 and 4 mean where a command has them: English, Chinese. 0, 2 and 3 mean the same everywhere.
CODES: dict[str, dict[int, tuple[str, str]]] = {
    "inventory import": {4: ("nobody is there to agree, or did not", "无人在场确认，或未获确认")},
    "inventory list": {1: ("no device has this role", "没有此角色的设备")},
    "apply": {4: ("stale plan, used plan, another writer, or not agreed to", "计划过期或用过、他人正在写入、未获确认")},
    "check": {1: ("a verdict is fail or unverified", "有“不合格”或“未验证”的结论")},
    "port block": {4: ("the port may not be touched, or not agreed to", "该端口不可改动，或未获确认")},
    "port release": {4: ("the port may not be touched, or not agreed to", "该端口不可改动，或未获确认")},
    "terminal census": {1: ("7.2a is fail or unverified", "7.2a 为“不合格”或“未验证”"),
                        4: ("signed by another key than the terminal's", "不是用该终端的密钥签名的")},
    "terminal rescue-key": {4: ("there is a secret already", "已有应急密钥")},
    "terminal rescue": {4: ("one person twice, or too many minutes", "两人为同一人，或时长超限")},
    "find": {1: ("nothing matched", "没有匹配项")},
    "audit log": {1: ("no entry matched", "没有匹配的条目")},
    "audit verify": {1: ("the ledger does not verify", "账本校验不通过")},
    "lab status": {1: ("the lab is not up, or a part does not run", "实验环境未启动，或有部分未运行")},
    "lab run": {1: ("a step failed or a proof did not hold", "某一步失败或某项证明不成立"),
                4: ("a lab is up already", "实验环境已在运行")},
}  # fmt: skip

WORDS = {
    "en": {
        "option": "option", "meaning": "meaning", "example": "Example: ", "codes": "Exit codes of its own: ",
        "common": "Every command also takes these options, before or after its name:", "required": "required",
    },
    "zh": {
        "option": "选项", "meaning": "含义", "example": "示例：", "codes": "特有的退出码：",
        "common": "每条命令都接受下列选项，写在命令名之前或之后均可：", "required": "必填",
    },
}  # fmt: skip

#: Why a distribution is there, for those that pyproject.toml names.
REASONS = {
    "click": "the command line",
    "cryptography": "Ed25519 signatures and the secret store (AES-256-GCM)",
    "gufo-snmp": "bulk SNMP walks",
    "netmiko": "logins over SSH; brings paramiko",
    "openpyxl": "inventory lists in XLSX",
    "pysnmp": "SNMP that gufo-snmp cannot do; the lab's agent",
    "rich": "tables and progress on a terminal",
    "sqlite-utils": "the database's schema and its migrations",
    "scapy": "for a packet watch that is not built yet; only behind this extra, for a process of its own",
    "jeepney": "notes on the operator's desktop, through D-Bus",
    "paho-mqtt": "the terminal's connection to the broker",
    "pyudev": "the kernel's uevents, as a wake-up of the gate",
    "asyncssh": "the SSH server of the lab's vendor switch; not needed to manage switches",
}
