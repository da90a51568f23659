"""Files read within limits, locked, and checked: what a run keeps and what a user gives."""
