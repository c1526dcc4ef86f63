"""Every setting of the gateway: its name, type, default, unit, and what switches it off."""

from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from gateway.settings.consistency import check_together, is_postgres
from gateway.settings.loopback import EVERY_ADDRESS, LOOPBACK, LOOPBACK_NAMES, is_loopback
from gateway.settings.server_model import ServerSettings
from gateway.settings.values import (
    Bytes,
    Categories,
    ClosingRowsChoice,
    Command,
    Coroutines,
    Count,
    LogLevel,
    Origin,
    Rules,
    Secret,
    TableRowsChoice,
    Text,
    Texts,
)

__all__ = ["CREDENTIALS", "Settings"]

CREDENTIALS: Final = ("jwt_secret", "jwt_public_key", "jwt_public_key_file", "jwks_url")


class Settings(ServerSettings):
    """Settings as they are after the environment, the file and the defaults were put together.

    The environment variable of a setting is its name in capitals; ``gateway.settings.sources`` reads them.
    """

    # Who may do what
    jwt_secret: Secret | None = Field(
        None, description="Secret of HS256 tokens, at least 32 bytes. Unset, with the three below: no authentication."
    )
    jwt_public_key: Text | None = Field(
        None, description="Public key (PEM) of RS, PS, ES or EdDSA tokens. Unset: not used."
    )
    jwt_public_key_file: Path | None = Field(None, description="File with the public key. Unset: not used.")
    jwks_url: Text | None = Field(
        None, description="Address of a JSON Web Key Set with the public keys. Unset: not used."
    )
    jwt_issuer: Text | None = Field(None, description="The `iss` that tokens must have. Unset: any.")
    jwt_audience: Text | None = Field(None, description="The `aud` that tokens must have. Unset: any.")
    query_tokens: bool = Field(
        True,
        description="Whether ?access_token= is accepted; false: tickets, cookies and headers only.",
    )
    mcp_enabled: bool = Field(False, description="Whether agents may read logs at /mcp (Model Context Protocol).")
    ticket_ttl_seconds: float = Field(30, gt=0, description="Seconds for which a stream ticket may wait to be used.")
    cookie_samesite: Literal["strict", "lax", "none"] = Field(
        "strict", description="SameSite of the session cookie; `none`, for pages of other sites, needs HTTPS."
    )
    http_tls_certificate_file: Path | None = Field(
        None, description="Certificate chain (PEM) for HTTPS. Unset: plain HTTP."
    )
    http_tls_key_file: Path | None = Field(None, description="Its private key (PEM).")
    http_tls_client_ca_file: Path | None = Field(
        None, description="Authority (PEM) whose certificates HTTP clients must show. Unset: none needed."
    )
    grpc_tls_certificate_file: Path | None = Field(
        None, description="Certificate chain (PEM) for gRPC. Unset: plain text."
    )
    grpc_tls_key_file: Path | None = Field(None, description="Its private key (PEM).")
    grpc_tls_client_ca_file: Path | None = Field(
        None, description="Authority (PEM) whose certificates producers must show. Unset: none needed."
    )

    # Storage
    database_url: Text = Field(
        "sqlite:///otto.db",
        description="The journal: sqlite:///relative.db or sqlite:////absolute.db. Experimental, for several gateways "
        "on one log: postgresql://user:password@host:5432/database.",
    )
    polling_database_url: Text | None = Field(
        None,
        description="Where the polling tables are: sqlite:///file.db or postgresql://…. Unset: in the journal's "
        "database.",
    )
    journal_lanes: int | None = Field(
        None,
        ge=1,
        le=64,
        description="With PostgreSQL: into how many lanes tasks are divided, whose commits do not wait for each other. "
        "Given when the database is created, and refused afterwards where it differs. Unset: one, or the database's.",
    )
    redis_url: Text | None = Field(
        None,
        description="Redis or Valkey that carries lines between gateways on PostgreSQL faster: "
        "redis://user:password@host:6379/0. Unset: they read them from the database.",
    )
    durability: Literal["full", "process"] = Field(
        "full", description="What stored lines survive: `full` a power loss, `process` a killed process."
    )
    retention_days: float | None = Field(
        None, ge=0, description="Days after which stored lines and rows are deleted. Unset or 0: kept."
    )
    retention_bytes: Annotated[int, Field(ge=0)] | None = Field(
        None,
        description="Stored bytes of all lines together; beyond it, tasks that have been idle longest lose their first "
        "lines. Unset or 0: no limit.",
    )
    retention_tasks: Annotated[int, Field(ge=0)] | None = Field(
        None,
        description="Tasks that have lines; beyond it, those that have been idle longest are deleted. Unset or 0: no "
        "limit.",
    )
    retention_rules: Rules = Field(
        (),
        description="How long certain tasks are kept instead, as PATTERN=DURATION, separated by commas: "
        "`nightly-*=3d,release-*=365d,golden=keep`; d, h and m are days, hours and minutes. The first that covers a "
        "task counts.",
    )
    closing_rows: ClosingRowsChoice = Field(
        ClosingRowsChoice.STATUS,
        description="Ends of tasks that get a closing row for polling UIs: `status` those reported by workers, "
        "`always`, `never`.",
    )
    table_rows: TableRowsChoice = Field(
        TableRowsChoice.NEW,
        description="Rows that other programs insert into job_logs and that become lines of their task, too: `off` "
        "none, `new` those inserted from the first start on, `all` those from before as well.",
    )
    table_rows_interval_seconds: float = Field(
        0.1, ge=0.005, description="Seconds between two looks for such rows while nothing is new."
    )

    # Limits
    message_bytes_max: Bytes = Field(
        64 << 10, description="Bytes of one line's message; a longer one is cut and marked."
    )
    request_bytes_max: Bytes = Field(
        4 << 20,
        description="Bytes of one gRPC message; a larger one ends its stream. Single calls of one token's subject, and "
        "of one address, hold twice as many at most until they are answered.",
    )
    otlp_bytes_max: Bytes = Field(
        20 << 20, description="Bytes of one OTLP request after decompression; a larger one is refused for good."
    )
    otlp_task_attributes: Texts = Field(
        ("otto.task_id", "k8s.job.name", "cicd.pipeline.run.id", "service.name"),
        description="Attributes of OTLP that name a line's task, separated by commas: the first that its record or its "
        "resource has. A record with none of them is rejected.",
    )
    otlp_worker_attributes: Texts = Field(
        ("otto.worker_id", "k8s.pod.name", "service.instance.id", "cicd.pipeline.task.run.id", "host.name"),
        description="The same for its worker; with none of them it is `otlp`.",
    )
    otlp_source_attributes: Texts = Field(
        ("log.iostream",),
        description="The same for its source, `stdout` or `stderr`; with none of them it is `stdout`.",
    )
    max_producers: Count = Field(1000, description="Streams of producers at once; the next is refused.")
    max_connections_per_principal: int = Field(
        500,
        ge=0,
        description="Streams that tokens of one subject may hold at once, readers' and producers' counted apart; the "
        "next is refused with RESOURCE_EXHAUSTED. 0: no limit.",
    )
    max_connections_per_address: int = Field(
        500,
        ge=0,
        description="HTTP connections, streams, Socket.IO sockets and producers' streams that one client address (of "
        "IPv6: /64 network) may hold at once, each counted apart. 0: no limit.",
    )
    request_seconds_max: float = Field(
        30, gt=0, description="Seconds that the head of an HTTP request may take to arrive, and again its body."
    )
    keep_alive_seconds: float = Field(
        65, gt=0, description="Seconds that an HTTP connection may be idle; longer than those of a proxy in front."
    )
    pending_bytes_max: Bytes = Field(
        32 << 20,
        description="Bytes that may wait for a commit, and again what may gather behind it; above it, reading from "
        "producers with much of it pauses.",
    )
    commit_gather_ms: float = Field(
        12,
        ge=0,
        description="Milliseconds between the beginnings of two commits at least, while there are only a few lines, of "
        "producers that do not wait for the answer to each: fewer, larger commits. 0: no pause.",
    )
    mask_shapes: bool = Field(
        False,
        description="Whether secrets that are known by their shape are masked in the lines of all tasks: tokens of "
        "some 40 issuers, passwords in addresses, private keys.",
    )
    storage_wait_seconds: float = Field(
        60,
        ge=0,
        description="Seconds that lines wait for a journal that is locked by another program or whose disk is full, "
        "before producers are asked to send them again; 0: asked at once when the disk is full.",
    )
    disk_reserve_bytes: Annotated[int, Field(ge=0)] = Field(
        8 << 20,
        description="Bytes kept back on the journal's disk, in a file beside it that is given up when the disk is "
        "full, so that old lines can be removed; 0: none.",
    )
    lock_wait_seconds: float = Field(
        0,
        ge=0,
        description="Seconds that a start waits for another gateway on the same journal to end; 0: it fails at once.",
    )
    window_bytes_per_task: Bytes = Field(
        1 << 20, description="Bytes of the last lines kept in memory for each task that is watched."
    )
    window_bytes_total: Bytes = Field(64 << 20, description="The same over all tasks.")
    run_bytes_total: Bytes = Field(
        32 << 20, description="Bytes of encoded lines kept in memory for sessions that are behind."
    )
    http_body_bytes_max: Bytes = Field(
        64 << 10, description="Bytes of an HTTP request's body; a larger one is refused with 413."
    )
    execution_value_bytes_max: Bytes = Field(
        (1 << 20) + (4 << 10),
        description="Bytes of a node's parameters, and of its result, as JSON; a larger one is refused with 413.",
    )
    history_lines_max: Count = Field(10_000, description="Entries of one page of the history.")
    history_bytes_max: Bytes = Field(
        8 << 20,
        description="Bytes of the entries of one page, or of the hits of one search; it then says that there are more.",
    )
    history_seconds_max: float = Field(
        30,
        gt=0,
        description="Seconds that one page, count or search of the history may look for lines; it then answers what it "
        "has found, and from where to continue.",
    )
    history_hits_max: Count = Field(1000, description="Hits of one search; the next continue after them.")
    history_scans_max: Count = Field(
        16,
        description="Counts, searches and downloads of one principal at once, four times as many of all; the next is "
        "refused with RESOURCE_EXHAUSTED.",
    )
    shutdown_grace_seconds: float = Field(
        10, ge=0, description="Seconds that each step of a shutdown may take; 0: cut off at once."
    )
    shutdown_seconds_max: float = Field(
        25,
        gt=0,
        description="Seconds that a whole shutdown may take; the steps that are left then are cut short. Below what "
        "the system allows before it kills (Kubernetes: 30).",
    )

    # Batch jobs
    naver_client_id: Secret | None = Field(
        None, description="Id of the application that may ask Naver's search API. Unset: no batch jobs."
    )
    naver_client_secret: Secret | None = Field(None, description="Its secret.")
    naver_api_url: Origin = Field(
        "https://openapi.naver.com", description="Where that API is; plain http is for this machine's own tests."
    )
    naver_categories: Categories = Field(
        ("blog", "cafe", "kin", "news", "web"),
        description="What is counted for each keyword, with one request each, separated by commas: blog, cafe, news, "
        "kin, web, book, encyc, image, shop or doc.",
    )
    naver_timeout_seconds: float = Field(10, gt=0, description="Seconds that one of these requests may take.")
    batch_keywords_max: Annotated[int, Field(ge=1, le=100_000)] = Field(1000, description="Keywords of one batch job.")
    batch_jobs_max: Count = Field(
        1, description="Batch jobs that may be pending or being processed at a time; the next is refused with 409."
    )
    batch_interval_seconds: float = Field(0.3, ge=0, description="Seconds between two keywords.")
    batch_attempts_max: Count = Field(5, description="Failed requests of a keyword after which it is given up.")
    batch_retry_seconds: float = Field(1, gt=0, description="Seconds after the first of them; doubled with each.")
    batch_quota_seconds_max: float = Field(
        300, ge=0, description="Seconds that one keyword may wait, in all, for a quota that is used up."
    )
    batch_kept_minutes: float = Field(
        43_200, gt=0, description="Minutes for which a batch job that has ended can be asked for and is listed."
    )
    batch_job_retries_max: int = Field(
        3, ge=0, description="How often a batch job that has failed is tried again; 0: never."
    )
    batch_job_retry_seconds: float = Field(60, gt=0, description="Seconds between its failure and that.")

    # The automation queue
    automation_enabled: bool = Field(
        False, description="Run the automation queue in this process, on the journal's database; false: there is none."
    )
    tasks_dir: Path = Field(Path("tasks"), description="Where each task of the queue has its files, under its id.")
    automation_script_command: Command | None = Field(
        None,
        description="What runs for the stage `script`: a program and its arguments, split as a shell would but without "
        "one, with `{task_id}`, `{directory}` and `{settings}` (JSON) filled in. Unset: the demonstration stage.",
    )
    automation_image_command: Command | None = Field(None, description="The same for `image`.")
    automation_video_command: Command | None = Field(None, description="The same for `video`.")
    automation_youtube_command: Command | None = Field(None, description="The same for `youtube`.")
    automation_coroutines: Coroutines = Field(
        (),
        description="Coroutine functions in place of commands, as script=package.module:function, separated by commas.",
    )
    automation_stage_variables: Texts = Field(
        (),
        description="Environment variables that commands of stages get besides PATH, HOME, USER, LOGNAME, LANG, "
        "LANGUAGE, LC_*, TZ, TMPDIR, PYTHONPATH and VIRTUAL_ENV: names, separated by commas.",
    )
    automation_stage_minutes: float = Field(60, gt=0, description="Minutes that one of these stages may take.")

    # Alerts
    alert_rules: Path | None = Field(
        None, description="File of rules of alerts (YAML), read again when it changes; unset: alerts are off."
    )
    alert_targets: Path | None = Field(
        None, description="File of targets that rules may notify (YAML), read at the start; unset: there are none."
    )

    # Logs
    log_level: LogLevel = Field("INFO", description="Least severe level of the gateway's own log.")
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="Form of the gateway's own log; `auto`: text on a terminal, JSON elsewhere."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        check_together(self)
        return self

    @property
    def has_credentials(self) -> bool:
        """Whether tokens are asked for."""
        return any(getattr(self, name) is not None for name in CREDENTIALS)

    @property
    def listen_host(self) -> str:
        """Where to listen: ``HOST``, or else loopback for as long as everybody is let in."""
        if self.host is not None:
            return self.host
        return EVERY_ADDRESS if self.has_credentials else LOOPBACK

    @property
    def accepted_hosts(self) -> tuple[str, ...]:
        """Names that requests may be addressed to, so that no page points its own at this machine; none: any."""
        if self.allowed_hosts or self.has_credentials or not is_loopback(self.listen_host):
            return self.allowed_hosts
        return LOOPBACK_NAMES

    @property
    def is_open_to_everybody(self) -> bool:
        """Whether others than this machine's own programs can reach it, and need no token."""
        return not self.has_credentials and not is_loopback(self.listen_host)

    @property
    def polling_database(self) -> str:
        """Where the polling tables are."""
        return self.polling_database_url or self.database_url

    @property
    def has_shared_journal(self) -> bool:
        """Whether the journal is on PostgreSQL, where other gateways may use it as well."""
        return is_postgres(self.database_url)
