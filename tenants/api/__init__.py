"""The API of this app: who may call, and the doors that set tenants and contracts up."""

from tenants.api.authentication import BoundedJSON, HasScope, KeyAuthentication, OperatorView, TenantView, key_in
from tenants.api.shapes import example, read

__all__ = ["BoundedJSON", "HasScope", "KeyAuthentication", "OperatorView", "TenantView", "example", "key_in", "read"]
