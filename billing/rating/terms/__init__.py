"""What was agreed, as frozen dataclasses with a JSON form."""

from billing.rating.refusals import InvalidTerms
from billing.rating.terms.adjusting import Cap, Commitment, Discount, Factor, FactorStep
from billing.rating.terms.agreement import (
    Agreement,
    Segment,
    Tax,
    Terms,
    check_zone,
    terms_from_versions,
    with_agreement,
)
from billing.rating.terms.clauses import (
    CallsClause,
    Clause,
    ClauseHead,
    CounterRounding,
    Covered,
    Credit,
    DurationClause,
    FeatureClause,
    ModuleClause,
    OneOffClause,
    PackageClause,
    Phase,
    RecurringClause,
    SeatClause,
    ServiceLevelClause,
    UsageClause,
)
from billing.rating.terms.policies import Policies
from billing.rating.terms.pricing import (
    Block,
    Cell,
    Elapsed,
    ElapsedPart,
    Flat,
    Graduated,
    Matrix,
    Percentage,
    PercentTier,
    PerUnit,
    Price,
    RoundEachCall,
    RoundingMode,
    SimplePrice,
    Tier,
    Volume,
)
from billing.rating.terms.selecting import Band, BandRule, Calendar, DurationRule, Name, Select

__all__ = [
    "Agreement", "Band", "BandRule", "Block", "Calendar", "CallsClause", "Cap", "Cell", "Clause", "ClauseHead",
    "Commitment", "CounterRounding", "Covered", "Credit", "Discount", "DurationClause", "DurationRule", "Elapsed",
    "ElapsedPart", "Factor", "FactorStep", "FeatureClause", "Flat", "Graduated", "InvalidTerms", "Matrix",
    "ModuleClause", "Name", "OneOffClause", "PackageClause", "PerUnit", "PercentTier", "Percentage", "Phase",
    "Policies", "Price", "RecurringClause", "RoundEachCall", "RoundingMode", "SeatClause", "Segment", "Select",
    "ServiceLevelClause", "SimplePrice", "Tax", "Terms", "Tier", "UsageClause", "Volume", "check_zone",
    "terms_from_versions", "with_agreement",
]
