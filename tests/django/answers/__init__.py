"""Answers questions from a store of documents, with the help of a paid service."""
