package ccmail

import (
	"testing"
	"time"
)

func TestShowDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		10 * time.Minute:        "10m",
		2 * time.Hour:           "2h",
		90 * time.Minute:        "1h30m",
		10 * time.Second:        "10s",
		70 * time.Second:        "1m10s",
		1500 * time.Millisecond: "1.5s",
	} {
		if got := showDuration(d); got != want {
			t.Errorf("%d is shown as %s, want %s", d, got, want)
		}
	}
}
