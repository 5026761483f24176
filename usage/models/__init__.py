"""What tenants used.

The data plane: every primary key starts with ``tenant_id``, there are no triggers and no foreign keys into the
control plane, calls are range-partitioned by the period they are billed in. The same schema shards by tenant.
Every query names its tenant.
"""

from usage.models.calls import Batch, Call, CallVersion, Declaration, KeptAnswer, Quarantined
from usage.models.keeping import Removal, RetentionPolicy, SilenceAlarm, Unmasking
from usage.models.listings import (
    BatchListing,
    CallListing,
    DeclarationListing,
    LevelListing,
    Listing,
    QuarantineListing,
)
from usage.models.months import SourceMonth, UsageMonth, UsageTotal
from usage.models.sources import DIGITS, EACH_RECORD, FIRST_LEG, LEG_POLICIES, USUAL, Source

__all__ = [
    "DIGITS",
    "EACH_RECORD",
    "FIRST_LEG",
    "LEG_POLICIES",
    "USUAL",
    "Batch",
    "BatchListing",
    "Call",
    "CallListing",
    "CallVersion",
    "Declaration",
    "DeclarationListing",
    "KeptAnswer",
    "LevelListing",
    "Listing",
    "QuarantineListing",
    "Quarantined",
    "Removal",
    "RetentionPolicy",
    "SilenceAlarm",
    "Source",
    "SourceMonth",
    "Unmasking",
    "UsageMonth",
    "UsageTotal",
]
