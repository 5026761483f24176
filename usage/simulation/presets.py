"""Six customers no two of which bill alike."""

from __future__ import annotations

from usage.simulation.profiles import DIALOGUE, LONG_TALK, SHORT_HANG_UP, Profile, TalkKind, hours, week
from usage.simulation.seasons import Rush

# Robots do not ring people up at night or over lunch: outbound keeps office hours everywhere.
OFFICE = hours((9, 12, 10), (12, 14, 4), (14, 18, 9), (18, 20, 3))
OFFICE_MONDAY = hours((9, 12, 14), (12, 14, 5), (14, 18, 8), (18, 20, 2))
OFFICE_WEEKEND = hours((10, 12, 6), (14, 17, 4))
AROUND_THE_CLOCK = hours((7, 9, 3), (9, 12, 9), (12, 14, 5), (14, 18, 8), (18, 22, 4), night=0.5)
QUIET_WEEKEND = hours((8, 20, 4), night=0.4)
LUNCH_AND_SUPPER = hours((8, 11, 4), (11, 14, 11), (14, 17, 4), (17, 21, 12), (21, 23, 5), night=0.3)

EXPRESS = Profile(
    code="express",
    name="express parcel",
    calls_per_day=205,
    inbound_share=0.42,
    lines=("+862151086001", "+862151086002", "+8695546"),
    robots=24,
    regions=(("310000", 5), ("320500", 3), ("330100", 3), ("110000", 2), ("440100", 2), ("420100", 1)),
    inbound_hours=week(AROUND_THE_CLOCK, QUIET_WEEKEND),
    outbound_hours=week(OFFICE, OFFICE_WEEKEND, OFFICE_MONDAY),
    campaigns=("delivery-notice", "address-check", "locker-reminder"),
    shops=("浦东分拨中心", "昆山转运站", "萧山营业部"),
    modules=(("voice_navigation", 0.7), ("knowledge_base", 0.45), ("work_orders", 0.12)),
    rushes=(Rush("11.11", (11, 10), (11, 15), 2.8), Rush("6.18", (6, 16), (6, 21), 1.9)),
    burst_rate=0.1,
)
COLD_CHAIN = Profile(
    code="cold-chain",
    name="cold chain",
    calls_per_day=75,
    inbound_share=0.55,
    lines=("+8653285551200", "+8653285551201"),
    robots=6,
    regions=(("370200", 5), ("210200", 2), ("310000", 2), ("120000", 1), ("460100", 1)),
    # The trucks are unloaded before dawn, and that is when they call.
    inbound_hours=week(hours((3, 7, 9), (7, 12, 5), (12, 20, 3), night=1), hours((3, 7, 6), night=1)),
    outbound_hours=week(OFFICE, OFFICE_WEEKEND),
    campaigns=("temperature-alarm", "dock-slot"),
    shops=("即墨冷库", "大连海产"),
    modules=(("voice_navigation", 0.4), ("knowledge_base", 0.2), ("work_orders", 0.35)),
    talk=(SHORT_HANG_UP, TalkKind("dialogue", 0.6, 62, 0.5, 400), LONG_TALK),
    transfer_rate=0.18,
    agent_median_seconds=150,
    waybill_prefix="CC",
    weekday_factors=(1.05, 1.0, 1.0, 1.0, 1.05, 0.85, 0.75),
    holiday_factor=0.6,
    rushes=(Rush("hairy crabs", (9, 20), (9, 30), 1.5),),
)
FREIGHT = Profile(
    code="freight",
    name="freight forwarding",
    calls_per_day=70,
    inbound_share=0.35,
    lines=("+8657487654000", "+862068001100"),
    robots=5,
    regions=(("330200", 4), ("440100", 3), ("350200", 2), ("370200", 2), ("610100", 1)),
    inbound_hours=week(OFFICE, OFFICE_WEEKEND),
    outbound_hours=week(OFFICE, OFFICE_WEEKEND, OFFICE_MONDAY),
    campaigns=("customs-papers", "vessel-delay"),
    shops=("北仑港", "南沙港"),
    modules=(("voice_navigation", 0.5), ("knowledge_base", 0.6), ("work_orders", 0.3)),
    outbound_answer_rate=0.71,
    talk=(SHORT_HANG_UP, DIALOGUE, TalkKind("long talk", 0.3, 240, 0.55, 2400)),
    transfer_rate=0.22,
    agent_median_seconds=210,
    languages=(("zh-CN", 0.9), ("en", 0.1)),
    mobile_share=0.45,
    waybill_prefix="BL",
    weekday_factors=(1.2, 1.0, 1.0, 1.0, 1.1, 0.15, 0.05),
    holiday_factor=0.08,
    rushes=(Rush("quarter end", (9, 25), (9, 30), 1.4),),
)
SAME_CITY = Profile(
    code="same-city",
    name="same-city delivery",
    calls_per_day=165,
    inbound_share=0.3,
    lines=("+8675586001000", "+8675586001001", "+8675586001002"),
    robots=16,
    regions=(("440300", 6), ("440100", 3), ("430100", 1)),
    inbound_hours=week(LUNCH_AND_SUPPER, LUNCH_AND_SUPPER),
    outbound_hours=week(LUNCH_AND_SUPPER, LUNCH_AND_SUPPER),
    campaigns=("courier-at-door", "rider-late", "rating-call"),
    shops=("福田旗舰店", "南山科技园店", "天河店", "宝安店"),
    modules=(("voice_navigation", 0.25), ("knowledge_base", 0.15), ("work_orders", 0.05)),
    outbound_answer_rate=0.78,
    talk=(TalkKind("short hang-up", 0.45, 4, 0.6, 15), TalkKind("dialogue", 0.55, 19, 0.45, 90)),
    transfer_rate=0.04,
    agent_median_seconds=60,
    languages=(("zh-CN", 0.8), ("yue", 0.2)),
    waybill_prefix="SC",
    weekday_factors=(0.95, 0.95, 0.95, 1.0, 1.15, 1.25, 1.2),
    holiday_factor=1.3,
    rushes=(Rush("lovers' day", (2, 14), (2, 14), 1.7),),
    burst_rate=0.14,
)
RETURNS = Profile(
    code="returns",
    name="warehouse returns",
    calls_per_day=100,
    inbound_share=0.8,
    lines=("+8657985200100", "+8640086010"),
    robots=9,
    regions=(("330700", 4), ("330100", 3), ("410100", 2), ("510100", 2), ("230100", 1), ("450100", 1)),
    inbound_hours=week(AROUND_THE_CLOCK, QUIET_WEEKEND),
    outbound_hours=week(OFFICE, OFFICE_WEEKEND, OFFICE_MONDAY),
    campaigns=("return-pickup", "refund-status"),
    shops=("义乌退货仓", "郑州退货仓", "成都退货仓"),
    modules=(("voice_navigation", 0.85), ("knowledge_base", 0.55), ("work_orders", 0.5)),
    talk=(SHORT_HANG_UP, TalkKind("dialogue", 0.7, 78, 0.5, 420), LONG_TALK),
    transfer_rate=0.15,
    waybill_prefix="RT",
    rushes=(Rush("after 11.11", (11, 16), (11, 26), 2.4), Rush("11.11", (11, 10), (11, 15), 1.5)),
)
CROSS_BORDER = Profile(
    code="cross-border",
    name="cross-border parcels",
    calls_per_day=95,
    inbound_share=0.5,
    lines=("+8675523001888", "+85230010088"),
    robots=8,
    regions=(("440300", 3), ("810000", 4), ("820000", 1), ("SG", 2), ("MY", 1), ("US", 1)),
    inbound_hours=week(hours((8, 23, 6), night=3), hours((8, 23, 5), night=3)),
    outbound_hours=week(OFFICE, OFFICE_WEEKEND),
    campaigns=("customs-duty", "id-check", "redelivery"),
    shops=("香港仓", "前海保税仓"),
    modules=(("voice_navigation", 0.6), ("knowledge_base", 0.7), ("work_orders", 0.2)),
    outbound_answer_rate=0.48,
    transfer_rate=0.12,
    languages=(("zh-CN", 0.35), ("yue", 0.35), ("en", 0.3)),
    analysis_rate=0.8,
    waybill_prefix="XB",
    weekday_factors=(1.05, 1.0, 1.0, 1.0, 1.0, 0.8, 0.75),
    holiday_factor=0.8,
    rushes=(Rush("black week", (11, 20), (11, 30), 1.9),),
)

PRESETS: dict[str, Profile] = {
    profile.code: profile for profile in (EXPRESS, COLD_CHAIN, FREIGHT, SAME_CITY, RETURNS, CROSS_BORDER)
}
