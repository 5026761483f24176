"""Payment gateways, as an installation plugs them in; none comes along. docs/operations.md says how to write one."""

from invoices.gateways.collecting import CannotCollect, collect, link_to_pay
from invoices.gateways.gateway import Gateway, Paid, Untrusted, gateway_called, gateways

__all__ = ["CannotCollect", "Gateway", "Paid", "Untrusted", "collect", "gateway_called", "gateways", "link_to_pay"]
