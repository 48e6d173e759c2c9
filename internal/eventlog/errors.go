package eventlog

import "errors"

// Errors to branch on with errors.Is. What wraps them says more.
var (
	// ErrLocked: another process uses the data directory.
	ErrLocked = errors.New("the data directory is in use by another process")
	// ErrClosed: the Log or the Lane was closed.
	ErrClosed = errors.New("the event log is closed")
	// ErrStreamMismatch: a stream of ours exists with settings that cannot be
	// changed into the ones needed.
	ErrStreamMismatch = errors.New("the existing stream does not fit")
	// ErrTooLarge: a record is larger than the server takes.
	ErrTooLarge = errors.New("record is larger than the event log takes")
	// ErrRefused: the server refused a record for good.
	ErrRefused = errors.New("the event log refused the record")
	// ErrSchemaVersion: a record was written by a version of falcogate that
	// this one does not know.
	ErrSchemaVersion = errors.New("unknown schema version of a record")
	// ErrCorrupt: a record could not be decoded.
	ErrCorrupt = errors.New("record is corrupt")
	// ErrNotRetained: the log does not hold this position (any more).
	ErrNotRetained = errors.New("the event log does not hold this position")
	// ErrRewound: the log has lost records that were already read from it, as
	// after a power failure of the server. What was built from them must be
	// built anew.
	ErrRewound = errors.New("the event log has lost records that were read from it")
)
