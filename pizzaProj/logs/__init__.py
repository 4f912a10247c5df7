"""Keep the log short and discreet: no secret of a customer is in it, and no client can fill it."""
