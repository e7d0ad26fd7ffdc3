"""Every recording of every dialect parses, and to what a second reader sees in it (tests/conformance/<platform>)."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from drivers.dialect import Read
from drivers.parse import Row, find_read, parse
from policies.errors import UnparsedOutput
from tests.conformance import Conformance, conformance, every

REMEDY = "PORTSEAL_FIXTURES is not set: point it to the folder of recordings, or run make test"
PAGERS = {
    "cisco_ios": " --More-- \x08\x08\x08\x08\x08\x08\x08\x08\x08        \x08\x08\x08\x08\x08\x08\x08\x08\x08",
    "huawei_vrp": "  ---- More ----\x1b[42D" + " " * 42 + "\x1b[42D",
    "h3c_comware": "  ---- More ----\x1b[16D" + " " * 16 + "\x1b[16D",
}
LOGS = {
    "cisco_ios": (
        "*Mar  1 00:01:12.345: %LINK-3-UPDOWN: Interface GigabitEthernet1/0/1, changed state to up",
        "000045: Nov 22 2026 10:00:00 CST: %PM-4-ERR_DISABLE: psecure-violation error detected on Gi1/0/2",
        "%SYS-5-CONFIG_I: Configured from console by vty0 (10.0.0.5)",
    ),
    "huawei_vrp": (
        "Nov 30 2026 10:00:00+08:00 core-sw1 %%01IFNET/4/IF_STATE(l)[0]:Interface GE0/0/1 has turned into UP state.",
        "Nov 30 2026 10:00:01 core-sw1 %%01SHELL/5/CMDRECORD(s)[1]:Recorded command information.",
    ),
    "h3c_comware": (
        "%Nov 30 10:00:01:123 2026 core-sw1 IFNET/3/PHY_UPDOWN: Physical state on the interface GE1/0/1 changed to up.",
    ),
}
PROMPTS = {"cisco_ios": "core-sw1#", "huawei_vrp": "<core-sw1>", "h3c_comware": "<core-sw1>"}


def folder(platform: str) -> Path | None:
    root = os.environ.get("PORTSEAL_FIXTURES")
    found = Path(root) / "cli" / (conformance(platform).recorded_as or platform) if root else None
    return found if found is not None and found.is_dir() else None


@cache
def recordings(platform: str) -> list[Path]:
    root = folder(platform)
    return sorted(root.glob("*/*.raw")) if root is not None else []


def recorded() -> list[Conformance]:
    return [data for data in every() if data.readers]


def each_recording(*, strict: bool = False) -> Sequence[object]:
    """Give the recordings as parameters; with `strict` only those of reads that allow no unknown line."""
    found = [
        pytest.param(data, path, id=f"{data.platform}/{path.parent.name}/{path.stem}")
        for data in recorded()
        for path in recordings(data.platform)
        if not (strict and read_of(data, path).open_text)
    ]
    return found or [pytest.param(None, None, id="none", marks=pytest.mark.skip(reason=REMEDY))]


def text_of(path: Path) -> str:
    return path.read_bytes().decode("utf-8")


def read_of(data: Conformance, path: Path) -> Read:
    return find_read(data.dialect, path.parent.name.replace("_", " "))


def rows_of(data: Conformance, path: Path, text: str | None = None) -> list[Row]:
    return parse(read_of(data, path), text_of(path) if text is None else text, where="recording")


@pytest.mark.parametrize("data", recorded(), ids=lambda data: data.platform)
def test_every_folder_of_recordings_has_a_reader_and_every_recording_is_used(
    data: Conformance, capsys: pytest.CaptureFixture[str]
) -> None:
    root = folder(data.platform)
    if root is None:
        pytest.skip(REMEDY)
    folders = {path.name for path in root.iterdir() if path.is_dir()}
    with capsys.disabled():
        sys.stdout.write(
            f"\n{data.platform}: {len(recordings(data.platform))} recordings used in {len(folders)} folders, "
            f"{len(set(data.readers) - folders)} of {len(data.readers)} known folders missing\n"
        )
    assert folders <= set(data.readers), f"no reader for {sorted(folders - set(data.readers))}"
    assert {path.parent.name for path in recordings(data.platform)} == folders, "a folder without a recording"


@pytest.mark.parametrize(("data", "path"), each_recording())
def test_rows_say_what_a_second_reader_sees(data: Conformance, path: Path) -> None:
    second, first = data.readers[path.parent.name]
    seen = second(text_of(path))
    assert seen, "the second reader sees nothing: it is broken"
    assert [first(row) for row in rows_of(data, path)] == seen


@pytest.mark.parametrize(("data", "path"), each_recording())
def test_noise_of_a_terminal_changes_no_row(data: Conformance, path: Path) -> None:
    logs, prompt = LOGS[data.platform], PROMPTS[data.platform]
    noisy = [prompt + path.parent.name.replace("_", " ")]
    for number, line in enumerate(text_of(path).replace("\r", "").split("\n")):
        if number % 7 == 3:
            noisy.append(logs[number % len(logs)])
        noisy.append(PAGERS[data.platform] + line if number % 24 == 5 else line)
    noisy.append(prompt)
    assert rows_of(data, path, "\r\n".join(noisy)) == rows_of(data, path)


@pytest.mark.parametrize(("data", "path"), each_recording())
def test_a_recording_that_is_cut_anywhere_gives_the_rows_before_the_cut_or_the_typed_error(
    data: Conformance, path: Path
) -> None:
    text, whole = text_of(path), rows_of(data, path)
    cuts = {round(len(text) * part / 97) for part in range(97)} | {at for at, c in enumerate(text[:4000]) if c == "\n"}
    for cut in sorted(cuts):
        try:
            rows = rows_of(data, path, text[:cut])
        except UnparsedOutput:
            continue
        # The row in which the cut is may lack its last words; all before it must be there, and as they are.
        assert len(rows) <= len(whole)
        assert rows[:-1] == whole[: max(0, len(rows) - 1)]


@pytest.mark.parametrize(("data", "path"), each_recording(strict=True))
def test_a_line_that_nobody_knows_is_an_error_in_every_table(data: Conformance, path: Path) -> None:
    text = text_of(path).rstrip("\n")
    with pytest.raises(UnparsedOutput, match="SecureUnheardOf"):
        rows_of(data, path, text + "\n1047 00da.5516.1905 SecureUnheardOf ->Gi3/0/5 -\n")
