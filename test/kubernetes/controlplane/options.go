package controlplane

import "time"

// Options say what a control plane consists of. The zero value is an API server
// without controllers.
type Options struct {
	// Controllers also starts kube-controller-manager and kube-scheduler.
	Controllers bool
	// KWOK also starts KWOK, which is the kubelet of every node that JoinKWOKNode
	// makes. Without Controllers, pods need a nodeName.
	KWOK bool
	// NodeGrace is for how long a node may be silent before controllers call it lost;
	// zero means Kubernetes' own 50 seconds. The nodes of KWOK renew their Leases a
	// few times within it, if the machine lets them: it should be 4 seconds or more.
	NodeGrace time.Duration
	// Dir takes the data, the credentials and the logs, and stays after Stop. Empty
	// means a temporary folder that Stop removes.
	Dir string
	// Address is where everything listens. Empty means an address of 127.0.0.0/8
	// drawn at random, so that control planes of several test processes and the
	// connections of others don't meet.
	Address string
	// Programs is the folder of the programs; empty means what
	// FALCOGATE_KUBERNETES_BIN names.
	Programs string
	// APIServerArgs and ControllerManagerArgs are further flags; of a flag that is
	// set twice the last counts.
	APIServerArgs         []string
	ControllerManagerArgs []string
}
