"""The traced graph of a model, rewritten until every converter can write it."""
