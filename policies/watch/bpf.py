"""Classic BPF: a small assembler with labels, for programs that the kernel runs on every frame (Linux: filter.rst).

Jumps go forward only, and a conditional one reaches 255 instructions; farther targets get an unconditional jump of
their own beside it, which is worked out here.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

#: linux/bpf_common.h: the codes that are used here.
LD_W, LD_H, LD_B = 0x20, 0x28, 0x30
LD_W_X, LD_IMM, LD_MEM, LD_LEN = 0x40, 0x00, 0x60, 0x80
LDX_IMM, LDX_MEM, ST, TAX = 0x01, 0x61, 0x02, 0x07
AND, RSH, SUB = 0x54, 0x74, 0x14
JA, JEQ, JGE, JSET, JEQ_X, JGE_X = 0x05, 0x15, 0x35, 0x45, 0x1D, 0x3D
RET = 0x06
#: linux/filter.h: what the kernel knows of a frame beside its bytes.
VLAN_TAG, VLAN_PRESENT = 0xFFFFF02C, 0xFFFFF030
#: linux/bpf_common.h: BPF_MAXINSNS.
MOST = 4096
_REACH = 255
_INSTRUCTION = Struct("=HBBI")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, as struct sock_filter has it."""

    code: int
    k: int = 0
    true: int = 0
    false: int = 0


@dataclass(slots=True)
class _Item:
    code: int
    k: int
    then: str = ""
    otherwise: str = ""
    far_then: bool = False
    far_otherwise: bool = False

    @property
    def size(self) -> int:
        return 1 + self.far_then + self.far_otherwise


class Assembler:
    """Collects instructions and labels, in order. A label "" means the next instruction."""

    def __init__(self) -> None:
        self._items: list[_Item | str] = []
        self._made = 0

    def label(self, name: str) -> None:
        """Put a label here."""
        self._items.append(name)

    def fresh(self) -> str:
        """Give a label name that nobody else has."""
        self._made += 1
        return f".{self._made}"

    def emit(self, code: int, k: int = 0) -> None:
        """Add an instruction that is no jump."""
        self._items.append(_Item(code, k))

    def go(self, target: str) -> None:
        """Jump, however far."""
        self._items.append(_Item(JA, 0, then=target))

    def test(self, code: int, k: int, then: str = "", otherwise: str = "") -> None:
        """Jump by a condition."""
        self._items.append(_Item(code, k, then, otherwise))

    def assemble(self) -> tuple[Instruction, ...]:
        """Give the program. It may be longer than the kernel takes (MOST)."""
        while True:
            places = self._places()
            if not self._lengthen(places):
                return self._instructions(places)

    def _places(self) -> dict[str, int]:
        places, at = dict[str, int](), 0
        for item in self._items:
            if isinstance(item, str):
                places[item] = at
            else:
                at += item.size
        return places

    def _lengthen(self, places: dict[str, int]) -> bool:
        """Mark conditional jumps that do not reach; True when one was found."""
        found, at = False, 0
        for item in self._items:
            if isinstance(item, str):
                continue
            if item.code & 0x07 == JA and item.code != JA:
                if item.then and not item.far_then and places[item.then] - at - 1 > _REACH:
                    item.far_then = found = True
                if item.otherwise and not item.far_otherwise and places[item.otherwise] - at - 1 > _REACH:
                    item.far_otherwise = found = True
            at += item.size
        return found

    def _instructions(self, places: dict[str, int]) -> tuple[Instruction, ...]:
        made: list[Instruction] = []
        for item in self._items:
            if isinstance(item, str):
                continue
            at, more = len(made), list[Instruction]()
            following = at + item.size
            then = places[item.then] if item.then else following
            otherwise = places[item.otherwise] if item.otherwise else following
            if item.code == JA:
                made.append(Instruction(JA, then - at - 1))
                continue
            if item.code & 0x07 != JA:
                made.append(Instruction(item.code, item.k))
                continue
            for far, target in ((item.far_then, then), (item.far_otherwise, otherwise)):
                if far:
                    more.append(Instruction(JA, target - (at + 1 + len(more)) - 1))
            true = 0 if item.far_then else then - at - 1
            false = int(item.far_then) if item.far_otherwise else otherwise - at - 1
            made += [Instruction(item.code, item.k, true, false), *more]
        return tuple(made)


def packed(program: tuple[Instruction, ...]) -> bytes:
    """Give a program as an array of struct sock_filter."""
    return b"".join(_INSTRUCTION.pack(each.code, each.true, each.false, each.k) for each in program)
