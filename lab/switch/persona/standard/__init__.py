"""A switch of no vendor: the standard MIBs and nothing else. Its configuration file is in the words of RGOS."""
