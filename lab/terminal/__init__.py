"""The lab's terminal with real USB, in QEMU: will live here."""
