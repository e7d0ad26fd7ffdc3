"""The agent's hardened systemd units: will live here."""
