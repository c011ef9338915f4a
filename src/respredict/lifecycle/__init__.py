"""What happens to a model over its life: training and promotion."""
