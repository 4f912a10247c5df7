"""An evening of the real mix on a whole shop: two webs, two workers and beat, and thousands of open pages."""
