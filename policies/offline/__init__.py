"""Opening without a connection: what the controller signs in advance, and what a terminal makes of it (ADR 9)."""
