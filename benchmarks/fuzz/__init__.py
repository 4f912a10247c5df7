"""Throw everything at the shop's sockets and its door that a client can send, and see that nobody notices."""
