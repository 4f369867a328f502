"""Makes the models that ich_node serves. It imports ich_node; ich_node never imports it."""
