"""What a run adds up, and what is estimated from it: sums, times in the system, the day, a trace."""
