"""The stock admin, made careful: nobody writes yesterday over today, and long actions run in the background."""
