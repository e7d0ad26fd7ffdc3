"""The columns of the access-control system's list: headings and words in both languages, and how they are found."""

from __future__ import annotations

import re
from collections.abc import Sequence

from controller.inventory.columns import HEADING_WITHIN, Heading, folded
from policies.cards.rights import HolderStatus
from policies.grants import Purpose
from policies.usb import HID, STORAGE

#: Columns: (zh heading, en heading), then every other spelling that is understood.
COLUMNS: dict[str, tuple[str, ...]] = {
    "number": ("卡号", "Card number", "卡片号码", "卡片编号", "卡编号", "物理卡号", "门禁卡号", "card",
               "card no", "uid"),
    "name": ("姓名", "Name", "持卡人", "持卡人姓名", "人员姓名", "holder", "cardholder", "person", "full name"),
    "staff": ("工号", "Staff number", "人员编号", "员工编号", "员工号", "编号", "警号", "employee no", "employee id",
              "person id", "staff no"),
    "status": ("状态", "Status", "卡状态", "卡片状态", "人员状态", "state"),
    "valid_from": ("生效日期", "Valid from", "开始日期", "有效期起", "生效时间", "开始时间", "起始日期",
                   "启用日期", "start", "begin", "from", "start date"),
    "valid_until": ("失效日期", "Valid until", "截止日期", "有效期止", "到期日期", "失效时间", "结束时间", "结束日期",
                    "终止日期", "有效期至", "end", "end date", "expires", "expiry", "until", "valid to"),
    "terminals": ("终端", "Terminals", "授权终端", "终端名称", "terminal"),
    "purposes": ("用途", "Purposes", "授权用途", "使用用途", "purpose"),
    "profile": ("时段", "Time profile", "授权时段", "时间段", "通行时段", "时间模板", "profile", "schedule", "hours"),
    "minutes": ("最长分钟", "Minutes", "分钟", "最长时间", "longest minutes"),
    "devices": ("设备数", "Devices", "设备数量", "number of devices"),
    "classes": ("设备类别", "Classes", "接口类别", "class"),
    "read_only": ("只读", "Read only", "是否只读", "readonly"),
}  # fmt: skip
#: A list without them gives no card any right.
REQUIRED = ("number", "terminals", "purposes")

_STATUS: dict[HolderStatus, tuple[str, ...]] = {
    HolderStatus.ACTIVE: ("正常", "active", "有效", "启用", "在用", "已激活", "在职", "normal", "enabled", "valid"),
    HolderStatus.SUSPENDED: ("停用", "suspended", "冻结", "暂停", "挂失", "禁用", "锁定", "disabled", "lost", "locked"),
    HolderStatus.REVOKED: (
        "注销", "revoked", "吊销", "作废", "离职", "删除", "已删除", "已注销", "退卡", "失效", "cancelled", "deleted",
    ),
}  # fmt: skip
_PURPOSES: dict[Purpose, tuple[str, ...]] = {
    Purpose.CASE: ("案件调取", "case", "案件", "调取", "调取录像", "video for a case"),
    Purpose.MAINTENANCE: ("维护", "maintenance", "运维", "检修", "维修"),
    Purpose.OTHER: ("其他", "other", "其它", "another purpose"),
}
_CLASSES = {STORAGE: ("存储", "storage", "U盘", "移动存储"), HID: ("键鼠", "keyboards", "键盘", "鼠标", "hid")}
#: Words for "every one".
_EVERY = frozenset({"*", "全部", "所有", "全部终端", "所有终端", "all", "any"})
_BINDING = re.compile(r"有效|失效|到期|截止|终止|结束|停用|注销|状态|valid|expir|until|status")
_YES = frozenset({"是", "yes", "true", "1", "y", "√"})
_NO = frozenset({"否", "no", "false", "0", "n", "×"})


def looks_binding(text: str) -> bool:
    """Tell whether a heading that is not known may be about validity: passing over it may open what has ended."""
    return _BINDING.search(folded(text)) is not None


def is_every(text: str) -> bool:
    """Tell whether a word means every terminal, or every purpose."""
    return text.strip().casefold() in _EVERY


def flag_of(text: str) -> bool | None:
    """Give what a word says, yes or no; None for another word."""
    word = text.casefold()
    return True if word in _YES else False if word in _NO else None


def status_of(text: str) -> HolderStatus | None:
    """Give the status that a word names; None for one that is not known."""
    return _STATUS_OF.get(folded(text))


def purpose_of(text: str) -> Purpose | None:
    """Give the purpose that a word names; None for one that is not known."""
    return _PURPOSE_OF.get(folded(text))


def class_of(text: str) -> str | None:
    """Give the interface class (two hex digits) that a word names; None for one that is not known."""
    return _CLASS_OF.get(folded(text))


def words_of(column: str) -> str:
    """Give the words that a column takes, for an error: each in Chinese and in English."""
    known: dict[str, list[tuple[str, ...]]] = {
        "status": list(_STATUS.values()), "purposes": list(_PURPOSES.values()), "classes": list(_CLASSES.values()),
        "read_only": [("是", "yes"), ("否", "no")],
    }  # fmt: skip
    return ", ".join(f"{each[0]} / {each[1]}" for each in known[column])


def heading_words(column: str) -> str:
    """Give a column's heading in both languages."""
    return " / ".join(COLUMNS[column][:2])


def column_of(text: str) -> str | None:
    """Give the column that a heading names; None for one that is not known."""
    return _COLUMN_OF.get(folded(text))


def find_heading(rows: Sequence[Sequence[str]]) -> Heading | None:
    """Find the row near the top that names the most columns, the first of equals; None when none names two."""
    counts = [len({column_of(cell) for cell in cells} - {None}) for cells in rows[:HEADING_WITHIN]]
    if max(counts, default=0) < 2:
        return None
    index = counts.index(max(counts))
    named = [(place, cell, column_of(cell)) for place, cell in enumerate(rows[index]) if cell]
    first: dict[str, tuple[int, str]] = {}
    for place, cell, column in named:
        if column is not None:
            first.setdefault(column, (place, cell))
    return Heading(
        index=index,
        places={column: place for column, (place, _) in first.items()},
        texts={column: cell for column, (_, cell) in first.items()},
        unknown=tuple(cell for _, cell, column in named if column is None),
        doubled=tuple(cell for place, cell, column in named if column is not None and first[column][0] != place),
    )


_COLUMN_OF = {folded(text): column for column, texts in COLUMNS.items() for text in (*texts, column)}
_STATUS_OF = {folded(word): status for status, words in _STATUS.items() for word in (*words, status.value)}
_PURPOSE_OF = {folded(word): purpose for purpose, words in _PURPOSES.items() for word in (*words, purpose.value)}
_CLASS_OF = {folded(word): each for each, words in _CLASSES.items() for word in (*words, each)}
