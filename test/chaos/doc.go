// Package chaos holds what must be true of gates whatever dies: three NATS servers and
// three falcogates as processes of their own, of which some are killed, stopped or cut off
// at random while Falcos raise alerts and pipelines open gates.
//
// It owns nothing that users run, and imports the verifier's types and its client. The
// test's seed is printed; CHAOS_SEED plays the same faults again, as far as processes on a
// busy machine can, and CHAOS_GATES says how many gates there are.
package chaos
