"""The self-test: kinds of fault, planted and published, that the verification must see."""
