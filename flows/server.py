"""The Prefect server that the environment names."""

from cube.errors import ConfigError


def require_server() -> None:
    """Check that the server answers.

    Raises:
        ConfigError: naming its address.
    """
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        if (error := client.api_healthcheck()) is not None:
            raise ConfigError(
                f"No Prefect server answers at {client.api_url}: start it, or unset "
                f"PREFECT_API_URL ({error})."
            )
