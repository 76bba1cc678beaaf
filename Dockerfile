# One image with both services and the lab page. The default command is 'app-cp'; others are 'app-ap' and 'caplab'. See README, "With Docker".

# ---- build --------------------------------------------------------------------------------------------------------
FROM swift:6.3-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends libhiredis-dev libmicrohttpd-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src

# Files that change rarely come first: dependencies are fetched again only if the manifest changes.
COPY Package.swift ./
RUN --mount=type=cache,id=cap-pair-build,target=/build,sharing=locked \
    swift package resolve --scratch-path /build

# The cache mount keeps compiled modules, so a changed file recompiles only its module and the modules that use it.
# SwiftPM needs the directories of all targets, so Tests is copied too; no test is compiled.
COPY Tests Tests
COPY Sources Sources
RUN --mount=type=cache,id=cap-pair-build,target=/build,sharing=locked \
    for product in app-cp app-ap caplab; do \
        swift build -c release --scratch-path /build --static-swift-stdlib -Xswiftc -use-ld=lld \
            --product "$product" || exit 1; \
        install -D --strip "/build/release/$product" "/out/usr/local/bin/$product" || exit 1; \
    done
COPY --chmod=755 deploy/docker/check-health.sh /out/usr/local/bin/check-health
COPY --chmod=755 deploy/docker/init-once.sh /out/usr/local/bin/init-once

# ---- run ----------------------------------------------------------------------------------------------------------
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libhiredis0.14 libmicrohttpd12 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf/*-old /var/log/apt /var/log/dpkg.log \
    && useradd --system --uid 10001 --user-group --home-dir /var/lib/cap --create-home --shell /usr/sbin/nologin cap
COPY --from=build /out/ /

# The container's own network is the only way in. Compose publishes its ports on loopback.
ENV HTTP_BIND=0.0.0.0
USER 10001:10001
WORKDIR /var/lib/cap
EXPOSE 5001 5002
STOPSIGNAL SIGTERM
# Liveness, not readiness: an orchestrator must not restart a service because its replicas are unreachable.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["check-health", "/health/live"]
CMD ["app-cp"]

ARG VERSION=0.2.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="cap-pair" \
      org.opencontainers.image.description="app-cp and app-ap: the two sides of the CAP trade-off over Redis" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="docker.io/library/debian:bookworm-slim"
