"""Derivatives of right-hand side and loss, hand-written or generated; what is carried as states; switches and features."""
