"""Who pays, what they agreed to, and what they hold."""

from tenants.models.agreements import Contract, ContractEvent, ContractVersion, PriceNotice, ReadableJSON
from tenants.models.bounces import Bounce
from tenants.models.budgets import Budget, BudgetAlert, BudgetMail, BudgetMonth
from tenants.models.holdings import MeasuredLevel, Movement, PackagePurchase, Posting, SubscriptionChange
from tenants.models.keys import ApiKey
from tenants.models.parties import CODE, CURRENCIES, LANGUAGES, Contact, Seller, Tenant, validate_zone
from tenants.models.taxing import TaxCode
from tenants.models.webhooks import WebhookEndpoint, WebhookMessage, WebhookNotice, WebhookTry

__all__ = [
    "CODE",
    "CURRENCIES",
    "LANGUAGES",
    "ApiKey",
    "Bounce",
    "Budget",
    "BudgetAlert",
    "BudgetMail",
    "BudgetMonth",
    "Contact",
    "Contract",
    "ContractEvent",
    "ContractVersion",
    "MeasuredLevel",
    "Movement",
    "PackagePurchase",
    "Posting",
    "PriceNotice",
    "ReadableJSON",
    "Seller",
    "SubscriptionChange",
    "TaxCode",
    "Tenant",
    "WebhookEndpoint",
    "WebhookMessage",
    "WebhookNotice",
    "WebhookTry",
    "validate_zone",
]
