"""The vocabulary and the pure rules of Portseal: standard library only, no I/O but the TOML loader."""
