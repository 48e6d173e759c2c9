// Package resources has the real API server take the custom resources of docs/examples, by
// the definitions that the delivery systems' own modules have, with strict validation; and
// sees that no example is left without a test.
//
// It owns nothing that users run.
package resources
