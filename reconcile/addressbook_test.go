package reconcile

import (
	"fmt"
	"testing"
)

// Thousands of people of one name: what was found held for one of them is not
// tried again for the next.
func TestFreeNamesOfNamesakes(t *testing.T) {
	t.Parallel()
	const people = 3000
	book, proposals := newAddressBook(Fold, nil), 0
	propose := func(_ *Recipient, n int) Names {
		proposals++
		if n == 1 {
			return Names{Alias: "JohnS"}
		}
		return Names{Alias: fmt.Sprintf("JohnS%d", n)}
	}
	for i := 1; i <= people; i++ {
		names, _, conflict := book.freeNames(&WantedRecipient{Names: propose})
		want := "JohnS"
		if i > 1 {
			want = fmt.Sprintf("JohnS%d", i)
		}
		if conflict != "" || names.Alias != want {
			t.Fatalf("person %d is %q (%s), want %q", i, names.Alias, conflict, want)
		}
		book.enter(&Recipient{DN: fmt.Sprintf("cn=%d", i), Alias: names.Alias})
	}
	if proposals > 4*people {
		t.Errorf("%d proposals for %d people", proposals, people)
	}
}
