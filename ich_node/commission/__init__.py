"""`ich-node commission`: a phantom takes the way through node and PACS, and a report says how."""
