"""Which configuration next: search algorithms, and what drives them."""
