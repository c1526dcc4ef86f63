"""The limits of batch jobs, as the settings give them."""

from components.batch_jobs import RetryPolicy
from components.batch_jobs.component import batch_limits
from components.batch_jobs.jobs import BatchLimits
from components.batch_jobs.naver import NAVER_SERVICES
from gateway.settings.model import Settings
from gateway.settings.values import NAVER_CATEGORIES


def test_batch_limits_are_in_seconds() -> None:
    """Minutes of the settings are seconds of the component; each setting here has a value of its own."""
    counts = {"batch_jobs_max": 2, "batch_attempts_max": 3}
    times = {"batch_interval_seconds": 4, "batch_kept_minutes": 5, "batch_retry_seconds": 6}
    again = {"batch_job_retries_max": 8, "batch_job_retry_seconds": 9}
    retries = RetryPolicy(attempts_max=3, first_seconds=6, quota_seconds_max=7)
    settings = Settings.model_validate({**counts, **times, **again, "batch_quota_seconds_max": 7})
    assert batch_limits(settings) == BatchLimits(
        active_max=2,
        interval_seconds=4,
        kept_seconds=300,
        retries=retries,
        job_retries_max=8,
        job_retry_seconds=9,
    )


def test_every_category_of_the_settings_can_be_asked_for() -> None:
    """NAVER_CATEGORIES accepts what the counter has an address for, and nothing else."""
    assert tuple(NAVER_SERVICES) == NAVER_CATEGORIES
