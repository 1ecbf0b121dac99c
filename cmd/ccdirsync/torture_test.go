//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/reconcile"
	"ccdirsync/reconcile/cycle"
	"ccdirsync/testenv/exchange55"
	"ccdirsync/testenv/postoffice"
	"ccdirsync/testenv/scenario"
	"ccdirsync/testenv/torture"
)

// wholeTorture asks for every point, every moment and every size, not for a
// sample of them: make torture.
var wholeTorture = os.Getenv("CCDIRSYNC_TORTURE") != ""

// seedOfTorture is the seed of what happens at random, from the environment
// or the clock.
func seedOfTorture(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("CCDIRSYNC_TORTURE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("CCDIRSYNC_TORTURE_SEED=%d has the same again", seed)
	return seed
}

// shapesOf are the shapes of post offices.
var shapesOf = []postoffice.Shape{postoffice.Lotus, postoffice.Alt}

// stage is what a run that is disturbed finds.
type stage struct {
	name    string
	prepare func(*testing.T, *scenario.World)
	code    int // of a run that is not disturbed
}

// stages are the first run of all, which makes everything, and one that has
// every sort of step to do, and some that are refused.
var stages = []stage{
	{name: "first", prepare: func(*testing.T, *scenario.World) {}},
	{name: "changes", prepare: makeChanges, code: 3},
}

const victimsLDIF = `dn: cn=marta,cn=Recipients,ou=HQ,o=Contoso
objectClass: organizationalPerson
cn: Marta Quist
otherMailbox: CCMAIL$Quist, Marta at EXSITE1
mailPreferenceOption: 0

dn: cn=sean,cn=Recipients,ou=HQ,o=Contoso
objectClass: organizationalPerson
cn: O'Brien, Séan
otherMailbox: CCMAIL$O'Brien, Séan at EXSITE1
mailPreferenceOption: 0

dn: cn=staff,cn=Recipients,ou=HQ,o=Contoso
objectClass: groupOfNames
cn: All Staff
otherMailbox: CCMAIL$All Staff at EXSITE1
member: cn=marta,cn=Recipients,ou=HQ,o=Contoso

dn: cn=projects,cn=Recipients,ou=HQ,o=Contoso
objectClass: Public-Folder
cn: Projects
otherMailbox: CCMAIL$Projects at EXSITE1
mailPreferenceOption: 0
`

const victimsSeed = `Name: SOUTHPO
Locn: p
Addr: NORTHHUB

Name: Lindström, Åsa
Locn: L
Cmts: Room 12

Name: Goner, Gil
Locn: L

Name: Mover, Mia
Locn: L

Name: Stays, Sue
Locn: l
Addr: SOUTHPO

List: Sales Team
    Lindström, Åsa

List: Gone Team

Board: Social
`

// makeChanges runs once and then makes changes on both sides that need an add,
// a delete and a replacement in cc:Mail, and an add, a modification and a
// delete of each kind that has it in Exchange. One entry on either side is
// refused.
func makeChanges(t *testing.T, w *scenario.World) {
	t.Helper()
	if code, said := ccdirsync(t, w, "run"); code != 0 {
		t.Fatalf("the first run ended with %d:\n%s", code, said)
	}
	if err := w.Change(`dn: cn=sean,cn=Recipients,ou=HQ,o=Contoso
changetype: delete

dn: cn=projects,cn=Recipients,ou=HQ,o=Contoso
changetype: delete

dn: cn=nora,cn=Recipients,ou=HQ,o=Contoso
changetype: add
objectClass: organizationalPerson
cn: New, Nora
otherMailbox: CCMAIL$New, Nora at EXSITE1
mailPreferenceOption: 0

dn: cn=clash,cn=Recipients,ou=HQ,o=Contoso
changetype: add
objectClass: organizationalPerson
cn: Clash
otherMailbox: CCMAIL$stays, sue at EXSITE1
mailPreferenceOption: 0
`); err != nil {
		t.Fatal(err)
	}
	err := postoffice.Edit(w.Path("po"), func(po *postoffice.PostOffice) error {
		return errors.Join(
			po.Delete("Quist, Marta"), po.Add(postoffice.Entry{Name: "Quist, Marta", Location: "r", Address: "EXSITE1 Somebody Else"}),
			po.Delete("Goner, Gil"), po.Add(postoffice.Entry{Name: "Newman, Nina", Location: "L"}),
			po.Move("Mover, Mia", "SOUTHPO"), po.SetComment("Lindström, Åsa", "Room 14"),
			po.DeleteList("Gone Team"), po.AddList(postoffice.List{Title: "New Team", Members: []string{"Newman, Nina"}}),
			po.DeleteBoard("Social"), po.AddBoard("Cafeteria"), po.AddBoard("Sales Team"),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// inputs are what a run finds, and what it leaves when it is not disturbed.
type inputs struct {
	*scenario.World
	code       int
	exchange   string
	postOffice string
	imports    map[string]bool // import files that are there then, or were before
}

// make makes the world of a stage and finds out what an undisturbed run
// leaves.
func (s stage) make(t *testing.T, shape postoffice.Shape) inputs {
	t.Helper()
	w, err := scenario.NewWorld(t.TempDir(), shape, victimsLDIF, victimsSeed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeWorld(t, w) })
	if err := w.Configure("post_office:", `limits: {floor: 50}\npost_office:`); err != nil {
		t.Fatal(err)
	}
	s.prepare(t, w)
	in := inputs{World: w, code: s.code, imports: map[string]bool{}}
	oracle := in.copy(t, t.TempDir())
	if code, said := ccdirsync(t, oracle, "run"); code != s.code {
		t.Fatalf("an undisturbed run ended with %d:\n%s", code, said)
	}
	in.exchange, in.postOffice = content(t, oracle)
	for _, world := range []*scenario.World{w, oracle} {
		for _, file := range importFiles(t, world) {
			in.imports[file] = true
		}
	}
	return in
}

// importFiles are the files for IMPORT that are in the store, by path.
func importFiles(t *testing.T, w *scenario.World) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(w.Path("CCMCDATA/Import*/*.IMP*"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[path] = string(data)
	}
	return files
}

func closeWorld(t *testing.T, w *scenario.World) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// copy is a fresh copy of the world in a folder.
func (in inputs) copy(t *testing.T, folder string) *scenario.World {
	t.Helper()
	w, err := in.Copy(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeWorld(t, w) })
	return w
}

// content is what people and programs have written on either side.
func content(t *testing.T, w *scenario.World) (exchange, postOffice string) {
	t.Helper()
	postOffice, err := w.PostOffice()
	if err != nil {
		t.Fatal(err)
	}
	return string(w.Exchange().DumpContent()), postOffice
}

// everything is what either side holds, and all files of the store but that
// which says who had it last.
func everything(t *testing.T, w *scenario.World) []string {
	t.Helper()
	exchange, postOffice := content(t, w)
	all := []string{exchange, postOffice}
	err := filepath.WalkDir(w.Path("CCMCDATA"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == ".lock" {
			return err
		}
		data, err := os.ReadFile(path)
		all = append(all, path+": "+string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// natives are the entries on either side that are not ours, those of Exchange
// with their operational attributes.
func natives(t *testing.T, w *scenario.World) []string {
	t.Helper()
	var kept []string
	for record := range strings.SplitSeq(string(w.Exchange().Dump()), "\n\n") {
		dn, _, _ := strings.Cut(record, "\n")
		// That of the site has the highest change number.
		if !strings.Contains(dn, ",cn=ccMail,") && dn != "dn: ou=HQ,o=Contoso" {
			kept = append(kept, strings.TrimSpace(record))
		}
	}
	data, err := w.PostOffice()
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Entries       []postoffice.Entry
		Lists, Boards json.RawMessage
	}
	if err := json.Unmarshal([]byte(data), &document); err != nil {
		t.Fatal(err)
	}
	for _, e := range document.Entries {
		if e.Name != "EXSITE1" && !strings.HasPrefix(e.Address, "EXSITE1") {
			kept = append(kept, string(e.Location)+" "+e.Name+" at "+e.Address+": "+e.Comment)
		}
	}
	return append(kept, string(document.Lists), string(document.Boards))
}

// victim is ccdirsync in a world, to be disturbed.
func victim(t *testing.T, w *scenario.World, args ...string) torture.Program {
	t.Helper()
	return torture.Program{
		Path: programPath(t), Args: args, Dir: w.Path("."), Env: programEnv(), Output: w.Path("output"),
		Folders: []string{w.Path("CCMCDATA"), w.Path("state")},
	}
}

func programPath(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("ccdirsync")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// programEnv keeps programs with the race detector from sleeping for a second
// at their end.
func programEnv() []string { return append(os.Environ(), "GORACE=atexit_sleep_ms=0") }

// ccdirsync runs the program to its end. One that does not come to it is asked
// where it is.
func ccdirsync(t *testing.T, w *scenario.World, args ...string) (code int, said string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, programPath(t), args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGQUIT) }
	cmd.WaitDelay = 10 * time.Second // for programs that it started
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = w.Path("."), programEnv(), &stdout, &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("ccdirsync %q does not end: %v\n%s%s", args, ctx.Err(), stdout.String(), stderr.String())
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if code = cmd.ProcessState.ExitCode(); code != 0 && code != 3 {
		return code, stdout.String() + stderr.String()
	}
	return code, stdout.String()
}

// wantRecovered requires that the next run brings both sides to what an
// undisturbed one leaves, without writing anything that was written already,
// and that the one after it has nothing to do. It returns the report of the
// next run.
func (in inputs) wantRecovered(t *testing.T, w *scenario.World) cycle.Report {
	t.Helper()
	code, said := ccdirsync(t, w, "run", "-o", "json")
	if code != in.code {
		t.Fatalf("the next run ended with %d, an undisturbed one with %d:\n%s", code, in.code, said)
	}
	report := readReport(t, said)
	for _, s := range slices.Concat(report.ToCCMail, report.ToExchange) {
		if s.Op.Writes() && s.Outcome != reconcile.Done {
			t.Errorf("the next run: %s %s %s is %s: %s", s.Op, s.Kind, s.Subject(), s.Outcome, s.Error)
		}
	}
	in.wantOracle(t, w, "the next run")
	written := len(w.Exchange().Written())
	if code, said = ccdirsync(t, w, "run", "-o", "json"); code != in.code {
		t.Errorf("the run after it ended with %d:\n%s", code, said)
	}
	if more := w.Exchange().Written()[written:]; len(more) > 0 || readReport(t, said).Writes() {
		t.Errorf("the run after it wrote %v:\n%s", more, said)
	}
	in.wantOracle(t, w, "the run after it")
	if code, said = ccdirsync(t, w, "plan", "--check"); code != in.code {
		t.Errorf("plan --check ended with %d:\n%s", code, said)
	}
	wantOnce(t, w.Exchange().Written())
	wantTidy(t, w)
	return report
}

// wantTidy requires that what runs put into the store for a moment is gone.
func wantTidy(t *testing.T, w *scenario.World) {
	t.Helper()
	err := filepath.WalkDir(w.Path("CCMCDATA"), func(path string, entry fs.DirEntry, err error) error {
		folder, name := filepath.Base(filepath.Dir(path)), entry.Name()
		putAside := folder == "Import.bak" && strings.HasPrefix(name, ".CCM")
		hidden := strings.HasPrefix(name, ".") && name != ".lock"
		if folder == "Import" || hidden && !putAside {
			t.Errorf("left over in the store: %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (in inputs) wantOracle(t *testing.T, w *scenario.World, when string) {
	t.Helper()
	exchange, postOffice := content(t, w)
	if diff := cmp.Diff(in.exchange, exchange); diff != "" {
		t.Errorf("%s: the directory (-undisturbed +now):\n%s", when, diff)
	}
	if diff := cmp.Diff(in.postOffice, postOffice); diff != "" {
		t.Errorf("%s: the post office (-undisturbed +now):\n%s", when, diff)
	}
	in.wantNatives(t, w, when)
}

// wantNatives requires that what is not ours was not touched.
func (in inputs) wantNatives(t *testing.T, w *scenario.World, when string) {
	t.Helper()
	if diff := cmp.Diff(natives(t, in.World), natives(t, w)); diff != "" {
		t.Errorf("%s: entries that are not ours (-before +now):\n%s", when, diff)
	}
}

// wantOnce requires that no entry was written twice in the same way.
func wantOnce(t *testing.T, writes []exchange55.Write) {
	t.Helper()
	seen := map[exchange55.Write]bool{}
	for _, write := range writes {
		if seen[write] {
			t.Errorf("written twice: %v", write)
		}
		seen[write] = true
	}
}

func readReport(t *testing.T, text string) cycle.Report {
	t.Helper()
	var report cycle.Report
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		t.Fatalf("the report cannot be read: %v:\n%s", err, text)
	}
	return report
}

// wantObituary requires that the ledger tells of a run that died: in the list,
// in its own report, and in the warnings of the next one. It returns whether
// the run before that is there.
func wantObituary(t *testing.T, w *scenario.World, next cycle.Report) (found bool) {
	t.Helper()
	code, said := ccdirsync(t, w, "history", "-o", "json")
	if code != 0 {
		t.Fatalf("history ended with %d:\n%s", code, said)
	}
	for decoder := json.NewDecoder(strings.NewReader(said)); decoder.More(); {
		var run reconcile.Run
		if err := decoder.Decode(&run); err != nil {
			t.Fatal(err)
		}
		if !run.State.Over() {
			t.Errorf("history says that run %d is %s", run.ID, run.State)
		}
		if run.ID != next.Run-1 {
			continue
		}
		found = true
		number := strconv.FormatInt(run.ID, 10)
		died := slices.ContainsFunc(next.Warnings, func(w string) bool { return strings.HasPrefix(w, "run "+number+", begun at ") })
		if died != (run.State == reconcile.RunDied) {
			t.Errorf("run %d is %s, and the next run warns of %q", run.ID, run.State, next.Warnings)
		}
		if code, shown := ccdirsync(t, w, "show", number); code != 0 || !strings.Contains(shown, "run "+number+": "+string(run.State)) {
			t.Errorf("show %s ended with %d:\n%s", number, code, shown)
		}
	}
	return found
}
