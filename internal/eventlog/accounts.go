package eventlog

import (
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// keys are the embedded server's users: made at every start, known to this
// process alone.
type keys struct {
	owner, mirror, reader, answerer user
}

type user struct {
	public string
	pair   nkeys.KeyPair
}

func newKeys() (k keys, err error) {
	for _, u := range []*user{&k.owner, &k.mirror, &k.reader, &k.answerer} {
		if u.pair, err = nkeys.CreateUser(); err != nil {
			return keys{}, fmt.Errorf("making a key: %w", err)
		}
		if u.public, err = u.pair.PublicKey(); err != nil {
			return keys{}, fmt.Errorf("making a key: %w", err)
		}
	}
	return k, nil
}

// login makes a connection that of user u.
func (u user) login() nats.Option { return nats.Nkey(u.public, u.pair.Sign) }

// accounts is the embedded server's configuration of who may do what.
//
// The streams live in the account FALCOGATE, whose only user is this process.
// Outside clients, who log in with nothing, are in the account READERS. Two
// accounts and not two users of one, because permissions can't bound what the
// server does on a client's behalf: a request whose reply subject is a log
// subject, or a push consumer that delivers to one, would have the server itself
// publish into the log. What a client of READERS names is a subject of READERS.
//
// Into READERS come the verdicts as they are published, and a mirror of the
// verdict stream to consume from. A mirror has no subjects, so nothing but its
// origin can add to it. The user that makes the mirror is this process too. So is the
// one that answers requests below askPrefix, unless that is empty; it can answer to
// inboxes alone, or a request could have it write what looks like a verdict.
func accounts(k keys, askPrefix string) string {
	return fmt.Sprintf(`
accounts {
  FALCOGATE {
    jetstream: enabled
    users: [{nkey: %[1]s}]
    exports: [
      {stream: "%[5]s>", accounts: [READERS]}
      {stream: "%[6]s.>", accounts: [READERS]}
      {service: "$JS.API.CONSUMER.CREATE.%[4]s", accounts: [READERS]}
      {service: "$JS.FC.%[4]s.>", accounts: [READERS]}
    ]
  }
  READERS {
    jetstream: {max_mem: %[9]d, max_store: %[8]d, max_streams: 1, max_consumers: %[10]d}
    imports: [
      {stream: {account: FALCOGATE, subject: "%[5]s>"}}
      {stream: {account: FALCOGATE, subject: "%[6]s.>"}}
      {service: {account: FALCOGATE, subject: "$JS.API.CONSUMER.CREATE.%[4]s"}, to: "%[7]s.CONSUMER.CREATE.%[4]s"}
      {service: {account: FALCOGATE, subject: "$JS.FC.%[4]s.>"}}
    ]
    users: [
      {nkey: %[2]s}
      %[12]s
      {nkey: %[3]s, permissions: {
        subscribe: ["%[5]s>", "_INBOX.>"]
        publish: [
          "$JS.API.INFO"
          "$JS.API.STREAM.NAMES"
          "$JS.API.STREAM.INFO.%[4]s"
          "$JS.API.STREAM.MSG.GET.%[4]s"
          "$JS.API.DIRECT.GET.%[4]s"
          "$JS.API.DIRECT.GET.%[4]s.>"
          "$JS.API.CONSUMER.CREATE.%[4]s.>"
          "$JS.API.CONSUMER.DURABLE.CREATE.%[4]s.*"
          "$JS.API.CONSUMER.INFO.%[4]s.*"
          "$JS.API.CONSUMER.NAMES.%[4]s"
          "$JS.API.CONSUMER.LIST.%[4]s"
          "$JS.API.CONSUMER.MSG.NEXT.%[4]s.*"
          "$JS.ACK.%[4]s.>"%[11]s
        ]
      }}
    ]
  }
}
no_auth_user: %[3]s
`, k.owner.public, k.mirror.public, k.reader.public, VerdictStream, verdictPrefix,
		mirrorDeliver, mirrorAPI, 2*verdictMaxBytes, mirrorMemory, mirrorConsumers, askPermissions(askPrefix), answererUser(k, askPrefix))
}
