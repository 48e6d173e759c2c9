// Package netns runs the tests of a package in a network namespace of their own,
// whose loopback has addresses that are not those of loopback. Tests need it that
// give addresses to pods: EndpointSlices refuse 127.0.0.0/8.
//
// It owns the process that it starts, knows nothing of Kubernetes, and imports only
// what it needs to configure a link. It needs Linux, and root or unprivileged user
// namespaces. Its caller calls RunTests from TestMain and does all else in the
// function that it passes.
package netns
