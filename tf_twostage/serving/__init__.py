"""Serves a SavedModel over HTTP: TensorFlow Serving's REST, pictures, and a page to play with.

Needs the extra `serve`; nothing else of the package imports it.
"""
