// Package livefile reads a file again when it has changed, so that a token can be
// added or withdrawn without a restart.
//
// A file is looked at whenever its content is asked for, which costs one stat: no
// goroutine and no watch, and a change holds from the next request on. That works
// for files that are written in place, for those that are renamed into place, and
// for the links of a mounted Kubernetes Secret. What can't be read or understood
// changes nothing: the last good content stays.
//
// It imports the standard library alone.
package livefile
