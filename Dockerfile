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

# ---- what the programs need at run time ----------------------------------------------------------------------------
FROM debian:bookworm-slim AS runtime
RUN apt-get update \
    && apt-get install -y --no-install-recommends libhiredis0.14 libmicrohttpd12 libstdc++6 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/ /image/
# The shared libraries at their own paths, each with its package's license and entry, by which scanners find it.
RUN set -e; mkdir -p /image/etc /image/lib64 /image/tmp /image/var/lib/cap /image/var/lib/dpkg/status.d; \
    chmod 1777 /image/tmp; chown 10001:10001 /image/var/lib/cap; \
    printf 'cap:x:10001:10001::/var/lib/cap:/nonexistent\n' >/image/etc/passwd; \
    printf 'cap:x:10001:\n' >/image/etc/group; \
    printf 'hosts: files dns\n' >/image/etc/nsswitch.conf; \
    cp /etc/os-release /image/etc/os-release; \
    ldd /image/usr/local/bin/* | grep -oE '/[^ ]+ \(0x' | cut -d ' ' -f 1 | sort -u >/libraries; \
    for library in $(cat /libraries); do \
        install -D "$(readlink -f "$library")" "/image$library"; \
        package=$(dpkg -S "$library" 2>/dev/null || dpkg -S "/usr$library"); package=${package%%:*}; \
        dpkg -s "$package" >"/image/var/lib/dpkg/status.d/$package"; \
        install -D "/usr/share/doc/$package/copyright" "/image/usr/share/doc/$package/copyright"; \
    done

# ---- run ----------------------------------------------------------------------------------------------------------
# No shell, no package manager, no other program.
FROM scratch
COPY --from=runtime /image/ /

# The container's own network is the only way in. Compose publishes its ports on loopback.
ENV HTTP_BIND=0.0.0.0 PATH=/usr/local/bin
USER 10001:10001
WORKDIR /var/lib/cap
EXPOSE 5001 5002
STOPSIGNAL SIGTERM
# Liveness, not readiness: an orchestrator must not restart a service because its replicas are unreachable.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["app-cp", "probe", "/health/live"]
CMD ["app-cp"]

ARG VERSION=0.2.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="cap-pair" \
      org.opencontainers.image.description="app-cp and app-ap: the two sides of the CAP trade-off over Redis" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="scratch"
