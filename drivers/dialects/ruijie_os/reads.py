"""Ruijie RGOS: every read, by what it is about."""

from __future__ import annotations

from drivers.dialect import Read
from drivers.dialects.ruijie_os import reads_config, reads_state

READS: tuple[Read, ...] = (*reads_config.READS, *reads_state.READS)
