"""The steps of the edit history, apart from what carries them out."""

STEPS = ("base", "append", "scattered", "clustered", "derive", "drop", "rename")
"""v1; 5 % more rows; 1 % of one float, scattered; 1 % in one place; a derived column; one dropped; one renamed."""
