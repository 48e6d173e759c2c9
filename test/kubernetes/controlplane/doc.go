// Package controlplane runs a real Kubernetes control plane for tests: etcd and
// kube-apiserver with RBAC, its own certificates and service account keys; when
// asked, also kube-controller-manager, kube-scheduler and KWOK, whose nodes and
// pods nothing has to run.
//
// It owns the processes, their folder and the credentials, and knows nothing of
// falcogate. It may import client-go. It needs Linux.
//
// Its caller starts one ControlPlane per test package, from TestMain through
// RunTests, or by Start, and then calls Stop. Tests share it: each takes
// namespaces and nodes of its own, by [UniqueName], and only a package whose tests do
// not run in parallel may stop or pause the API server. [ControlPlane.Namespace]
// makes a namespace in which pods can be created. Without KWOK, a [Kubelet] reports
// nodes and pods as a kubelet would, and nothing changes that the test does not
// change; a deleted namespace then stays, as there is no controller to empty it.
//
// The programs come from the folder that FALCOGATE_KUBERNETES_BIN names; make
// test-kubernetes builds them. They listen on an address of loopback of their own,
// in the network namespace of the test process, and the kernel kills them when
// that process ends in whatever way.
package controlplane
