"""Commands around a deployment to AWS: check before it, deploy, check after it, and remove it."""
