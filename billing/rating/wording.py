"""The words of an explanation: one phrase for every step, in Chinese and English.

A phrase is what is done, and after a bar what it comes to; the second half is left to the closing words where the
sentence ends with the step. A phrase may use {value} (the step's number), {result} (what it leads to), {unit} (what the
value counts) and {units} (what the result counts), {price} (the value as a price), {amount} (the value as money),
{money} (the result as money), {percent}, {share} (percent without its sign), {level} and {target} (of a measurement),
{detail} (what follows the colon of the note), {name} (the clause of that code), {prorated}, {agreed}, {inner} (the
arithmetic of single calls or events), {of}, {for} and {list} (the parts of a sum).
"""

from __future__ import annotations

UNITS = {
    "second": ("秒", "seconds"),
    "minute": ("分钟", "minutes"),
    "hour": ("小时", "hours"),
    "call": ("通", "calls"),
    "seat": ("个坐席", "seats"),
    "module": ("个模块", "modules"),
    "month": ("个月", "months"),
    "quarter": ("季", "quarters"),
    "half_year": ("半年", "half-years"),
    "year": ("年", "years"),
    "once": ("次", "times"),
    "block": ("块", "blocks"),
    "event": ("笔", "events"),
    "package": ("个套餐包", "packages"),
    "slot": ("路并发", "slots"),
    "channel": ("路", "channels"),
    "number": ("个号码", "numbers"),
    "robot": ("个机器人", "robots"),
    "line": ("条线路", "lines"),
    "money": ("元", ""),
    "currency": ("", ""),
    "unit": ("个", "units"),
    "analysis": ("次分析", "analyses"),
}
MODES = {
    "half-up": ("四舍五入", "rounded half-up"),
    "half-even": ("四舍六入五成双", "rounded half-even"),
    "up": ("向上进位", "rounded up"),
    "down": ("舍去尾数", "rounded down"),
}
PHRASES: dict[tuple[str, str], tuple[str, str]] = {
    ("start", "used"): ("用量 {value} {unit}", "{value} {unit} used"),
    ("start", "quantity"): ("数量 {value}", "quantity {value}"),
    ("start", "held_days"): ("按日累计 {value} {unit}", "{value} {unit} held"),
    ("start", "seat_days"): ("按日累计 {value} {unit}", "{value} {unit} held"),
    ("start", "held"): ("本月 {value} {unit}", "{value} {unit} held"),
    ("start", "peak"): ("当月最高 {value} {unit}", "{value} {unit} at the peak"),
    ("start", "snapshot"): ("统计日 {value} {unit}", "{value} {unit} on the snapshot day"),
    ("start", "measured"): ("按话单实测 {value} {unit}", "{value} {unit} measured from the calls"),
    ("start", "events"): ("共 {value} 笔", "{value} {unit}"),
    ("start", "flat"): ("固定费用|{money}", "a flat fee|of {money}"),
    ("start", "minimum"): ("本条款最低收费 {amount}", "the clause's minimum of {amount}"),
    ("start", "maximum"): ("本条款最高收费 {amount}", "the clause's maximum of {amount}"),
    ("start", "agreed"): ("{agreed} {amount}", "{agreed} of {amount}"),
    ("start", "credited"): ("原账单 {amount}", "{amount} on the invoice"),
    ("multiply", "credited"): ("红冲|计 {money}", "credited|as {money}"),
    ("start", "rated_again"): ("重新计费为 {amount}", "rated again at {amount}"),
    ("divide", "per_s"): ("折合 {result} {units}", "that is {result} {units}"),
    ("divide", "per_units"): ("按每 {value} {unit}计价", "priced per {value} {unit}"),
    ("divide", "scale"): ("除以 {value}，折合 {result} {units}", "divided by {value}, that is {result} {units}"),
    ("divide", "days_of_segment"): (
        "除以 {value} 天，平均 {result} {units}",
        "over {value} days, averaging {result} {units}",
    ),
    ("divide", "block_size"): ("共 {result} {units}", "that is {result} {units}"),
    ("subtract", "included"): ("扣除套餐内 {value} {unit}{prorated}", "less {value} {unit} included{prorated}"),
    ("at_least", "nothing"): ("余 {result} {units}", "leaving {result} {units}"),
    ("at_least", "no_money"): ("余 {money}", "leaving {money}"),
    ("at_least", "committed"): (
        "不低于承诺的 {value} {unit}，按 {result} {units}计",
        "at least the {value} {unit} committed, that is {result} {units}",
    ),
    ("add", "position"): (
        "接续本月前一版本已用的 {value} {unit}",
        "continuing after {value} {unit} used under the earlier version",
    ),
    ("subtract", "position"): (
        "扣除前一版本已计的 {value} {unit}",
        "less {value} {unit} charged under the earlier version",
    ),
    ("at_most", "tier_to"): ("本阶梯上限 {value} {unit}", "up to {value} {unit} in this tier"),
    ("subtract", "tier_from"): (
        "扣除前面阶梯的 {value} {unit}，本阶梯计 {result} {units}",
        "less {value} {unit} in the tiers below, leaving {result} {units}",
    ),
    ("round_up", "step"): (
        "按每 {value} {unit}进整为 {result} {units}",
        "rounded up by steps of {value} to {result} {units}",
    ),
    ("round_up", "block"): (
        "按每块 {value} {unit}进整为 {result} {units}",
        "rounded up by blocks of {value} to {result} {units}",
    ),
    ("multiply", "price"): ("单价 {price}|计 {money}", "at {price}|making {money}"),
    ("add", "flat"): ("加收阶梯固定费 {amount}|计 {money}", "with the tier's flat fee of {amount}|making {money}"),
    ("multiply", "days"): ("按 {detail} 天折算|计 {money}", "prorated {detail} days|making {money}"),
    ("multiply", "share"): ("按本版本天数折算|计 {money}", "prorated by the version's days|making {money}"),
    ("multiply", "cycle_share"): ("按合同期内天数折算|计 {money}", "prorated by the days in force|making {money}"),
    ("multiply", "group_share"): (
        "按本组用量占比 {percent} 分摊|计 {money}",
        "of which this group used {percent}|making {money}",
    ),
    ("multiply", "tax_share"): ("按税率分摊|本税率部分 {money}", "shared out by tax rate|{money} of it at this rate"),
    ("multiply", "rate"): ("按 {percent} 计|得 {money}", "{percent} of it|making {money}"),
    ("multiply", "reached"): (
        "实测 {level}，达到 {target}，按 {percent} 计|得 {money}",
        "{level} measured, {target} reached, {percent} of it|making {money}",
    ),
    ("multiply", "missed"): (
        "实测 {level}，低于 {target}，按 {share} 计|得 {money}",
        "{level} measured, below {target}, {share} of it|making {money}",
    ),
    ("sum", "clauses"): ("{of} {money}{list}", "{of} {money}{list}"),
    ("sum", "covered"): ("{of} {money}{list}", "{of} {money}{list}"),
    ("sum", "drawn"): ("支取 {drawn}{for}{list}|对应 {money}", "{drawn} drawn{for}{list}|worth {money}"),
    ("sum", "tiers"): ("各档折扣{list}|合计 {money}", "the tiers' discounts{list}|making {money}"),
    ("at_most", "fixed"): ("|约定减免 {amount}", "|less the {amount} agreed"),
    ("at_most", "more_than_all"): (
        "约定减免 {amount}，以小计为限|减 {money}",
        "{amount} agreed, the subtotal at most|of {money}",
    ),
    ("at_most", "subtotal"): ("以小计为限|减 {money}", "at most the subtotal|of {money}"),
    ("at_most", "maximum"): ("最多减 {amount}", "{amount} at most"),
    ("add", "days"): (
        "{agreed}按 {detail} 天加权 {amount}|累计 {money}",
        "{agreed} for {detail} days, {amount}|{money} so far",
    ),
    ("subtract", "to_date"): ("减去本周期此前已达 {amount}", "less {amount} reached earlier in the cycle"),
    ("subtract", "clause"): ("减去“{name}”已计 {amount}", "less {amount} charged for {name}"),
    ("subtract", "priced"): ("减去按量计费 {amount}", "less {amount} by usage"),
    ("subtract", "already_billed"): ("减去已出账 {amount}", "less {amount} already billed"),
    ("add", "rounding_share"): ("尾差 {amount}", "a rounding share of {amount}"),
    ("each", "round_each_call"): (
        "逐通按{inner}计费{list}|计 {money}",
        "each call priced {inner}{list}|making {money}",
    ),
    ("each", "elapsed"): ("逐通{inner}{list}，共 {result} {units}", "each call {inner}{list}, {result} {units} in all"),
    ("each", "events"): ("逐笔按 {inner} 计费{list}|计 {money}", "each event charged {inner}{list}|making {money}"),
}
INNER: dict[tuple[str, str], tuple[str, str]] = {
    ("at_most", "tier_to"): ("计至第 {value} 秒", "up to second {value}"),
    ("subtract", "tier_from"): ("扣除前 {value} 秒", "after the first {value} seconds"),
    ("round_up", "increment"): ("按 {value} 秒进整", "rounded up by {value} s"),
    ("multiply", "price"): ("单价 {price}", "at {price}"),
    ("multiply", "rate"): ("{percent}", "at {percent}"),
    ("add", "fixed"): ("另加 {amount}", "plus {amount}"),
    ("at_least", "minimum_each"): ("不低于 {amount}", "at least {amount}"),
    ("at_most", "maximum_each"): ("不高于 {amount}", "at most {amount}"),
    ("divide", "per_units"): ("每 {value} 个计价", "per {value}"),
    ("round", "half-up"): ("四舍五入至 {value} 位小数", "rounded half-up to {value} decimals"),
    ("round", "half-even"): ("四舍六入五成双至 {value} 位小数", "rounded half-even to {value} decimals"),
    ("round", "up"): ("向上进位至 {value} 位小数", "rounded up to {value} decimals"),
    ("round", "down"): ("舍去 {value} 位小数以后的尾数", "rounded down to {value} decimals"),
}
USED = {
    "second": ("计费时长 {value} {unit}", "{value} {unit} of billed talk"),
    "call": ("计费 {value} {unit}", "{value} {unit}"),
}
SILENT = {
    ("start", "of"),
    ("multiply", "taken_off"),
    ("multiply", "given_back"),
    ("multiply", "drawn"),
    ("at_most", "balance"),
}
AGREED = {"true_up": ("保底金额", "the commitment"), "cap": ("封顶金额", "the cap")}
DUE = ("应计 {amount}", "making {amount}")
TAKEN_OFF = ("应减 {amount}", "taking {amount} off")
CLOSINGS = {
    "true_up": ("补足 {amount}", "leaving {amount} to make up"),
    "discount": ("优惠 {amount}", "taking {amount} off"),
    "drawdown": ("抵扣 {amount}", "taking {amount} off"),
    "credit": ("退还 {amount}", "giving {amount} back"),
    "recurring": ("退还 {amount}", "giving {amount} back"),
}
