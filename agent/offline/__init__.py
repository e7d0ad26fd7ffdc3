"""Opening without a connection, at the terminal: what is kept for it, and what a presented card leads to."""
