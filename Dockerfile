# The command line as an image: one static program on a file system that has nothing else but certificates. It runs as nobody, and
# writes nothing.
#
#   docker build --tag kinesieve .
#   docker run --rm --read-only kinesieve run --help
#
# A transform goes into an image of its own: docs/how-to/run-in-containers.md.

# The machine that builds compiles for the one that runs: nothing is emulated.
FROM --platform=$BUILDPLATFORM rust:1.95-bookworm AS build
ARG TARGETARCH
RUN apt-get update && apt-get install --yes --no-install-recommends python3-venv && rm -rf /var/lib/apt/lists/*
WORKDIR /source
# These change less often than the source.
COPY scripts/requirements-dist.txt scripts/
COPY Makefile ./
RUN make tools-dist
COPY . .
RUN make static STATIC_ARCH="$TARGETARCH" && cp "target/static/$TARGETARCH/kinesieve" /kinesieve

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /kinesieve /kinesieve
# By its number: an orchestrator that asks for another user than root can't know what a name means.
USER 65532:65532
ENTRYPOINT ["/kinesieve"]
CMD ["--help"]
