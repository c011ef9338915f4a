"""The scripts that MLproject calls, and their settings: thin."""
