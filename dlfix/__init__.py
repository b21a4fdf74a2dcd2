"""dlfix: from a Keras script that trains badly to a patch that is proven to help."""
