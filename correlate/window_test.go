package correlate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWindowContains(t *testing.T) {
	w := Window{Start: epoch, End: epoch.Add(time.Minute)}
	tests := []struct {
		name string
		at   time.Time
		want bool
	}{
		{"a nanosecond before", epoch.Add(-1), false},
		{"start", epoch, true},
		{"start in another zone", epoch.In(time.FixedZone("", 3600)), true},
		{"last nanosecond", epoch.Add(time.Minute - 1), true},
		{"end", epoch.Add(time.Minute), false},
		{"never", time.Time{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, w.Contains(tt.at)) })
	}
}

func TestWindowValidate(t *testing.T) {
	tests := []struct {
		name string
		w    Window
		err  string
	}{
		{"good", Window{epoch, epoch.Add(1)}, ""},
		{"zero", Window{}, "no start"},
		{"no start", Window{End: epoch}, "no start"},
		{"no end", Window{Start: epoch}, "no end"},
		{"empty", Window{epoch, epoch}, "start 2026-03-01T12:00:00Z is not before its end 2026-03-01T12:00:00Z"},
		{"backwards", Window{epoch.Add(1), epoch}, "start 2026-03-01T12:00:00.000000001Z is not before"},
		{"empty across zones", Window{epoch, epoch.In(time.FixedZone("", 7200))}, "not before its end 2026-03-01T12:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.w.Validate()
			if tt.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.err)
		})
	}
}
