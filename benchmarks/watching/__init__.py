"""What the shop's watchers get, beside the tutorial's and beside bare servers."""
