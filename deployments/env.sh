# Settings for every process of a deployment: server, worker, deploy, run. Source it in each shell:
#
#   . deployments/env.sh
#
# What is set already stays as it is.
: "${PREFECT_API_URL:=http://127.0.0.1:4200/api}"
: "${CUBE_REPORTS_URL:=http://127.0.0.1:9100}"
: "${PREFECT_UI_API_URL:=/api}"    # where a browser found the UI, also behind a proxy

# Nothing leaves this machine: no telemetry, no look-up of models on a hub.
: "${DO_NOT_TRACK:=1}"
: "${PREFECT_SERVER_ANALYTICS_ENABLED:=false}"
: "${GX_ANALYTICS_ENABLED:=false}"
: "${HF_HUB_OFFLINE:=1}"            # 0 to fetch a teacher from the hub

# Logs of the core library reach the UI.
: "${PREFECT_LOGGING_EXTRA_LOGGERS:=cube,expectations,tasks}"
: "${PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW:=ignore}"

# A run without a heartbeat is found (automations.yaml), and its place is freed after a crash of the
# server, which by default keeps the list of places in memory only.
: "${PREFECT_FLOWS_HEARTBEAT_FREQUENCY:=30}"
: "${PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE:=prefect.server.concurrency.lease_storage.filesystem}"

# A run starts within seconds of its time, for a small request that often.
: "${PREFECT_WORKER_QUERY_SECONDS:=3}"

# As the library sets them itself: threads that wait do not spin, tokenizers may be forked.
: "${OMP_WAIT_POLICY:=PASSIVE}"
: "${TOKENIZERS_PARALLELISM:=false}"

export PREFECT_API_URL CUBE_REPORTS_URL PREFECT_UI_API_URL
export DO_NOT_TRACK PREFECT_SERVER_ANALYTICS_ENABLED GX_ANALYTICS_ENABLED HF_HUB_OFFLINE
export PREFECT_LOGGING_EXTRA_LOGGERS PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW
export PREFECT_FLOWS_HEARTBEAT_FREQUENCY PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE
export PREFECT_WORKER_QUERY_SECONDS OMP_WAIT_POLICY TOKENIZERS_PARALLELISM
