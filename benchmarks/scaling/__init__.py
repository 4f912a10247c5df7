"""What a shop of any size needs, from what one order, page and frame cost. See docs/scaling.md."""
