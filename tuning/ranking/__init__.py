"""Which trial is best: objectives, Pareto fronts, selection by repeats, importance, and warnings."""
