# syntax=docker/dockerfile:1
# docker build -t stressd .
# docker run --read-only --cap-drop ALL --stop-timeout 30 -v ./config:/etc/stressd:ro -v stressd:/var/lib/stressd stressd
# The folder with stressd.yaml, not the file: a file that is replaced stays the old one inside, also after a SIGHUP.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
# Debian's point releases replace versions: a pin here would break the build within weeks
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev python3 python3-dev python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python3 -m venv /build \
 && /build/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements/build.txt -r requirements/runtime.txt
COPY pyproject.toml setup.py README.md LICENSE ./
COPY stressd stressd
RUN STRESSD_COMPILED=1 /build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
 && python3 -m venv --without-pip /opt/stressd \
 && /build/bin/pip --python /opt/stressd/bin/python install --no-cache-dir --no-deps --require-hashes -r requirements/runtime.txt \
 && /build/bin/pip --python /opt/stressd/bin/python install --no-cache-dir --no-deps --no-index /wheels/*.whl

FROM ${BASE}
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
 && groupadd --gid 10001 stressd \
 && useradd --uid 10001 --gid stressd --no-create-home --home-dir /var/lib/stressd --shell /usr/sbin/nologin stressd \
 && install -d -o stressd -g stressd -m 0700 /var/lib/stressd \
 && install -d /etc/stressd
COPY --from=build /opt/stressd /opt/stressd
ENV PATH=/opt/stressd/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    STATE_DIRECTORY=/var/lib/stressd
USER 10001:10001
VOLUME /var/lib/stressd
STOPSIGNAL SIGTERM
# the daemon answers on a socket in its state directory, whether or not the configuration has it listen on TCP
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python3", "-c", "import socket; s = socket.socket(socket.AF_UNIX); s.settimeout(4); s.connect('/var/lib/stressd/stressd.sock'); s.sendall(b'GET /healthz HTTP/1.0\\r\\nHost: stressd\\r\\n\\r\\n'); assert b' 200 ' in s.recv(64)"]
ENTRYPOINT ["stressd"]
CMD ["run", "-c", "/etc/stressd/stressd.yaml"]
