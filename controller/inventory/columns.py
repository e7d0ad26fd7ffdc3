"""The columns of an inventory list: headings and role words in both languages, and how a heading row is found."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from policies.model import DeviceRole

#: Columns in the order of an export: (zh heading, en heading), then every other spelling that is understood.
COLUMNS: dict[str, tuple[str, ...]] = {
    "name": ("设备名称", "Name", "名称", "设备名", "设备", "device", "device name", "hostname", "主机名", "设备编号"),
    "role": ("类型", "Type", "角色", "设备类型", "设备类别", "类别", "role", "device type", "kind"),
    "mac": ("MAC地址", "MAC", "MAC 地址", "物理地址", "网卡地址", "以太网地址", "mac address", "hardware address"),
    "ip": ("IP地址", "IP", "IP 地址", "IPv4地址", "ip address", "ipv4", "设备IP", "网络地址"),
    "place": (
        "安装位置", "Location", "位置", "点位", "点位名称", "安装点位", "安装地点", "杆号", "立杆", "pole", "place",
        "site", "房间", "机房", "room",
    ),
    "serial": ("序列号", "Serial", "设备序列号", "出厂编号", "SN", "S/N", "serial number", "serial no"),
    "vendor": ("厂商", "Vendor", "品牌", "厂家", "制造商", "生产厂商", "manufacturer", "brand", "make"),
    "model": ("型号", "Model", "设备型号", "规格型号", "model number", "product"),
    "switch": ("交换机", "Switch", "交换机名称", "接入交换机", "所属交换机", "switch name", "access switch"),
    "port": (
        "端口", "Port", "接口", "交换机端口", "端口号", "接入端口", "网络端口", "interface", "switch port", "ifname",
    ),
    "vlan": ("VLAN", "VLAN", "VLAN ID", "VLAN号", "VLAN编号", "所属VLAN", "VID", "access vlan"),
}  # fmt: skip
REQUIRED = ("name", "role", "mac")

#: Words for roles: the first Chinese and the first English one are what an export writes.
ROLES: dict[DeviceRole, tuple[str, ...]] = {
    DeviceRole.CAMERA: (
        "摄像机", "camera", "摄像头", "人脸摄像机", "人脸抓拍机", "抓拍机", "网络摄像机", "半球", "枪机", "球机", "ipc",
        "ipcamera", "cam",
    ),
    DeviceRole.TERMINAL: (
        "终端", "terminal", "工作站", "应用终端", "客户端", "电脑", "计算机", "workstation", "pc", "client", "console",
    ),
    DeviceRole.SERVER: ("服务器", "server", "人脸服务器", "比对服务器", "管理服务器", "平台"),
    DeviceRole.RECORDER: ("录像机", "recorder", "硬盘录像机", "网络录像机", "存储", "nvr", "dvr", "storage"),
    DeviceRole.READER: ("读卡器", "reader", "刷卡器", "读头", "cardreader", "发卡器"),
    DeviceRole.CONTROLLER: (
        "门禁控制器", "controller", "控制器", "门禁主机", "门禁", "accesscontroller", "doorcontroller",
    ),
}  # fmt: skip

_LANGUAGES = ("zh", "en")
_BRACKETS = re.compile(r"[(\[【〔<].*?[)\]】〕>]")
_NOISE = re.compile(r"[\s_\-:：/.*#、·]+")
#: How far down a heading row may be: titles, a date, who made the list.
HEADING_WITHIN = 25


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading row: where each column stands, which headings are not known, and which stand twice."""

    index: int
    places: dict[str, int]
    texts: dict[str, str]
    unknown: tuple[str, ...]
    doubled: tuple[str, ...]


def folded(text: str) -> str:
    """Give a heading or role word as it is compared: full-width made half, no case, blanks, marks or brackets."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    bare = _NOISE.sub("", _BRACKETS.sub("", plain))
    return bare or _NOISE.sub("", plain)


def heading_of(column: str, language: str) -> str:
    """Give the heading that an export writes for `column` in `language` (zh, en)."""
    return COLUMNS[column][_LANGUAGES.index(language)]


def role_word(role: DeviceRole, language: str) -> str:
    """Give the word that an export writes for `role` in `language` (zh, en)."""
    return ROLES[role][_LANGUAGES.index(language)]


def role_of(text: str) -> DeviceRole | None:
    """Give the role that a word names, in either language; None for a word that is not known."""
    return _ROLE_OF.get(folded(text))


def column_of(text: str) -> str | None:
    """Give the column that a heading names; None for one that is not known."""
    return _COLUMN_OF.get(folded(text))


def count_headings(cells: Sequence[str]) -> int:
    """Count the different columns that a row names; two make it a heading row."""
    return len({column for cell in cells if cell and (column := column_of(cell))})


def find_heading(rows: Sequence[Sequence[str]]) -> Heading | None:
    """Find the row that names the most columns, the first of equals, near the top; None when none names two."""
    counts = [count_headings(cells) for cells in rows[:HEADING_WITHIN]]
    if max(counts, default=0) < 2:
        return None
    index = counts.index(max(counts))
    places: dict[str, int] = {}
    texts: dict[str, str] = {}
    unknown: list[str] = []
    doubled: list[str] = []
    for position, cell in enumerate(rows[index]):
        column = column_of(cell) if cell else None
        if column is None:
            unknown += [cell] if cell else []
        elif column in places:
            doubled.append(cell)
        else:
            places[column], texts[column] = position, cell
    return Heading(index, places, texts, tuple(unknown), tuple(doubled))


def nearest_heading(column: str, candidates: Sequence[str]) -> str | None:
    """Give the unknown heading that was probably meant for `column`."""
    by_fold = {folded(text): text for text in candidates}
    best: tuple[float, str] | None = None
    for spelling in COLUMNS[column]:
        for close in difflib.get_close_matches(folded(spelling), by_fold, n=1, cutoff=0.5):
            score = difflib.SequenceMatcher(None, folded(spelling), close).ratio()
            if best is None or score > best[0]:
                best = (score, by_fold[close])
    return None if best is None else best[1]


def _index() -> dict[str, str]:
    found = {folded(text): column for column, texts in COLUMNS.items() for text in texts}
    return found | {column: column for column in COLUMNS}


_COLUMN_OF = _index()
_ROLE_OF = {folded(word): role for role, words in ROLES.items() for word in (*words, role.value)}
