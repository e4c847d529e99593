"""TensorFlow graphs: from the bytes of a GraphDef to plain Python nodes, and from those to IR."""
