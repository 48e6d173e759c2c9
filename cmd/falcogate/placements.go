package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/internal/kube"
	"github.com/falcogate/falcogate/verifier"
)

// placementOptions are the flags of the watch of pods.
type placementOptions struct {
	kubernetes    bool
	watcher       string
	hostnames     []string
	hostnameLabel string
}

func (o *placementOptions) register(flags *pflag.FlagSet) {
	flags.BoolVar(&o.kubernetes, "kubernetes", false, "watch the cluster's pods, so that it is known which sensors a namespace needs; needs list and watch of pods")
	flags.StringVar(&o.watcher, "watcher", "", "`name` of this consumer in what it tells of pods (default: the host's name)")
	flags.StringArrayVar(&o.hostnames, "node-hostname", nil, "`NODE=HOSTNAME` of the sensor on a node, where FALCO_HOSTNAME is not the node's name; repeatable")
	flags.StringVar(&o.hostnameLabel, "node-hostname-label", "", "`label` of the nodes that has the hostname of their sensor; needs list and watch of nodes")
}

// check finds settings that contradict each other.
func (o *placementOptions) check(serve *serveOptions) error {
	if _, err := o.byNode(); err != nil {
		return err
	}
	switch {
	case o.kubernetes && serve.only == onlyVerifier:
		return usagef("--kubernetes is the consumer's, which --only verifier leaves out")
	case !o.kubernetes && (len(o.hostnames) > 0 || o.hostnameLabel != "" || o.watcher != ""):
		return usagef("--node-hostname, --node-hostname-label and --watcher go with --kubernetes")
	case o.kubernetes && serve.placements == string(verifier.PlacementsIgnored):
		return usagef("--kubernetes tells of placements, which --placements ignored makes nothing of: leave out one of them")
	case o.kubernetes && serve.only == onlyBoth:
		serve.placements = string(verifier.PlacementsRequired)
	}
	return nil
}

// byNode reads --node-hostname.
func (o *placementOptions) byNode() (map[string]string, error) {
	names := map[string]string{}
	for _, pair := range o.hostnames {
		node, hostname, ok := strings.Cut(pair, "=")
		if !ok || node == "" || hostname == "" {
			return nil, usagef("--node-hostname %q: want NODE=HOSTNAME", pair)
		}
		if names[node] != "" {
			return nil, usagef("--node-hostname names node %q twice", node)
		}
		names[node] = hostname
	}
	return names, nil
}

// startPlacements starts the watch of pods.
func (p *parts) startPlacements() error {
	o := p.o.watch
	if !o.kubernetes {
		return nil
	}
	hostnames, err := o.byNode()
	if err != nil {
		return err
	}
	if o.watcher == "" {
		if o.watcher, err = os.Hostname(); err != nil {
			return fmt.Errorf("the host's name, for --watcher: %w", err)
		}
	}
	client, err := p.kubernetes()
	if err != nil {
		return err
	}
	sink, err := consumer.NewPlacementLog(consumer.PlacementLogOptions{Log: p.log, Watcher: o.watcher, Registerer: p.registry})
	if err != nil {
		return err
	}
	p.background("watch of pods", func(ctx context.Context) error {
		defer sink.Close()
		return client.WatchPlacements(ctx, kube.PlacementOptions{
			// The log must know all pods also when its beginning is not kept any more.
			Sink: sink, Hostnames: hostnames, HostnameLabel: o.hostnameLabel, Relist: min(time.Hour, p.o.retention/4),
			Logger: p.logger, Registerer: p.registry,
		})
	})
	return nil
}
