package correlate

import (
	"math"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestQueryValidate(t *testing.T) {
	good := Query{Namespace: "a", Window: Window{epoch, epoch.Add(time.Hour)}, MinPriority: Warning}
	tests := []struct {
		name   string
		change func(*Query)
		err    string
	}{
		{"good", func(*Query) {}, ""},
		{"all namespaces", func(q *Query) { q.Scope, q.Namespace = AllNamespaces, "" }, ""},
		{"no namespace", func(q *Query) { q.Namespace = "" }, "query: no namespace given: name one"},
		{"zero", func(q *Query) { *q = Query{} }, "no namespace given"},
		{"namespace on a host", func(q *Query) { q.Scope = Host }, `namespace "a" given with a scope that is not a namespace`},
		{"namespace of all", func(q *Query) { q.Scope = AllNamespaces }, `namespace "a" given`},
		{"namespace of none", func(q *Query) { q.Scope = WithoutNamespace }, `namespace "a" given`},
		{"unknown scope", func(q *Query) { q.Scope = Everything + 1 }, "unknown scope 5"},
		{"no priority", func(q *Query) { q.MinPriority = 0 }, "minimum priority is not set"},
		{"bad priority", func(q *Query) { q.MinPriority = 9 }, "minimum Priority(9) is no priority"},
		{"no window", func(q *Query) { q.Window = Window{} }, "query: window has no start"},
		{"empty window", func(q *Query) { q.Window.End = q.Window.Start }, "is not before its end"},
	}
	x := NewIndex(Limits{})
	require.NoError(t, x.Add(at(1, epoch, epoch)))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := good
			tt.change(&q)
			counts, countErr := x.Count(q)
			list, next, listErr := x.List(q, NewestFirst, 1, Cursor{})
			if tt.err == "" {
				require.NoError(t, countErr)
				require.NoError(t, listErr)
				require.Equal(t, Counts{Error: 1}, counts)
				require.Len(t, list, 1)
				return
			}
			require.ErrorContains(t, countErr, tt.err)
			require.Equal(t, countErr, listErr)
			require.Equal(t, countErr, q.Validate())
			require.Zero(t, counts)
			require.Nil(t, list)
			require.True(t, next.IsZero())
		})
	}
	q := good
	q.MinPriority = 0
	require.ErrorIs(t, q.Validate(), ErrPriorityUnset)
	for _, limit := range []int{0, -1, math.MinInt} {
		_, _, err := x.List(good, NewestFirst, limit, Cursor{})
		require.ErrorContains(t, err, "want 1 or more")
	}
	_, _, err := x.List(good, OldestFirst+1, 1, Cursor{})
	require.ErrorContains(t, err, "unknown order 2")
}

func TestCounts(t *testing.T) {
	c := Counts{Emergency: 1, Alarm: 2, Critical: 4, Error: 8, Warning: 16, Notice: 32, Informational: 64, Debug: 128}
	require.EqualValues(t, 255, c.Total())
	require.EqualValues(t, 1, c.AtLeast(Emergency))
	require.EqualValues(t, 31, c.AtLeast(Warning))
	require.EqualValues(t, 255, c.AtLeast(Debug))
	require.Zero(t, c.AtLeast(0))
	require.Zero(t, c.AtLeast(Debug+1))
	require.Zero(t, Counts{}.Total())
}

func TestWindowOfQuery(t *testing.T) {
	x := NewIndex(Limits{})
	for i := range 5 {
		require.NoError(t, x.Add(at(uint64(i)+1, epoch, epoch.Add(time.Duration(i)))))
	}
	tests := []struct {
		name       string
		start, end time.Time
		want       uint64
	}{
		{"start is in", epoch.Add(1), epoch.Add(2), 1},
		{"end is out", epoch, epoch.Add(4), 4},
		{"all", epoch, epoch.Add(5), 5},
		{"before", epoch.Add(-10), epoch, 0},
		{"behind", epoch.Add(5), epoch.Add(10), 0},
		{"ever", time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), 5},
		{"long ago", time.Date(1000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1001, 1, 1, 0, 0, 0, 0, time.UTC), 0},
		{"one day", time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(3001, 1, 1, 0, 0, 0, 0, time.UTC), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			counts, err := x.Count(Query{Namespace: "a", Window: Window{tt.start, tt.end}, MinPriority: Error})
			require.NoError(t, err)
			require.Equal(t, Counts{Error: tt.want}, counts)
			counts, err = x.Count(Query{Namespace: "a", Window: Window{tt.start, tt.end}, MinPriority: Critical})
			require.NoError(t, err)
			require.Zero(t, counts, "less severe than asked for")
		})
	}
}

func TestGlob(t *testing.T) {
	tests := []struct {
		pattern    string
		match, not []string
	}{
		{"web-1", []string{"web-1"}, []string{"web-10", "web-", "my-web-1", "WEB-1", ""}},
		{"web-*", []string{"web-", "web-7d4b-x2k2p"}, []string{"web", "my-web-1"}},
		{"*-x-shadow-1-x-*", []string{"api-0-x-shadow-1-x-vc"}, []string{"api-0-x-shadow-10-x-vc"}},
		{"web-?", []string{"web-1", "web-é"}, []string{"web-", "web-12"}},
		{"web-[0-9]", []string{"web-4"}, []string{"web-x"}},
		{"web-[^0-9]", []string{"web-x"}, []string{"web-4"}},
		{`we\*b`, []string{"we*b"}, []string{"weeb"}},
		{"*", []string{"web-1", ""}, nil},
		{"?*", []string{"web-1"}, []string{""}},
	}
	for _, tt := range tests {
		glob, err := ParseGlob(tt.pattern)
		require.NoError(t, err)
		require.Equal(t, tt.pattern, glob.String())
		for _, name := range tt.match {
			require.True(t, glob.Match(name), "%s matches %s", tt.pattern, name)
		}
		for _, name := range tt.not {
			require.False(t, glob.Match(name), "%s doesn't match %s", tt.pattern, name)
		}
	}
	for _, pattern := range []string{"[", "web-[", "web-[a", "[]a]", `web\`, "x[", "zzzz[-]", "*["} {
		glob, err := ParseGlob(pattern)
		require.ErrorIs(t, err, path.ErrBadPattern)
		require.ErrorContains(t, err, "pod pattern")
		require.Zero(t, glob)
	}
	_, err := ParseGlob("")
	require.ErrorContains(t, err, "leave it out")
	for _, name := range []string{"", "web-1"} {
		require.True(t, Glob{}.Match(name))
		require.Equal(t, name == "", NoPod().Match(name))
	}
	require.NotEqual(t, Glob{}, NoPod())
}

// Whatever ParseGlob accepts can be matched: a pattern whose error showed only
// while matching would make alerts invisible.
func FuzzGlob(f *testing.F) {
	for _, pattern := range []string{"web-*", "[a-", `\`, "[^]", "a[b]c", "*?[x-z]\\*", "[\\]a]"} {
		f.Add(pattern, "web-1")
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if _, err := ParseGlob(pattern); err != nil {
			return
		}
		_, err := path.Match(pattern, name)
		require.NoError(t, err)
	})
}

func TestCursor(t *testing.T) {
	require.True(t, Cursor{}.IsZero())
	require.Empty(t, Cursor{}.String())
	c := Cursor{Time: epoch.Add(7), Position: 42}
	require.False(t, c.IsZero())
	require.Equal(t, "1772366400000000007-42", c.String())
	back, err := ParseCursor(c.String())
	require.NoError(t, err)
	require.Equal(t, c, back)
	back, err = ParseCursor("")
	require.NoError(t, err)
	require.True(t, back.IsZero())
	for _, s := range []string{
		"x", "-", "1", "1-", "-1", "1-0", "0-0", "-1-1", "1--1", "1-x", "1-1-1", "1_1", " 1-1", "1-1 ",
		"9223372036854775808-1", "1-18446744073709551616", "1-281474976710656", strings.Repeat("9", 1000),
	} {
		back, err := ParseCursor(s)
		require.ErrorContains(t, err, "want nanoseconds-position", "%q", s)
		require.Less(t, len(err.Error()), 200)
		require.Zero(t, back)
	}
}

// Cursors that no list gave are places too.
func TestListFromAnywhere(t *testing.T) {
	x := NewIndex(Limits{})
	for i := range 5 {
		require.NoError(t, x.Add(at(uint64(i)+1, epoch, epoch.Add(time.Duration(i)))))
	}
	tests := []struct {
		name   string
		cursor Cursor
		newest []uint64
		oldest []uint64
	}{
		{"start", Cursor{}, []uint64{5, 4, 3, 2, 1}, []uint64{1, 2, 3, 4, 5}},
		{"an alert", Cursor{epoch.Add(2), 3}, []uint64{2, 1}, []uint64{4, 5}},
		{"between positions", Cursor{epoch.Add(2), 9}, []uint64{3, 2, 1}, []uint64{4, 5}},
		{"no position", Cursor{Time: epoch.Add(2)}, []uint64{2, 1}, []uint64{3, 4, 5}},
		{"the last position", Cursor{epoch.Add(2), math.MaxUint64}, []uint64{3, 2, 1}, []uint64{4, 5}},
		{"no time", Cursor{Position: 3}, []uint64{}, []uint64{1, 2, 3, 4, 5}},
		{"far behind", Cursor{epoch.AddDate(500, 0, 0), 1}, []uint64{5, 4, 3, 2, 1}, []uint64{}},
		{"long before", Cursor{epoch.AddDate(-1500, 0, 0), 1}, []uint64{}, []uint64{1, 2, 3, 4, 5}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for order, want := range map[Order][]uint64{NewestFirst: tt.newest, OldestFirst: tt.oldest} {
				list, next, err := x.List(everything(), order, 5, tt.cursor)
				require.NoError(t, err)
				require.True(t, next.IsZero(), "exactly as many as asked for is no more")
				have := []uint64{}
				for _, e := range list {
					have = append(have, e.Position)
				}
				require.Equal(t, want, have)
			}
		})
	}
	// At the window's borders a cursor narrows the window and never widens it.
	q := everything()
	q.Window = Window{epoch.Add(1), epoch.Add(4)}
	borders := []struct {
		order  Order
		cursor Cursor
		want   []uint64
	}{
		{OldestFirst, Cursor{epoch.Add(1), 2}, []uint64{3, 4}},
		{OldestFirst, Cursor{epoch, 9}, []uint64{2, 3, 4}},
		{OldestFirst, Cursor{epoch.Add(4), 1}, nil},
		{NewestFirst, Cursor{epoch.Add(4), 9}, []uint64{4, 3, 2}},
		{NewestFirst, Cursor{epoch.Add(5), 9}, []uint64{4, 3, 2}},
		{NewestFirst, Cursor{epoch.Add(1), 9}, []uint64{2}},
		{NewestFirst, Cursor{epoch, 9}, nil},
	}
	for _, tt := range borders {
		list, _, err := x.List(q, tt.order, 5, tt.cursor)
		require.NoError(t, err)
		var have []uint64
		for _, e := range list {
			have = append(have, e.Position)
		}
		require.Equal(t, tt.want, have, "%d from %s", tt.order, tt.cursor)
	}
}
