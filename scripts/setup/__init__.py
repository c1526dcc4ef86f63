"""What is installed before anything runs: ``python3 -m scripts.setup GOAL`` looks, says what is missing, and gets it.

It runs before there is anything to rely on, so it uses the standard library alone.
"""
