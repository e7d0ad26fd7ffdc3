"""A vendor switch as a process: its command line over SSH, its SNMP agent, its port security."""
