"""The kitchen's engine beside those that people would pick instead, and beside floors below which nobody gets."""
