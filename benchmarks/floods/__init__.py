"""Fifty visitors without an account try to stop a shop (`python3 run.py chaos --flood`)."""
