"""SNMP: one small session class, tables as pure functions, and the discovery of a switch's observed state."""
