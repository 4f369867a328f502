"""Claim a job, read its series, record the outcome; preview series that still arrive."""
