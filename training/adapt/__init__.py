"""`ich-node adapt`: the active bundle learns a site's own heads from studies without bleeding."""
