"""Ruijie RGOS as its guides and recordings show it; what rests on neither is listed in docs/lab.md."""
