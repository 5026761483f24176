"""The API of this app: who may call, and the doors that set tenants and contracts up."""

from tenants.api.authentication import HasScope, KeyAuthentication, OperatorView, TenantView

__all__ = ["HasScope", "KeyAuthentication", "OperatorView", "TenantView"]
