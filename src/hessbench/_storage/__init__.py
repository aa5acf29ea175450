"""What is kept: files, text, caches, fingerprints of functions."""
