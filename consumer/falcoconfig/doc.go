// Package falcoconfig says whether a Falco configured by a given file lets
// falcogate prove silence, and which setting is missing if not.
//
// It owns what is known of Falco's settings: their names in falco.yaml and in
// the values of Falco's Helm chart, what holds when they are not set, how Falco
// reads their values, and what each of them means for the proof. Finding is
// neutral and serves for what is seen of a running Falco too.
//
// It imports the standard library and the YAML parser, and does no I/O.
//
// A caller reads the file and hands its bytes to Check, which sees this one file
// and nothing else: not the further files that config_files names, not the -o
// options of Falco's command line, not the environment. Check may be called
// concurrently.
package falcoconfig
