"""The agent's hardened systemd units and the other files that an installation puts in place, as data."""
