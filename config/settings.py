"""Every setting, typed and checked: the only place that reads the environment."""

from __future__ import annotations

import ipaddress
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

type_network = ipaddress.IPv4Network | ipaddress.IPv6Network
Networks = Annotated[tuple[type_network, ...], NoDecode]

UNSAFE_JWT_SECRET = "change-me-in-production"  # noqa: S105  the value to refuse, not a secret
MIB = 1024 * 1024


class StorageBackend(StrEnum):
    """Where artifacts are kept."""

    AUTO = "auto"
    S3 = "s3"
    FILESYSTEM = "filesystem"


class Environment(StrEnum):
    """What the process is for; production refuses unsafe secrets."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"


class LogFormat(StrEnum):
    """How a log line is written."""

    JSON = "json"
    CONSOLE = "console"


class SettingsError(Exception):
    """A setting is missing or wrong; the message names the variable."""


class Settings(BaseSettings):
    """All settings of one process.

    Read from the environment and, in development, from ``.env``. Names are the
    variables' own, in lower case. Sizes are in bytes, times in the unit of the name.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        populate_by_name=True,
    )

    environment: Environment = Environment.PRODUCTION

    mongodb_url: str = ""
    mongodb_db: str = Field(
        "stackgallery", validation_alias=AliasChoices("MONGODB_DB", "MONGODB_NAME")
    )
    redis_url: str = ""
    redis_prefix: str = "ph:"

    s3_endpoint: str = ""
    s3_host: str = ""
    s3_port: int | None = Field(None, ge=1, le=65535)
    s3_usessl: bool = True
    s3_access_key: SecretStr = Field(
        SecretStr(""), validation_alias=AliasChoices("S3_ACCESS_KEY", "S3_ACCESSKEY")
    )
    s3_secret_key: SecretStr = Field(
        SecretStr(""), validation_alias=AliasChoices("S3_SECRET_KEY", "S3_SECRETKEY")
    )
    s3_bucket: str = "registry"
    s3_region: str = "us-east-1"

    host: str = "0.0.0.0"  # noqa: S104  a registry serves its network
    port: int = Field(3000, ge=1, le=65535)
    public_url: str = ""
    trusted_proxies: Networks = ()
    web_workers: int = Field(2, ge=1, le=64)

    jwt_secret: SecretStr = SecretStr("")
    auth_encryption_key: SecretStr = SecretStr("")
    password_iterations: int = Field(600_000, ge=1_000)
    access_token_minutes: int = Field(15, ge=1)
    refresh_token_days: int = Field(7, ge=1)
    admin_email: str = ""
    admin_password: SecretStr = SecretStr("")
    allow_registration: bool = False
    rate_limit_exempt_networks: Networks = ()
    rate_limit_management: int = Field(1200, ge=0, description="requests a minute; 0 for no limit")
    # Off: one address may be a farm of build machines that asks for everything at once, and a
    # read from memory costs less than a flood of them could harm.
    rate_limit_metadata: int = Field(0, ge=0, description="requests a minute; 0 for no limit")
    rate_limit_downloads: int = Field(0, ge=0, description="requests a minute; 0 for no limit")

    data_dir: Path = Path("var")
    storage_backend: StorageBackend = StorageBackend.AUTO
    storage_path: str = "packages"
    disk_cache_bytes: int = Field(10 * 1024 * MIB, ge=0)
    memory_cache_bytes: int = Field(64 * MIB, ge=0)
    max_file_bytes: int = Field(512 * MIB, ge=1)
    sweep_grace_seconds: int = Field(3600, ge=0)
    sweep_orphans_after_seconds: int = Field(7 * 24 * 3600, ge=0)
    oci_grace_seconds: int = Field(24 * 3600, ge=0)

    enable_upstream_cache: bool = True
    upstream_cache_expiry: int = Field(24, ge=0, description="hours")
    upstream_allowed_networks: Networks = ()

    audit_reads: bool = False
    log_level: str = "INFO"
    log_format: LogFormat = LogFormat.JSON
    metrics_token: SecretStr = SecretStr("")

    @field_validator(
        "trusted_proxies", "rate_limit_exempt_networks", "upstream_allowed_networks", mode="before"
    )
    @classmethod
    def _read_networks(cls, value: Any) -> Any:  # noqa: ANN401  raw environment text
        if not isinstance(value, str):
            return value
        return tuple(
            ipaddress.ip_network(part.strip(), strict=False)
            for part in value.split(",")
            if part.strip()
        )

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
            raise ValueError("must be DEBUG, INFO, WARNING, ERROR or CRITICAL")
        return value.upper()

    @field_validator("auth_encryption_key")
    @classmethod
    def _sixty_four_hex_digits(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not re.fullmatch(
            "[0-9a-fA-F]{64}", value.get_secret_value()
        ):
            raise ValueError("must be 64 hexadecimal digits (32 random bytes)")
        return value

    @field_validator("public_url")
    @classmethod
    def _absolute_url(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^/\s?#]+", value.rstrip("/")):
            raise ValueError("must be an origin such as https://packages.example.org, no path")
        return value.rstrip("/")

    @field_validator("storage_path")
    @classmethod
    def _plain_prefix(cls, value: str) -> str:
        value = value.strip("/")
        if not re.fullmatch(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*", value) or ".." in value:
            raise ValueError("must be a relative path of letters, digits, '.', '_' and '-'")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.storage_backend is StorageBackend.S3 and not self.s3_url:
            raise ValueError("S3_ENDPOINT: STORAGE_BACKEND=s3 needs an endpoint")
        if self.s3_url and not (
            self.s3_access_key.get_secret_value() and self.s3_secret_key.get_secret_value()
        ):
            raise ValueError("S3_ACCESS_KEY and S3_SECRET_KEY: both are needed with S3_ENDPOINT")
        return self

    @property
    def s3_url(self) -> str:
        """The S3 endpoint, also where it was given as host and port; empty for none."""
        if self.s3_endpoint:
            return self.s3_endpoint
        if not self.s3_host:
            return ""
        scheme = "https" if self.s3_usessl else "http"
        return f"{scheme}://{self.s3_host}" + (f":{self.s3_port}" if self.s3_port else "")

    @property
    def uses_s3(self) -> bool:
        """Whether artifacts go to S3: asked for, or configured and not declined."""
        if self.storage_backend is StorageBackend.AUTO:
            return bool(self.s3_url)
        return self.storage_backend is StorageBackend.S3

    def require_services_and_secrets(self) -> None:
        """Refuse to serve without what a server needs.

        Raises:
            SettingsError: a service has no URL, or a secret is missing or a known default.
        """
        for name in ("mongodb_url", "redis_url"):
            if not getattr(self, name):
                raise SettingsError(
                    f"{name.upper()}: not set. Point it at a server, or run `packhouse up`, "
                    "which starts one."
                )
        if self.environment is not Environment.PRODUCTION:
            return
        if self.jwt_secret.get_secret_value() in {"", UNSAFE_JWT_SECRET}:
            raise SettingsError(
                "JWT_SECRET: set it to a long random value of your own; the default is public."
            )
        if not self.auth_encryption_key.get_secret_value():
            raise SettingsError("AUTH_ENCRYPTION_KEY: set it to 64 random hexadecimal digits.")


def load_settings(**overrides: object) -> Settings:
    """Read the settings.

    Args:
        overrides: fields that win over the environment (tests, ``packhouse up``).

    Raises:
        SettingsError: one line per wrong variable, each with its name.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # pydantic checks each field
    except ValidationError as error:
        lines = []
        for problem in error.errors(include_url=False, include_input=False):
            name = str(problem["loc"][0]).upper() if problem["loc"] else ""
            text = str(problem["msg"]).removeprefix("Value error, ")
            lines.append(f"{name}: {text}" if name else text)
        raise SettingsError("\n".join(lines)) from error
