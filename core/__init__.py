"""Feedscope's model layer: everything that would still make sense without a browser."""
