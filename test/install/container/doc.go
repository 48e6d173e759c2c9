// Package container runs falcogate's images by podman, as root and without a Docker daemon:
// the one that make image builds, the one of the Dockerfile, and docker-compose.yaml with the
// latter. What no registry is there for is made of what this machine has.
package container
