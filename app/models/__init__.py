"""What is kept in MongoDB: one document, or one family of them, per file.

Indexes are made by migrations, never by the models. Every read goes to the
primary, every write is acknowledged by a majority and journaled (see
``connection``), so that an answer that was given survives any process.
"""

from app.models.audit import AuditRecord, PendingEvent
from app.models.connection import (
    connect,
    disconnect,
    in_transaction,
)
from app.models.credentials import ApiToken, DeviceLogin, Session
from app.models.downloads import CountedBatch, DownloadCount
from app.models.identity import (
    Counter,
    Membership,
    OrganizationRole,
    Team,
    TeamMember,
    TeamRole,
    User,
)
from app.models.jobs import Job, JobItem, JobState
from app.models.listings import ListingEntry
from app.models.oci import (
    Blob,
    BlobLink,
    BlobUpload,
    CollectionProgress,
    Garbage,
    Manifest,
    ManifestTag,
    UploadPart,
    UploadState,
)
from app.models.organizations import NamespaceClaim, Organization, OrganizationSettings
from app.models.packages import (
    DistTag,
    File,
    NameClaim,
    Package,
    PackageStatus,
    PublishClaim,
    Version,
    VersionState,
    similarity_key,
)
from app.models.repositories import (
    Grant,
    GranteeType,
    Repository,
    RepositoryKind,
    RepositoryRole,
    RepositorySettings,
    Upstream,
    Visibility,
)
from app.models.security import Advisory, PlatformKey, PlatformSettings

__all__ = [
    "Advisory",
    "ApiToken",
    "AuditRecord",
    "Blob",
    "BlobLink",
    "BlobUpload",
    "CollectionProgress",
    "CountedBatch",
    "Counter",
    "DeviceLogin",
    "DistTag",
    "DownloadCount",
    "File",
    "Garbage",
    "Grant",
    "GranteeType",
    "Job",
    "JobItem",
    "JobState",
    "ListingEntry",
    "Manifest",
    "ManifestTag",
    "Membership",
    "NameClaim",
    "NamespaceClaim",
    "Organization",
    "OrganizationRole",
    "OrganizationSettings",
    "Package",
    "PackageStatus",
    "PendingEvent",
    "PlatformKey",
    "PlatformSettings",
    "PublishClaim",
    "Repository",
    "RepositoryKind",
    "RepositoryRole",
    "RepositorySettings",
    "Session",
    "Team",
    "TeamMember",
    "TeamRole",
    "UploadPart",
    "UploadState",
    "Upstream",
    "User",
    "Version",
    "VersionState",
    "Visibility",
    "connect",
    "disconnect",
    "in_transaction",
    "similarity_key",
]
