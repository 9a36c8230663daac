"""Runs the real resize handler against fakes of S3, SQS and Lambda in virtual time: hours pass within seconds."""
