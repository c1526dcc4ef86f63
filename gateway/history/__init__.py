"""The history API: what is stored, in pages, counted, searched and downloaded."""
