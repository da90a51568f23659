"""Arrays and tables of examples in the forms that people have them."""
