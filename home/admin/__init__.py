"""The stock admin of the shop. Every move of an order goes through kitchen.flow and shows on open pages at once."""

from home.admin import orders, pizzas  # noqa: F401  registers them
