"""Flat as history grows: what each page, task and socket costs in a young shop and in one with years behind it."""
