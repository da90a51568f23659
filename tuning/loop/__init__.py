"""The search loop: journal, state, attempts, budget."""
