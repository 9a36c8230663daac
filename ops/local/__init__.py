"""The whole system on this machine: the engine, the build, the deployment, the browser."""
