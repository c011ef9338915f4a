"""Whether a model may be believed: how many men it takes."""
