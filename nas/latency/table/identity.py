"""Which table a run uses: enough to know it again, and to say what its milliseconds are of."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas.common.errors import UserError

if TYPE_CHECKING:
    from nas.latency.table.table import Table


@dataclass(frozen=True)
class TableId:
    """device: short, for pictures and tables. fingerprint: all of it, in words. digest: of the content. here:
    whether it is of the machine that the run began on, so that networks can be timed again there.
    """

    device: str
    fingerprint: str
    digest: str
    here: bool

    @classmethod
    def of(cls, table: "Table", here: bool) -> "TableId":
        """The identity of a table."""
        from nas.latency.table.file import digest

        fingerprint = table.fingerprint
        threads = f"{fingerprint.threads} thread{'s' * (fingerprint.threads > 1)}"
        device = f"{fingerprint.device}, {fingerprint.backend} {fingerprint.precision}, {threads}"
        return cls(device, str(fingerprint), digest(table), here)

    def check(self, table: "Table") -> None:
        """Raise UserError where a table is another one."""
        other = TableId.of(table, self.here)
        if other.digest != self.digest:
            same = other.fingerprint == self.fingerprint
            what = "was measured at another time" if same else f"was made on {other.fingerprint}"
            raise UserError(
                f"the run was begun with the latency table {self.digest} of {self.fingerprint}; the one given "
                f"({other.digest}) {what}; its latencies would not compare"
            )

    def __str__(self) -> str:
        return f"{self.digest} of {self.fingerprint}"
