"""The terminal's USB side: the census; the gate, the monitor and the tamper watch will live here."""
