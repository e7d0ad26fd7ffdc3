"""Huawei VRP5: every read, by what it is about."""

from __future__ import annotations

from drivers.dialect import Read
from drivers.dialects.huawei_vrp import reads_config, reads_more, reads_ports, reads_state

READS: tuple[Read, ...] = (
    *reads_config.READS,
    *reads_ports.READS,
    *reads_state.READS,
    *reads_more.READS,
)
