"""The API answers whatever is sent to it, as its own description says it would."""

import pytest
import schemathesis
from django.core import signals
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

EXAMPLES = 40  # of each operation
SCHEMA = schemathesis.openapi.from_wsgi("/api/openapi.json", get_wsgi_application())
pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]


@pytest.fixture(autouse=True)
def one_connection():
    """Keep the test's connection, as Django's own client does: what an operation writes is rolled back with it."""
    signals.request_started.disconnect(close_old_connections)
    signals.request_finished.disconnect(close_old_connections)
    yield
    signals.request_started.connect(close_old_connections)
    signals.request_finished.connect(close_old_connections)


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
def test_the_answer_is_as_described(case, margherita):
    # What is no number of a pizza on the menu is refused as well, which a schema can't say.
    case.call_and_validate(excluded_checks=[positive_data_acceptance])
