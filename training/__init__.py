"""Makes the models that ich_node serves. Uses ich_node.detection, ich_node.phantom and errors;
never the other way round.
"""
