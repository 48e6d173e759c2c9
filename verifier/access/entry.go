package access

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/falcogate/falcogate/internal/bearer"
	"github.com/falcogate/falcogate/verifier"
)

// Keys of an entry. One of the four that say who it is must be there.
const (
	keyName        = "name"
	keyToken       = "token"
	keyTokenSHA256 = "token_sha256"
	keyUser        = "user"
	keyGroup       = "group"
	keyNamespaces  = "namespaces"
	keyVerbs       = "verbs"
)

// allNamespaces is what stands for all of them.
const allNamespaces = "*"

// add reads one entry.
func (f *File) add(n *yaml.Node) error {
	entry, err := members(n, "each caller", keyName, keyToken, keyTokenSHA256, keyUser, keyGroup, keyNamespaces, keyVerbs)
	if err != nil {
		return err
	}
	g, err := grantOf(n, entry)
	if err != nil {
		return err
	}
	who, given := "", 0
	for _, key := range []string{keyToken, keyTokenSHA256, keyUser, keyGroup} {
		if entry[key] != nil {
			who, given = key, given+1
		}
	}
	if given != 1 {
		return fmt.Errorf("line %d: want one of token, token_sha256, user and group for each caller, have %d of them", n.Line, given)
	}
	id, err := text(entry[who], who)
	if err != nil {
		return err
	}
	named := entry[keyName] != nil
	switch who {
	case keyUser, keyGroup:
		if named {
			return fmt.Errorf("line %d: name goes with a token: a certificate names its caller itself", n.Line)
		}
		of := f.users
		if who == keyGroup {
			of = f.groups
		}
		of[id] = append(of[id], g)
		return nil
	}
	if !named {
		return fmt.Errorf("line %d: want a name with each token, for messages", n.Line)
	}
	name, err := text(entry[keyName], keyName)
	if err != nil {
		return err
	}
	digest, err := digestOf(who, id)
	if err != nil {
		return fmt.Errorf("line %d: %s: %w", entry[who].Line, who, err)
	}
	return f.hold(n, name, digest, g)
}

// hold gives a grant to who holds a token. Entries of one token add up.
func (f *File) hold(n *yaml.Node, name string, digest bearer.Digest, g *grant) error {
	for i := range f.digests {
		if f.digests[i] != digest {
			continue
		}
		if f.holders[i].name != name {
			return fmt.Errorf("line %d: this token is that of another name above: want a token of its own for each", n.Line)
		}
		f.holders[i].grants = append(f.holders[i].grants, g)
		return nil
	}
	f.digests = append(f.digests, digest)
	f.holders = append(f.holders, holder{name, []*grant{g}})
	return nil
}

// digestOf reads a token, or its digest.
func digestOf(key, value string) (bearer.Digest, error) {
	if key == keyTokenSHA256 {
		return bearer.ParseDigest(value)
	}
	if len(value) < bearer.MinSecret || !bearer.Valid(value) {
		return bearer.Digest{}, fmt.Errorf("want %d to %d letters, digits and -._~+/, with = at the end only", bearer.MinSecret, bearer.MaxToken)
	}
	return bearer.DigestOf(value), nil
}

// grantOf reads what an entry allows.
func grantOf(n *yaml.Node, entry map[string]*yaml.Node) (*grant, error) {
	for _, key := range []string{keyNamespaces, keyVerbs} {
		if entry[key] == nil {
			return nil, fmt.Errorf("line %d: want %s for each caller", n.Line, key)
		}
	}
	namespaces, err := texts(entry[keyNamespaces], keyNamespaces)
	if err != nil {
		return nil, err
	}
	verbs, err := texts(entry[keyVerbs], keyVerbs)
	if err != nil {
		return nil, err
	}
	g := &grant{}
	for _, ns := range namespaces {
		switch {
		case ns == allNamespaces:
			g.all = true
		// A pattern would be no name, and grant nothing.
		case verifier.CheckNamespace(ns) == nil:
			g.namespaces = append(g.namespaces, ns)
		default:
			return nil, fmt.Errorf(`line %d: namespaces: want exact names of namespaces, or "*" for all`, entry[keyNamespaces].Line)
		}
	}
	for _, v := range verbs {
		if v != string(Get) && v != string(Create) {
			return nil, fmt.Errorf("line %d: verbs: want %s (to ask) or %s (to publish)", entry[keyVerbs].Line, Get, Create)
		}
		g.verbs = append(g.verbs, Verb(v))
	}
	return g, nil
}
