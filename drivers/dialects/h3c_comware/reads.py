"""Comware: every read, by what it is about."""

from __future__ import annotations

from drivers.dialect import Read
from drivers.dialects.h3c_comware import reads_config, reads_neighbours, reads_ports, reads_state

READS: tuple[Read, ...] = (
    *reads_config.READS,
    *reads_state.READS,
    *reads_neighbours.READS,
    *reads_ports.READS,
)
