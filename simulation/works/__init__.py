"""How long pieces of work take: what is expected of them, what is left of one under way, and what was measured."""
