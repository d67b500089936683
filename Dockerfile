# syntax=docker/dockerfile:1
# From within the folder of a release (`make release`): docker build --tag stressd .     The rest is in docs/container.md.
# BASE: Debian 12 or what is made of it. One that has python3 with venv and certificates needs no network at all.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
# Debian's point releases replace versions: a pin here would break the build within weeks
# hadolint ignore=DL3008
RUN python3 -c 'import ensurepip, venv' 2>/dev/null || { apt-get update \
 && apt-get install -y --no-install-recommends python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*; }
WORKDIR /release
COPY . .
# tests, headers and sources of compiled parts are never read again
RUN { test -e SHA256SUMS || { echo "this is no folder of a release: make release" >&2 && exit 1; }; } \
 && sha256sum --quiet -c SHA256SUMS \
 && python3 -m venv /build \
 && python3 -m venv --without-pip /opt/stressd \
 && /build/bin/pip --python /opt/stressd/bin/python install --quiet --no-cache-dir --no-index --find-links . \
      --require-hashes -r requirements.txt \
 && find /opt/stressd -type d -name tests -prune -exec rm -r {} + \
 && find /opt/stressd -type f \( -name '*.pyi' -o -name '*.px[di]' -o -name '*.pyx' -o -name '*.[cha]' \) -delete

FROM ${BASE}
# hadolint ignore=DL3008
RUN { python3 --version && test -e /etc/ssl/certs/ca-certificates.crt; } >/dev/null 2>&1 || { apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log; }
RUN echo 'stressd:x:10001:' >>/etc/group \
 && echo 'stressd:x:10001:10001::/var/lib/stressd:/usr/sbin/nologin' >>/etc/passwd \
 && mkdir -p /etc/stressd /run/secrets /var/lib/stressd \
 && chown 10001:10001 /var/lib/stressd \
 && chmod 0700 /var/lib/stressd
COPY --from=build /opt/stressd /opt/stressd
ENV PATH=/opt/stressd/bin:$PATH \
    HOME=/var/lib/stressd \
    TMPDIR=/var/lib/stressd \
    STATE_DIRECTORY=/var/lib/stressd \
    CREDENTIALS_DIRECTORY=/run/secrets \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
VOLUME /var/lib/stressd
STOPSIGNAL SIGTERM
# the daemon answers on a socket in its state directory, whether or not the configuration has it listen on TCP
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python3", "-c", "import socket; s = socket.socket(socket.AF_UNIX); s.settimeout(4); s.connect('/var/lib/stressd/stressd.sock'); s.sendall(b'GET /healthz HTTP/1.0\\r\\nHost: stressd\\r\\n\\r\\n'); assert b' 200 ' in s.recv(64)"]
ENTRYPOINT ["stressd"]
CMD ["run", "-c", "/etc/stressd/stressd.yaml"]
