"""A small news-summary service: one image, four roles, Redis between them."""
