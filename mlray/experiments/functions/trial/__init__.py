"""One trial of a user's function, in its own process."""
