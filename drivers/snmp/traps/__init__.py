"""What switches' notifications mean: one file of data a vendor, and one reader over all of them."""
