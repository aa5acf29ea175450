"""What to use for a problem: probed, predicted from records, and tried (`docs/advice.md`)."""
