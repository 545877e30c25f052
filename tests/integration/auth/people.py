"""What the people of these tests have in common."""

PASSWORD = "kettle-orbit-mango"  # noqa: S105  of people who do not exist
