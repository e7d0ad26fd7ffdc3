"""The terminal's agent: what the USB ports of this machine are, and later who opens them."""
