"""What a watch of the wire knows: reading frames, the filter of known-good traffic, and what is a sighting. Pure."""
