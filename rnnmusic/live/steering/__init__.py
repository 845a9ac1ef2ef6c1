"""Steering: orders, controllers, presets, OSC."""
