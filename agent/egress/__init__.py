"""The terminal's network guard (clause 7.2d): what it may speak with, kept by nftables, and proved round by round."""
