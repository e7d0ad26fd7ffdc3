"""H3C and HPE Comware 5 and 7."""
