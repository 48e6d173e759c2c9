package eventlog

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// serverLog writes the embedded server's messages to slog. Its notices are
// details here, and what a single outside client did wrong is no error of ours:
// anybody who can connect could fill the log with it.
type serverLog struct {
	log   *slog.Logger
	fatal chan string // the first reason why it can't run
}

func newServerLog(log *slog.Logger) *serverLog {
	return &serverLog{log: log, fatal: make(chan string, 1)}
}

// Noticef logs at debug.
func (l *serverLog) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }

// Warnf logs at warn.
func (l *serverLog) Warnf(format string, v ...any) { l.say(slog.LevelWarn, format, v) }

// Errorf logs at error.
func (l *serverLog) Errorf(format string, v ...any) { l.say(slog.LevelError, format, v) }

func (l *serverLog) say(level slog.Level, format string, v []any) string {
	text := fmt.Sprintf(format, v...)
	if aboutClient(text) {
		level = slog.LevelDebug
	}
	l.log.Log(context.Background(), level, "embedded NATS server", slog.String("message", text))
	return text
}

// Fatalf logs at error and keeps the reason. It does not end the process.
func (l *serverLog) Fatalf(format string, v ...any) {
	select {
	case l.fatal <- l.say(slog.LevelError, format, v):
	default:
	}
}

// Debugf and Tracef are never called: the server is told not to.
func (l *serverLog) Debugf(string, ...any) {}

// Tracef does nothing.
func (l *serverLog) Tracef(string, ...any) {}

// aboutClient tells the server's messages about one connection, which carry its
// number.
func aboutClient(text string) bool { return strings.Contains(text, " - cid:") }
