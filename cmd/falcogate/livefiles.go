package main

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
)

// liveFiles counts and logs what becomes of files that are read again when they
// change.
type liveFiles struct {
	logger  *slog.Logger
	reloads *prometheus.CounterVec
}

func newLiveFiles(logger *slog.Logger, registry prometheus.Registerer) *liveFiles {
	l := &liveFiles{logger, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "falcogate_file_reloads_total",
		Help: "Changed files that were read again, by their flag and by what came of it: loaded, or failed when the old content stays.",
	}, []string{"file", "result"})}
	registry.MustRegister(l.reloads)
	return l
}

// told is what a file of a flag tells.
func (l *liveFiles) told(flag string) func(error) {
	loaded, failed := l.reloads.WithLabelValues(flag, "loaded"), l.reloads.WithLabelValues(flag, "failed")
	return func(err error) {
		if err != nil {
			failed.Inc()
			l.logger.Error("a file has changed and can't be used: what it held before still holds", "flag", flag, "error", err)
			return
		}
		loaded.Inc()
		l.logger.Info("a file has changed and was read again", "flag", flag)
	}
}
