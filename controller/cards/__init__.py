"""Cards, swipes and leases: the list of cards, readers, the desk that decides, and what is signed for terminals."""
