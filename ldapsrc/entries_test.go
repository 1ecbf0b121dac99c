package ldapsrc_test

import (
	"testing"
	"time"

	"ccdirsync/ldapsrc"
)

// A loop that is left leaves a connection that can be used.
func TestEntriesLeftEarly(t *testing.T) {
	t.Parallel()
	c := directory{url: startExchange55(t).URL()}.dial(t, func(s *ldapsrc.Server) { s.PageSize = 10 })
	for _, enough := range []int{1, 10, 95} {
		n := 0
		for _, err := range c.Entries(t.Context(), recipients, 0) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == enough {
				break
			}
		}
		if err := c.Exists(t.Context(), recipients); err != nil {
			t.Errorf("after %d entries: %v", enough, err)
		}
	}
	found, _, err := c.Read(t.Context(), recipients)
	if err != nil || found.Len() != mailboxes {
		t.Errorf("%d entries, %v", found.Len(), err)
	}
}

// A loop may take longer than the server: that is no silence of the server's.
func TestSlowLoopIsNoSilence(t *testing.T) {
	t.Parallel()
	const limit = 100 * time.Millisecond
	c := directory{url: startExchange55(t).URL()}.dial(t, func(s *ldapsrc.Server) { s.PageSize, s.ReadTimeout = 5, limit })
	n := 0
	for _, err := range c.Entries(t.Context(), recipients, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 1 || n == 100 {
			<-time.After(3 * limit)
		}
	}
	if n != mailboxes {
		t.Errorf("%d entries", n)
	}
}

// Only what was asked for is read: what has that change number or a higher one.
func TestEntriesSince(t *testing.T) {
	t.Parallel()
	c := directory{url: startSlapd(t).URL}.dial(t)
	for since, want := range map[int64]int{0: 5, 1533: 5, 1602: 3, 9999: 0} {
		n := 0
		for e, err := range c.Entries(t.Context(), kinds, since) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; e.Deleted() != (e.Attribute("Is-Deleted") == "TRUE") {
				t.Errorf("%s: deleted %t", e.DN(), e.Deleted())
			}
		}
		if n != want {
			t.Errorf("since %d: %d entries, want %d", since, n, want)
		}
	}
}
