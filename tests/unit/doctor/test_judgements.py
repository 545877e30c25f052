"""What the doctor makes of disks and clocks that no test can have."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.doctor.checks import judge_clocks, judge_room
from app.doctor.diagnosis import Trouble, Worry

GIB = 1024**3


@pytest.mark.parametrize(
    ("free", "size"), [(GIB - 1, 10 * GIB), (4 * GIB, 100 * GIB), (0, 1000 * GIB)]
)
def test_a_disk_with_little_room_is_a_worry(free: int, size: int) -> None:
    with pytest.raises(Worry) as worry:
        judge_room(Path("/data"), free_bytes=free, all_bytes=size)
    assert f"{free / GIB:.1f} of {size / GIB:.1f} GiB" in str(worry.value)
    assert "packhouse gc" in worry.value.advice


@pytest.mark.parametrize(("free", "size"), [(GIB, 10 * GIB), (6 * GIB, 100 * GIB)])
def test_a_disk_with_room_is_none(free: int, size: int) -> None:
    assert "free on the disk of /data" in judge_room(Path("/data"), free_bytes=free, all_bytes=size)


@pytest.mark.parametrize(("name", "skew"), [("MongoDB", -2.1), ("Redis", 3600.0)])
def test_a_clock_that_differs_is_trouble(name: str, skew: float) -> None:
    with pytest.raises(Trouble) as trouble:
        judge_clocks({"MongoDB": 0.1, "Redis": -0.1, name: skew})
    assert f"{name} {skew:+.1f} s" in str(trouble.value)
    assert "chrony" in trouble.value.advice


def test_clocks_that_nearly_agree_are_well() -> None:
    assert judge_clocks({"MongoDB": 1.9, "Redis": -1.9}).startswith("The clocks of MongoDB and")
