"""Any switch with Q-BRIDGE-MIB, over SNMP alone."""
