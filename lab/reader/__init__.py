"""The lab's card reader: will live here."""
