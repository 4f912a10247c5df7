"""The tutorial's shop, as small as it is: what `home` and `kitchen` are measured against."""
