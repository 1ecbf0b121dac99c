package reconcile_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"ccdirsync/reconcile"
)

var update = flag.Bool("update", false, "rewrite the expected sections of the corpus")

// The corpus is one archive per case. Its comment says why the plan is as it
// is, with the source where there is one; its sections are the two sides, and
// the plan. Every case is held to the laws of all plans as well: among others,
// what is carried out leaves nothing to do.
//
// Lines are columns and tagged values, parted by two blanks or more; a line
// that begins with a blank continues the one above. In a plan, the line below a
// step is its reason; what it takes away is marked with a minus, what it writes
// with a plus.

// Sections of a case beside its inputs.
const (
	planSection  = "plan"
	errorSection = "error"
)

func TestPlanCCMail(t *testing.T) {
	t.Parallel()
	corpus(t, "testdata/ccmail", func(t *testing.T, c *archive) map[string]string {
		t.Helper()
		world := c.postOfficeWorld(t)
		side, err := world.plan()
		if err != nil {
			return map[string]string{errorSection: err.Error() + "\n"}
		}
		got := map[string]string{planSection: printPostOfficePlan(side)}
		next, err := postOfficeLaws(t, world).plan()
		if err != nil {
			t.Fatalf("plan again: %v", err)
		}
		if len(writes(next)) > 0 {
			t.Errorf("a second plan has something to do:\n%s", printPostOfficePlan(next))
		}
		return got
	})
}

func TestPlanExchange(t *testing.T) {
	t.Parallel()
	corpus(t, "testdata/exchange", func(t *testing.T, c *archive) map[string]string {
		t.Helper()
		world := c.directoryWorld(t)
		got := map[string]string{planSection: printDirectoryPlan(world.plan())}
		if next := directoryLaws(t, world).plan(); len(writes(next)) > 0 {
			t.Errorf("a second plan has something to do:\n%s", printDirectoryPlan(next))
		}
		return got
	})
}

// What is left for later takes with it what needs it.
func TestHold(t *testing.T) {
	t.Parallel()
	corpus(t, "testdata/hold", func(t *testing.T, c *archive) map[string]string {
		t.Helper()
		held := map[string]string{}
		for _, l := range c.lines(t, "held") {
			held[l.next()] = l.value("reason", "")
		}
		if _, rows := c.sections["rows"]; rows {
			side, err := c.postOfficeWorld(t).plan()
			if err != nil {
				t.Fatal(err)
			}
			hold(&side, held)
			return map[string]string{planSection: printPostOfficePlan(side)}
		}
		side := c.directoryWorld(t).plan()
		hold(&side, held)
		return map[string]string{planSection: printDirectoryPlan(side)}
	})
}

func hold(side *reconcile.Side, reasons map[string]string) {
	byPlace := map[int]string{}
	for i, step := range side.Steps {
		if reason := reasons[step.Key]; reason != "" {
			byPlace[i] = reason
		}
	}
	side.Hold(byPlace)
}

// The removal of a connector leaves nothing of ours but the post offices.
func TestRemove(t *testing.T) {
	t.Parallel()
	corpus(t, "testdata/remove", func(t *testing.T, c *archive) map[string]string {
		t.Helper()
		if _, rows := c.sections["rows"]; !rows {
			return map[string]string{planSection: printDirectoryPlan(reconcile.RemoveExchange(c.directoryWorld(t).input()))}
		}
		world := c.postOfficeWorld(t)
		ownership, err := reconcile.NewOwnership(world.owner, world.rows)
		if err != nil {
			t.Fatal(err)
		}
		side, left := reconcile.RemoveCCMail(world.input(ownership))
		plan := printPostOfficePlan(side)
		for _, row := range left {
			plan += "left: " + printRow(row) + "\n"
		}
		return map[string]string{planSection: plan}
	})
}

// What turns out to be unwritable after planning is taken back, with everything
// that needs it.
func TestRefuse(t *testing.T) {
	t.Parallel()
	corpus(t, "testdata/unwritable", func(t *testing.T, c *archive) map[string]string {
		t.Helper()
		unwritable := c.lines(t, "unwritable")
		reasons := map[string]string{}
		for _, l := range unwritable {
			_, name, _ := l.entry()
			reasons[name] = l.value("reason", "")
		}
		world := c.directoryWorld(t)
		side := world.plan()
		for i, step := range side.Steps {
			if reason := reasons[step.Name]; reason != "" && step.Op != reconcile.Delete {
				refuseLaws(t, world, &side, i, reason)
			}
		}
		return map[string]string{planSection: printDirectoryPlan(side)}
	})
}

// archive is one case of the corpus.
type archive struct {
	path     string
	sections map[string]string
	read     map[string]bool // the sections that the case asked for
	parsed   []*line         // all lines of them
}

// corpus runs every case of a folder. run returns the sections that the case
// ought to have.
func corpus(t *testing.T, folder string, run func(*testing.T, *archive) map[string]string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no case in %s (%v)", folder, err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			parsed, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Trim(string(parsed.Comment), "# \n") == "" {
				t.Fatalf("%s has no comment; it is the reason of the case", path)
			}
			c := &archive{path: path, sections: map[string]string{}, read: map[string]bool{}}
			for _, f := range parsed.Files {
				if _, twice := c.sections[f.Name]; twice {
					t.Fatalf("%s has the section %q twice", path, f.Name)
				}
				c.sections[f.Name] = string(f.Data)
			}
			c.compare(t, parsed, run(t, c))
		})
	}
}

// section returns a section; one that is missing is empty.
func (c *archive) section(name string) string {
	c.read[name] = true
	return c.sections[name]
}

// compare checks, or rewrites, the expected sections.
func (c *archive) compare(t *testing.T, parsed *txtar.Archive, got map[string]string) {
	t.Helper()
	expected := []string{planSection, errorSection}
	inputs := slices.DeleteFunc(slices.Clone(parsed.Files), func(f txtar.File) bool { return slices.Contains(expected, f.Name) })
	for _, f := range inputs {
		if !c.read[f.Name] {
			t.Errorf("%s: unknown section %q", c.path, f.Name)
		}
	}
	if *update && !t.Failed() {
		for _, name := range expected {
			if text, there := got[name]; there {
				inputs = append(inputs, txtar.File{Name: name, Data: []byte(text)})
			}
		}
		parsed.Files = inputs
		if err := os.WriteFile(c.path, txtar.Format(parsed), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, name := range expected {
		if diff := cmp.Diff(c.sections[name], got[name]); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", c.path, name, diff)
		}
	}
}

// postOfficeWorld reads a case of testdata/ccmail.
func (c *archive) postOfficeWorld(t *testing.T) postOfficeWorld {
	t.Helper()
	world := postOfficeWorld{owner: reconcile.Owner{Server: "MAILSRV7", Site: "EXSITE1"}}
	for _, l := range c.lines(t, "rows") {
		world.rows = append(world.rows, l.row())
	}
	for _, l := range c.lines(t, "lists") {
		world.lists = append(world.lists, l.next())
	}
	for _, l := range c.lines(t, "wanted") {
		world.wanted = append(world.wanted, l.wanted())
	}
	world.excluded, world.refused = c.leftOut(t)
	for _, l := range c.lines(t, "options") {
		world.owner.Server = l.value("server", world.owner.Server)
		world.owner.Site = l.value("site", world.owner.Site)
		world.owner.Sites = append(world.owner.Sites, l.values("other site")...)
		world.owner.FormerServers = append(world.owner.FormerServers, l.values("former server")...)
		world.compareComments = world.compareComments || l.value("compare comments", "no") == "yes"
		l.grace(&world.grace)
	}
	for _, l := range c.lines(t, "retiring") {
		world.grace.Retiring = append(world.grace.Retiring, l.retirement(reconcile.ToCCMail))
	}
	world.renew = c.keys(t, "renew")
	world.owner.Sites = append(world.owner.Sites, world.owner.Site)
	c.allRead(t)
	return world
}

// directoryWorld reads a case of testdata/exchange.
func (c *archive) directoryWorld(t *testing.T) directoryWorld {
	t.Helper()
	world := directoryWorld{ExchangeInput: reconcile.ExchangeInput{Owner: "hq", Moves: reconcile.MoveInPlace}}
	smtp := ""
	for _, l := range c.lines(t, "options") {
		world.Owner = l.value("owner", world.Owner)
		world.Moves = reconcile.Moves(l.value("moves", string(world.Moves)))
		world.Adopt = world.Adopt || l.value("adopt", "no") == "yes"
		world.MembersUnknown = world.MembersUnknown || l.value("members", "known") == "unknown"
		world.keepsNames = world.keepsNames || l.value("deleted members", "go") == "stay"
		world.FormerOwners = append(world.FormerOwners, l.values("former owner")...)
		l.grace(&world.Grace)
		smtp = l.value("smtp", smtp)
		if l.value("dn blanks", "") == "ignored" {
			world.NormalDN = func(dn string) string { return strings.ReplaceAll(reconcile.Fold(dn), " ", "") }
		}
	}
	for _, l := range c.lines(t, "present") {
		world.Present = append(world.Present, l.recipient())
	}
	for _, l := range c.lines(t, "former") {
		world.Former = append(world.Former, l.recipient())
	}
	for _, l := range c.lines(t, "retiring") {
		world.Grace.Retiring = append(world.Grace.Retiring, l.retirement(reconcile.ToExchange))
	}
	world.Renew = c.keys(t, "renew")
	for _, l := range c.lines(t, "others") {
		world.Others = append(world.Others, l.recipient())
	}
	for _, l := range c.lines(t, "wanted") {
		onList := l.onList()
		w := wantedRecipient(l.recipient(), smtp)
		w.OnList = onList
		world.Wanted = append(world.Wanted, w)
	}
	world.Excluded, world.Refused = c.leftOut(t)
	c.allRead(t)
	return world
}

// keys reads a section with one key in a line.
func (c *archive) keys(t *testing.T, section string) map[string]bool {
	t.Helper()
	keys := map[string]bool{}
	for _, l := range c.lines(t, section) {
		keys[l.next()] = true
	}
	return keys
}

func (c *archive) leftOut(t *testing.T) (excluded []reconcile.Excluded, refused []reconcile.Refusal) {
	t.Helper()
	for _, l := range c.lines(t, "excluded") {
		excluded = append(excluded, l.excluded())
	}
	for _, l := range c.lines(t, "refused") {
		refused = append(refused, l.refusal())
	}
	return excluded, refused
}
