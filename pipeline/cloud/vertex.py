"""Vertex AI through Google's own client: where it is, and what its errors mean to a user."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from kerasline.components.core import ConfigError, KeraslineError
from kerasline.pipeline.cloud.remote_run import Unreachable

NO_CREDENTIALS = (
    "expected credentials for Google Cloud, found none; run 'gcloud auth application-default login', or set "
    "GOOGLE_APPLICATION_CREDENTIALS to the file of a service account's key"
)


def make_client(kind: str, region: str, endpoint: str | None = None) -> Any:
    """Makes a client that speaks REST, as proxies and private endpoints want it.

    Args:
      kind: a class of ``google.cloud.aiplatform_v1``, such as ``PipelineServiceClient``.
      region: of Google Cloud.
      endpoint: URL of the API where it is not the region's public one.
    """
    from google.api_core.client_options import ClientOptions
    from google.cloud import aiplatform_v1

    options = ClientOptions(api_endpoint=endpoint or f"{region}-aiplatform.googleapis.com")
    return getattr(aiplatform_v1, kind)(client_options=options, transport="rest")


@contextlib.contextmanager
def plain_errors(what: str) -> Iterator[None]:
    """Says the client's errors in a sentence.

    Args:
      what: is asked of the service, for messages: ``the job``.

    Raises:
      ConfigError: there are no credentials, or they are not valid any more.
      Unreachable: nothing answers, or the service has trouble of its own.
      KeraslineError: the service refused.
    """
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
    from requests.exceptions import RequestException

    try:
        yield
    except RefreshError as error:
        raise ConfigError(f"Google Cloud refused the credentials: {error.args[0]}; log in again") from error
    except (TransportError, RequestException, exceptions.ServerError) as error:
        raise Unreachable(f"expected an answer from Vertex AI, but it gives none: {error}") from error
    except GoogleAuthError as error:
        raise ConfigError(NO_CREDENTIALS) from error
    except exceptions.GoogleAPICallError as error:
        raise KeraslineError(f"Vertex AI refused {what}: {error.message}") from error
