"""`darkroom cost`: a month's bill, line by line, from prices and measured usage."""

from dataclasses import asdict, replace
from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Table

from ops.cost.alternatives import alternatives, break_even
from ops.cost.bill import MEMORY_SIZES_MB, Line, Month, bill, cheapest, total
from ops.cost.prices import Prices, dated, prices
from ops.cost.usage import Usage, usage
from ops.options import JsonOption, console, filled, print_json
from ops.problem import sentence_on_problem
from shared.limits import FUNCTION_MEMORY_MB


class Processor(StrEnum):
    """The architectures that the template knows."""

    X86_64 = "x86_64"
    ARM64 = "arm64"


@sentence_on_problem
def cost(
    *,
    images: Annotated[float, typer.Option("--images", help="Uploads a month, such as 1e6.", min=1)] = 1e6,
    mean_mb: Annotated[
        float, typer.Option("--mean-mb", help="The mean size of an original in megabytes.", min=0)
    ] = 2.5,
    views: Annotated[float, typer.Option("--views", help="Pictures that visitors fetch a month.", min=0)] = 0,
    polls: Annotated[float, typer.Option("--polls", help="Status requests per upload.", min=0)] = 0,
    retention_days: Annotated[float, typer.Option("--retention-days", help="OriginalsRetentionDays.", min=0)] = 30,
    memory_mb: Annotated[int, typer.Option("--memory-mb", help="The resizer's memory.")] = FUNCTION_MEMORY_MB,
    architecture: Annotated[Processor, typer.Option("--architecture", help="The functions' processor.")] = (
        Processor.X86_64
    ),
    cdn: Annotated[bool, typer.Option("--cdn", help="CloudFront delivers the pictures.")] = False,
    tracing: Annotated[bool, typer.Option("--tracing", help="Tracing=Active.")] = False,
    region: Annotated[
        str, typer.Option("--region", callback=filled, help="Use the prices of this region.")
    ] = "us-east-1",
    as_json: JsonOption = False,
) -> None:
    """Compute a month's bill, line by line, and compare it with other designs.

    Example: darkroom cost --images 1e6 --mean-mb 2.5 --views 5e6
    """
    month = Month(images, mean_mb, views, 0.1, polls, retention_days, memory_mb, architecture.value, cdn, tracing)
    known, used = prices(region), usage()
    lines = bill(month, used, known)
    best = cheapest(month, used, known)
    others = {name: total(other) for name, other in alternatives(month, used, known)}
    even = break_even(month, used, known)
    if as_json:
        print_json(
            {
                "lines": [asdict(line) | {"dollars": line.dollars} for line in lines],
                "total": total(lines),
                "cheapest": {"architecture": best.architecture, "memory_mb": best.memory_mb},
                "alternatives": others,
                "imgproxy_costs_less_from_images": even,
            }
        )
        return
    console.print(_table(lines))
    console.print(_choices(month, used, known))
    ours = total(lines, "processing") + total(lines, "fixed")
    console.print(_others({"Darkroom": ours, **others}))
    console.print(
        f"Cheapest: {best.architecture} with {best.memory_mb} MB. Below {FUNCTION_MEMORY_MB} MB, lower "
        f"MaxImageMegapixels.\nAlways-on imgproxy costs less from about {even:,.0f} uploads a month.\n"
        f"List prices of {dated()} in {region}, without free tiers. Usage: {used.measured}."
    )


def _table(lines: list[Line]) -> Table:
    table = Table(title="A month, dollars")
    for heading in ("", "quantity", "unit", "dollars"):
        table.add_column(heading, justify="right" if heading in {"quantity", "dollars"} else "left")
    for kind in ("processing", "storage", "viewing", "fixed"):
        for line in lines:
            if line.kind == kind and line.dollars >= 0.005:
                table.add_row(line.name, f"{line.quantity:,.0f}", line.unit, f"{line.dollars:,.2f}")
        table.add_row(f"[bold]{kind}", "", "", f"[bold]{total(lines, kind):,.2f}", end_section=True)
    table.add_row("[bold]together", "", "", f"[bold]{total(lines):,.2f}")
    return table


def _choices(month: Month, used: Usage, known: Prices) -> Table:
    table = Table(title="The whole bill by architecture and memory, dollars")
    table.add_column("")
    for memory in MEMORY_SIZES_MB:
        table.add_column(f"{memory} MB", justify="right")
    for architecture in Processor:
        bills = [
            total(bill(replace(month, architecture=architecture.value, memory_mb=memory), used, known))
            for memory in MEMORY_SIZES_MB
        ]
        table.add_row(architecture.value, *(f"{dollars:,.2f}" for dollars in bills))
    return table


def _others(dollars: dict[str, float]) -> Table:
    table = Table(title="Processing and fixed lines, beside other designs, dollars")
    table.add_column("")
    table.add_column("dollars", justify="right")
    for name, amount in dollars.items():
        table.add_row(name, f"{amount:,.2f}")
    return table
