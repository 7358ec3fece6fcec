"""Seconds and memory of networks on this machine."""
