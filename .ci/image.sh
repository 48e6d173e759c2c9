#!/usr/bin/env bash
# The container image for linux/amd64 and linux/arm64 as an OCI layout in the folder $1,
# without a Docker daemon and without a registry beyond this machine. ko takes a base from
# registries only, so one on loopback serves an empty one with CA certificates, while it runs.
#
# Needs KO and CRANE, the paths of the two programs, VERSION, COMMIT, LDFLAGS and
# SOURCE_DATE_EPOCH, as make image has them. The same commit, Go and CA_BUNDLE give the same
# digest.
set -euo pipefail
layout=$1
work=$(mktemp -d)
# ko writes the address of the base into the image: the port is a fixed one, so that the
# digest stays the same.
"$CRANE" registry serve --address "127.0.0.1:${BASE_PORT:-5018}" >"$work/registry.log" 2>&1 &
registry=$!
trap 'kill "$registry" 2>/dev/null || true; wait "$registry" 2>/dev/null || true; rm -rf "$work"' EXIT
deadline=$((SECONDS + 30))
until port=$(sed -n 's/.*serving on port \([0-9]*\).*/\1/p' "$work/registry.log") && [[ -n $port ]]; do
	((SECONDS < deadline)) || { cat "$work/registry.log" >&2; exit 1; }
	sleep 0.1
done
base=127.0.0.1:$port/base

mkdir -p "$work/root/etc/ssl/certs" "$work/root/data"
cp "${CA_BUNDLE:-/etc/ssl/certs/ca-certificates.crt}" "$work/root/etc/ssl/certs/ca-certificates.crt"
chmod -R u=rwX,go=rX "$work/root"
# /data is the working directory: serve keeps its log below it unless told otherwise.
epoch=(--sort=name --mtime="@$SOURCE_DATE_EPOCH" --numeric-owner -C "$work/root")
tar "${epoch[@]}" --owner=0 --group=0 -cf "$work/etc.tar" etc
tar "${epoch[@]}" --owner=65532 --group=65532 -cf "$work/data.tar" data
platforms=()
for arch in amd64 arm64; do
	"$CRANE" append --oci-empty-base -f "$work/etc.tar" -f "$work/data.tar" -t "$base:$arch" >/dev/null
	"$CRANE" mutate --set-platform "linux/$arch" --workdir /data -t "$base:$arch" "$base:$arch" >/dev/null
	platforms+=(-m "$base:$arch")
done
"$CRANE" index append "${platforms[@]}" -t "$base:both" >/dev/null

rm -rf "$layout"
LDFLAGS=$LDFLAGS KO_DEFAULTBASEIMAGE=$base:both KO_DOCKER_REPO=falcogate KOCACHE= "$KO" build ./cmd/falcogate \
	--bare --push=false --oci-layout-path "$layout" --platform linux/amd64,linux/arm64 \
	--image-user 65532:65532 --sbom spdx --sbom-dir "$layout.sbom" \
	--image-label org.opencontainers.image.title=falcogate \
	--image-label "org.opencontainers.image.version=$VERSION" \
	--image-label "org.opencontainers.image.revision=$COMMIT" \
	--image-label org.opencontainers.image.source=https://github.com/falcogate/falcogate >"$work/reference"
sed 's/.*@/image /' "$work/reference"
