"""Somebody is told of a trouble when it begins and when it ends."""
