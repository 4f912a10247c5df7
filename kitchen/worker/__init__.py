"""How a worker runs the links of the kitchen: it gathers those that are due together."""
