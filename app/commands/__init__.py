"""Commands about accounts, tokens and organizations, for who runs the registry.

They call what the management API calls, and act as the operator, so that they are audited too.
"""
