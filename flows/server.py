"""The Prefect server that the environment names."""

from cube.errors import ConfigError, first_line


def require_server() -> None:
    """Check that there is a server that answers, lets this process in and is of its version.

    Raises:
        ConfigError: naming its address.
    """
    from prefect.client.orchestration import get_client
    from prefect.settings import get_current_settings

    # Without an address Prefect starts a server of its own, which ends with this process.
    if not get_current_settings().api.url:
        raise ConfigError(
            "PREFECT_API_URL names no Prefect server: run `. deployments/env.sh` first."
        )
    with get_client(sync_client=True) as client:
        try:
            client.raise_for_api_version_mismatch()
        except Exception as error:
            reason = error.__cause__ or error  # Prefect wraps what kept it from asking
            raise ConfigError(
                f"The Prefect server at {client.api_url} cannot be used ({first_line(reason)}): "
                "start it, or correct PREFECT_API_URL, which ends in /api, and "
                "PREFECT_API_AUTH_STRING, where the server has one."
            ) from None
