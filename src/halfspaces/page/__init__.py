"""The interactive page: points and images on which the library runs while they are changed."""
