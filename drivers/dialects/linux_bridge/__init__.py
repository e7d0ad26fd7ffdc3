"""A Linux bridge that filters VLANs, behind a shell."""
