"""The tutorial's pattern and the shop, side by side on one machine: `python3 run.py bench`."""
