"""Let a shop work for a long while, and see whether anything in it only grows (`python3 run.py chaos --soak`)."""
