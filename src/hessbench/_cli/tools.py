"""Commands of the sub-packages, mounted where their own command modules exist."""
