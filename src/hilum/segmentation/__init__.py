"""Lungs, their zones, and lesions."""
