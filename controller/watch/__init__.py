"""The watch of the wire: a child process reads frames and judges them, this side starts it and keeps what it tells."""
