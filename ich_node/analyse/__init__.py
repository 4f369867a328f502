"""Claim a job, read its series, report; what is kept from one job to the next."""
