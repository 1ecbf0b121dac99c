package reconcile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
)

// Plan is what one cycle would do.
type Plan struct {
	Connector string `json:"connector"`
	ID        string `json:"plan_id"`
	// Purpose says what the plan is for when it is not the whole
	// synchronization, such as "undo 12".
	Purpose    string  `json:"purpose,omitempty"`
	Counts     Counts  `json:"counts"`
	ToCCMail   []Step  `json:"to_ccmail"`
	ToExchange []Step  `json:"to_exchange"`
	Guards     []Guard `json:"guards"`
}

// Counts are what a cycle read and what its plan holds.
type Counts struct {
	DirectoryEntries int        `json:"directory_entries"` // in the post office directory
	ExchangeEntries  int        `json:"exchange_entries"`  // of these, rows of ours
	CCMailEntries    int        `json:"ccmail_entries"`    // of these, cc:Mail's own
	Lists            int        `json:"lists"`
	Boards           int        `json:"boards"`
	Recipients       int        `json:"recipients"` // in the Exchange directory
	NotOurs          int        `json:"not_ours"`   // custom recipients of the import container without our mark
	ToCCMail         StepCounts `json:"to_ccmail"`
	ToExchange       StepCounts `json:"to_exchange"`
}

// StepCounts counts the steps of one direction by operation.
type StepCounts struct {
	Keep    int `json:"keep"`
	Add     int `json:"add"`
	Delete  int `json:"delete"`
	Replace int `json:"replace"`
	Modify  int `json:"modify"` // those that hide included
	Adopt   int `json:"adopt"`
	Refuse  int `json:"refuse"`
	Hold    int `json:"hold"`
}

// CountSteps counts the steps of a side.
func (s Side) CountSteps() StepCounts {
	var n StepCounts
	for _, t := range s.Tally {
		n.Keep += t.Keep
	}
	for i := range s.Steps {
		switch s.Steps[i].Op {
		case Keep:
		case Add:
			n.Add++
		case Delete:
			n.Delete++
		case Replace:
			n.Replace++
		case Modify, Hide:
			n.Modify++
		case Adopt:
			n.Adopt++
		case Refuse:
			n.Refuse++
		case Hold:
			n.Hold++
		}
	}
	return n
}

// Writes is the number of steps that write.
func (n StepCounts) Writes() int {
	return n.Add + n.Delete + n.Replace + n.Modify + n.Adopt
}

// Writes reports whether the plan has a step that writes.
func (p Plan) Writes() bool {
	return p.Counts.ToCCMail.Writes()+p.Counts.ToExchange.Writes() > 0
}

// Open reports whether the plan has refused or held entries, other than those
// that wait for the end of their time of grace, which need nobody. Of a plan that
// was read back it takes these for held.
func (p Plan) Open() bool {
	for _, steps := range [][]Step{p.ToCCMail, p.ToExchange} {
		for i := range steps {
			if s := &steps[i]; s.Op == Refuse || s.Op == Hold && s.grace.stage != waits {
				return true
			}
		}
	}
	return false
}

// Identify gives the plan its ID: twelve hexadecimal digits that are the same
// for the same steps of the same connector. They are of the hash of a JSON object
// with the connector, the purpose if there is one, and the steps. It is made step
// by step, because that of a large plan is as large as the plan.
func (p *Plan) Identify() error {
	head, err := json.Marshal(struct {
		Connector string
		Purpose   string `json:",omitempty"`
	}{p.Connector, p.Purpose})
	if err != nil {
		return fmt.Errorf("identify the plan of %s: %w", p.Connector, err)
	}
	sum := sha256.New()
	sum.Write(bytes.TrimSuffix(head, []byte("}")))
	sum.Write([]byte(`,"ToCCMail":`))
	addSteps(sum, p.ToCCMail)
	sum.Write([]byte(`,"ToExchange":`))
	addSteps(sum, p.ToExchange)
	sum.Write([]byte("}"))
	p.ID = hex.EncodeToString(sum.Sum(nil)[:6])
	return nil
}

// addSteps adds the JSON of steps to a hash.
func addSteps(sum hash.Hash, steps []Step) {
	if steps == nil {
		sum.Write([]byte("null"))
		return
	}
	const block = 1 << 13 // bytes that are hashed at once, about
	text := make([]byte, 0, 2*block)
	text = append(text, '[')
	for i := range steps {
		if i > 0 {
			text = append(text, ',')
		}
		if text = steps[i].AppendJSON(text); len(text) >= block {
			sum.Write(text)
			text = text[:0]
		}
	}
	sum.Write(append(text, ']'))
}
