package correlate

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What a watcher knows: from the beginning of a list that is whole up to the newest
// mark that it cites.
func TestWatcherKnows(t *testing.T) {
	tests := []struct {
		name    string
		tell    func(*desk)
		unknown []Window // of 0s to 100s
		open    bool     // the last of them
	}{
		{"nothing", func(*desk) {}, spans(0, 100), false},
		{"marks alone", func(d *desk) {
			d.beat("w", 10)
			d.beat("w", 95)
		}, spans(0, 100), false},
		{"a list, and nothing cited since", func(d *desk) { d.list("w", 10) }, spans(0, 100), false},
		{"a list and a mark that is not cited", func(d *desk) {
			d.list("w", 10)
			d.mark("w", 50, Watching, 0)
		}, spans(0, 100), false},
		{"up to the mark that is cited", func(d *desk) {
			d.list("w", 10)
			d.mark("w", 50, Watching, 0)
			d.beat("w", 60)
		}, spans(0, 10, 50, 100), true},
		{"cited over and over", func(d *desk) {
			d.list("w", 10)
			for at := 20.0; at <= 110; at += 10 {
				d.beat("w", at)
			}
		}, spans(0, 10), false},
		{"an old mark cited after a newer one", func(d *desk) {
			d.list("w", 10)
			old := d.mark("w", 40, Watching, 0)
			d.beat("w", 50)
			d.beat("w", 60)
			d.mark("w", 70, Watching, old)
		}, spans(0, 10, 50, 100), true},
		{"a list that cites no mark", func(d *desk) {
			d.mark("w", 10, Listing, 0)
			d.mark("w", 11, Listed, 0)
			d.beat("w", 60)
		}, spans(0, 100), false},
		{"a list that cites a mark that is not there", func(d *desk) {
			asOf := d.mark("w", 9, Watching, 0)
			d.mark("w", 10, Listing, asOf+7)
			d.mark("w", 11, Listed, asOf)
			d.beat("w", 60)
		}, spans(0, 100), false},
		{"a list that ends and never began", func(d *desk) {
			asOf := d.mark("w", 9, Watching, 0)
			d.mark("w", 11, Listed, asOf)
			d.beat("w", 60)
			d.beat("w", 70)
		}, spans(0, 100), false},
		{"a list that does not end", func(d *desk) {
			asOf := d.mark("w", 9, Watching, 0)
			d.mark("w", 10, Listing, asOf)
			d.beat("w", 60)
			d.beat("w", 70)
		}, spans(0, 100), false},
		{"a list that is begun again counts from then", func(d *desk) {
			asOf := d.mark("w", 9, Watching, 0)
			d.mark("w", 10, Listing, asOf)
			d.mark("w", 20, Listing, asOf)
			d.mark("w", 21, Listed, asOf)
			d.beat("w", 60)
			d.beat("w", 70)
		}, spans(0, 20, 60, 100), true},
		{"a mark of the ninth last is forgotten", func(d *desk) {
			d.list("w", 10)
			old := d.mark("w", 40, Watching, 0)
			for i := range keptMarks {
				d.mark("w", 50+float64(i), Watching, 0)
			}
			d.mark("w", 70, Watching, old)
		}, spans(0, 100), false},
		{"a mark of the eighth last is not", func(d *desk) {
			d.list("w", 10)
			old := d.mark("w", 40, Watching, 0)
			for i := range keptMarks - 1 {
				d.mark("w", 50+float64(i), Watching, 0)
			}
			d.mark("w", 70, Watching, old)
		}, spans(0, 10, 40, 100), true},
		{"a number is left out", func(d *desk) {
			d.list("w", 10)
			d.beat("w", 50)
			d.beat("w", 60)
			d.lose("w")
			d.beat("w", 70)
			d.beat("w", 80)
		}, spans(0, 10, 50, 100), false},
		{"and then a list", func(d *desk) {
			d.list("w", 10)
			d.beat("w", 50)
			d.beat("w", 60)
			d.lose("w")
			d.list("w", 70)
			d.beat("w", 80)
			d.beat("w", 110)
			d.beat("w", 120)
		}, spans(0, 10, 50, 70), false},
		{"a number is left out in the list", func(d *desk) {
			asOf := d.mark("w", 9, Watching, 0)
			d.mark("w", 10, Listing, asOf)
			d.lose("w")
			d.mark("w", 11, Listed, asOf)
			d.beat("w", 60)
			d.beat("w", 70)
		}, spans(0, 100), false},
		{"another session", func(d *desk) {
			d.list("w", 10)
			d.beat("w", 50)
			d.beat("w", 60)
			d.restart("w")
			d.beat("w", 70)
			d.beat("w", 80)
		}, spans(0, 10, 50, 100), false},
		{"a mark of the session before is not cited", func(d *desk) {
			old := d.mark("w", 5, Watching, 0)
			d.restart("w")
			d.mark("w", 10, Listing, old)
			d.mark("w", 11, Listed, old)
			d.beat("w", 60)
			d.beat("w", 70)
		}, spans(0, 100), false},
		{"a list of an unbroken watch makes no hole", func(d *desk) {
			d.list("w", 10)
			d.beat("w", 50)
			d.list("w", 60)
			d.beat("w", 100)
			d.beat("w", 110)
		}, spans(0, 10), false},
		{"two watchers together", func(d *desk) {
			d.list("w", 10)
			d.list("v", 30)
			d.beat("w", 40)
			d.beat("w", 50)
			d.beat("v", 90)
			d.beat("v", 100)
		}, spans(0, 10, 90, 100), true},
		{"two watchers apart", func(d *desk) {
			d.list("w", 10)
			d.beat("w", 20)
			d.beat("w", 25)
			d.list("v", 30)
			d.beat("v", 110)
			d.beat("v", 120)
		}, spans(0, 10, 20, 30), false},
		{"told twice", func(d *desk) {
			d.list("w", 10)
			d.beat("w", 50)
			again := &Watch{Told: *d.told["w"], AsOf: 1}
			d.beat("w", 60)
			d.apply(65, again)
			d.beat("w", 70)
			d.beat("w", 80)
		}, spans(0, 10, 70, 100), true},
		{"not heard for a minute", func(d *desk) {
			d.list("w", 10)
			d.beat("w", 50)
			d.beat("w", 60)
			d.apply(60+watchAliveSeconds+0.001, &Drop{Hostname: "n"})
		}, spans(0, 10, 50, 100), false},
		{"heard a minute ago", func(d *desk) {
			d.list("w", 10)
			d.beat("w", 50)
			d.beat("w", 60)
			d.apply(60+watchAliveSeconds, &Drop{Hostname: "n"})
		}, spans(0, 10, 50, 100), true},
		{"a list is under way that will close it", func(d *desk) {
			d.list("w", 10)
			d.beat("w", 50)
			d.beat("w", 60)
			asOf := d.mark("v", 35, Watching, 0)
			d.mark("v", 45, Listing, asOf)
		}, spans(0, 10, 50, 100), true},
		{"a list is under way that begins too late", func(d *desk) {
			d.list("w", 10)
			d.beat("w", 50)
			d.beat("w", 60)
			d.restart("w")
			asOf := d.mark("w", 61, Watching, 0)
			d.mark("w", 62, Listing, asOf)
		}, spans(0, 10, 50, 100), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			tt.tell(d)
			p := d.placed(0, 100)
			require.Equal(t, tt.unknown, p.Unknown)
			require.Equal(t, tt.open, p.Open)
			requirePods(t, d.state)
		})
	}
}

// What was told in an earlier session and comes again is not another session.
func TestWatcherOfAnEarlierSession(t *testing.T) {
	d := newDesk(t)
	again := []Body{}
	for session := range keptSessions + 1 {
		d.list("w", float64(session), onNode("web-1", "n1"))
		again = append(again, &Watch{Told: *d.told["w"]})
		d.restart("w")
	}
	d.list("w", 20)
	d.beat("w", 30)
	for _, body := range again[1:] {
		d.apply(31, body)
	}
	d.beat("w", 40)
	d.beat("w", 50)
	require.Empty(t, d.placed(20, 40).Unknown)
	// Of more than that it can't be told.
	d.apply(51, again[0])
	d.beat("w", 60)
	d.beat("w", 70)
	require.Equal(t, spans(40, 60), d.placed(20, 60).Unknown)
}

const watchAliveSeconds = float64(watchAlive) / float64(time.Second)

// Of a log whose beginning is not kept, a list counts when the mark that it cites is.
func TestWatcherKnowsAboveTheFloor(t *testing.T) {
	tests := []struct {
		name    string
		floor   float64
		known   float64
		unknown []Window // of 0s to 40s
	}{
		{"no floor", 0, 50, spans(0, 10)},
		{"below the mark", 9.499, 50, spans(0, 10)},
		{"at the mark: it may be the last that is not kept", 9.5, 50, spans(0, 30)},
		{"between the mark and the list", 9.9, 50, spans(0, 30)},
		{"below the second list", 29.499, 50, spans(0, 30)},
		{"above the second list's mark", 29.6, 0, spans(0, 40)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			d.list("w", 10)
			d.list("w", 30)
			d.beat("w", 50)
			d.beat("w", 60)
			if tt.floor > 0 {
				d.state.Index().RaiseFloor(sec(tt.floor))
			}
			require.Equal(t, tt.unknown, d.placed(0, 40).Unknown)
			if tt.known == 0 {
				require.Zero(t, d.state.Known())
				require.False(t, d.placed(0, 70).Open, "not before a list above the floor")
			} else {
				require.Equal(t, sec(tt.known), d.state.Known())
				require.True(t, d.placed(40, 70).Open)
			}
		})
	}
	// A list that is under way counts as well, if its mark does.
	for _, floor := range []float64{99, 99.5} {
		d := newDesk(t)
		asOf := d.mark("w", 99.5, Watching, 0)
		d.mark("w", 100, Listing, asOf)
		d.state.Index().RaiseFloor(sec(floor))
		require.Equal(t, floor < 99.5, d.placed(100, 110).Open)
	}
}

// What is older than the retention is forgotten, of watchers too.
func TestWatchersAreForgotten(t *testing.T) {
	d := newDesk(t)
	d.state = NewState(Limits{Retention: 100 * time.Second}, 0)
	d.list("old", 0)
	d.list("w", 1)
	d.beat("w", 20)
	for at := 30.0; at < 100; at += 10 {
		d.beat("w", at)
	}
	require.Equal(t, 2, d.state.PlacementStats().Watchers)
	require.Empty(t, d.placed(1, 60).Unknown)
	d.beat("w", 110)
	require.Equal(t, 1, d.state.PlacementStats().Watchers, "old was not heard for the retention")
	// Its list is below the floor now, and it goes on: the next list counts from then.
	require.Equal(t, spans(20, 60), d.placed(20, 60).Unknown)
	d.list("w", 120)
	d.beat("w", 130)
	d.beat("w", 140)
	require.Equal(t, spans(60, 120), d.placed(60, 125).Unknown)
	require.Len(t, d.state.placements.watchers.byName["w"].spans, 1, "it went on all the time")
	d.apply(400, &Drop{Hostname: "n"})
	require.Zero(t, d.state.PlacementStats().Watchers)
	require.False(t, d.state.Placing())
}

// A watcher that has cited nothing for the retention does not know any more what it
// knew; who was heard since is kept.
func TestWatcherThatCitesNothing(t *testing.T) {
	d := newDesk(t)
	d.state = NewState(Limits{Retention: 100 * time.Second}, 0)
	d.list("w", 1)
	for at := 10.0; at < 300; at += 10 {
		d.mark("w", at, Watching, 0)
	}
	w := d.state.placements.watchers.byName["w"]
	require.NotNil(t, w)
	require.False(t, w.whole)
	require.Empty(t, w.spans)
	d.list("w", 310)
	d.beat("w", 320)
	d.beat("w", 330)
	require.Empty(t, d.placed(310, 320).Unknown)
}

// The spans and the lists of a watcher are bounded: the oldest go.
func TestWatcherIsBounded(t *testing.T) {
	d := newDesk(t)
	for i := range keptKnown + 1 {
		at := float64(i * 10)
		d.list("w", at+1)
		d.beat("w", at+2)
		d.beat("w", at+3)
		d.lose("w")
	}
	require.Len(t, d.state.placements.watchers.byName["w"].spans, keptKnown)
	require.NotEmpty(t, d.placed(1, 2).Unknown)
	require.Empty(t, d.placed(11, 12).Unknown)

	d = newDesk(t)
	for i := range keptKnown + 2 {
		d.list("w", float64(i*10+1))
		d.beat("w", float64(i*10+2))
	}
	require.Len(t, d.state.placements.watchers.byName["w"].spans[0].lists, keptKnown)
	require.NotEmpty(t, d.placed(1, 2).Unknown)
	require.Empty(t, d.placed(21, 30).Unknown)
}

// Each watcher has a bit. When all are taken, a new one gets that of the one that was
// not heard for longest, if it was not heard lately.
func TestTooManyWatchers(t *testing.T) {
	d := newDesk(t)
	name := func(i int) string { return fmt.Sprint("w", i) }
	for i := range maxWatchers {
		d.list(name(i), float64(i)/100+1, onNode("web-1", "n1"))
	}
	d.list("new", 61)
	require.Nil(t, d.state.placements.watchers.byName["new"])
	require.EqualValues(t, 3, d.state.PlacementStats().Refused)
	require.Len(t, d.state.placements.pods, 1)

	d.beat(name(0), 61) // so that it is the second that is the oldest
	d.list("new", 62)
	w := d.state.placements.watchers.byName["new"]
	require.NotNil(t, w)
	require.Nil(t, d.state.placements.watchers.byName[name(1)])
	require.EqualValues(t, 1<<1, w.bit)
	require.EqualValues(t, 3, d.state.PlacementStats().Refused)
	require.Zero(t, d.state.placements.spaces["a"].pods[0].words[0].by&w.bit, "it says nothing that the old one said")
	requirePods(t, d.state)

	d.list("newer", 62)
	require.NotNil(t, d.state.placements.watchers.byName["newer"])
	require.Nil(t, d.state.placements.watchers.byName[name(2)])
}
