// Package natsapi answers over NATS what httpapi answers over HTTP: the service
// "falcogate" of NATS' micro services, one endpoint for each question, shared by all
// replicas that are in its queue group.
//
// It owns how a request's message becomes one of the HTTP interface's and its answer a
// message again. All else, parameters, problems, who may ask and what an answer
// withholds, is httpapi's handler's, so that the two can't come apart. It may import
// nats.go and the standard library.
//
// The caller makes the connection (internal/eventlog), hands over the handler, and stops
// the service before it closes the connection.
package natsapi
