"""Tighter certificates, screening of features, and separable classes."""
