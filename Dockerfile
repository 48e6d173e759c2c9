# syntax=docker/dockerfile:1
# One static program on nothing: no shell, no packages, no root.

# The compiler runs on the builder's own platform and compiles for the target's.
FROM --platform=$BUILDPLATFORM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH
# Without it, the version is what git says of the commit, as in the Makefile. Not --dirty:
# what .dockerignore leaves out would look like a change.
ARG VERSION=
RUN version="${VERSION:-$(git describe --tags --always 2>/dev/null || echo unknown)}" && \
    commit="$(git rev-parse HEAD 2>/dev/null || echo unknown)" && \
    date="$(TZ=UTC0 git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null || echo unknown)" && \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false \
        -ldflags "-s -w -X main.version=$version -X main.commit=$commit -X main.commitDate=$date" -o /falcogate ./cmd/falcogate && \
    mkdir /data

FROM scratch
LABEL org.opencontainers.image.title="falcogate" \
      org.opencontainers.image.description="A gate over Falco's alerts" \
      org.opencontainers.image.source="https://github.com/falcogate/falcogate"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /falcogate /falcogate
# serve keeps its log below the working directory unless told otherwise; a new volume
# at /data takes over this owner.
COPY --from=build --chown=65532:65532 /data /data
WORKDIR /data
USER 65532:65532
ENTRYPOINT ["/falcogate"]
