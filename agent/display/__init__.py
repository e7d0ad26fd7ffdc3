"""What the operator of a terminal sees and says: notices in, requests out, the view, and notes on the desktop."""
