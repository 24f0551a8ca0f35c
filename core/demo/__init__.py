"""The demo network: Larkspur, a small fictional network of the invented harbour town of Saltmarrow.

The texts are authored (``texts/``), the pictures drawn at build time, likes and reposts follow hidden interests.
Everything comes from one seed: the same versions of the libraries give the same bytes each time.
"""
