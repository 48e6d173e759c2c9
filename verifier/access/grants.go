package access

import (
	"slices"

	"github.com/falcogate/falcogate/internal/bearer"
)

// File is an auth file that was read: who may do what. It is not changed.
type File struct {
	// digests and holders are the tokens and who holds them, place by place.
	digests []bearer.Digest
	holders []holder
	users   map[string][]*grant
	groups  map[string][]*grant
}

// holder is who holds a token, with what all entries of that token grant.
type holder struct {
	name   string
	grants []*grant
}

// grant is what one entry of the file allows.
type grant struct {
	verbs      []Verb
	namespaces []string // exact
	all        bool     // of all namespaces, and of what belongs to none
}

// granted reports whether one of the grants allows the action.
func granted(grants []*grant, a Action) bool {
	return slices.ContainsFunc(grants, func(g *grant) bool {
		if !slices.Contains(g.verbs, a.Verb) {
			return false
		}
		if g.all || a.Path != "" || a.Namespace == "" {
			return g.all
		}
		return slices.Contains(g.namespaces, a.Namespace)
	})
}

// Callers is how many entries the file has, by tokens and by certificates. A mode
// that has none of its kind lets nobody in.
func (f *File) Callers() (byToken, byCertificate int) {
	for _, h := range f.holders {
		byToken += len(h.grants)
	}
	for _, all := range []map[string][]*grant{f.users, f.groups} {
		for _, grants := range all {
			byCertificate += len(grants)
		}
	}
	return byToken, byCertificate
}
