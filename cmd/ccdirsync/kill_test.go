//go:build unix

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/testenv/postoffice"
	"ccdirsync/testenv/scenario"
	"ccdirsync/testenv/torture"
)

// Wherever a run is killed, the next one brings both sides to the state that
// an undisturbed run leaves.
func TestKilledAtEveryPoint(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for i, s := range stages {
		for j, shape := range shapesOf {
			if !wholeTorture && i != j {
				continue // one shape for each stage
			}
			in := s.make(t, shape)
			points, err := in.points(t)
			if errors.Is(err, torture.ErrNoTrace) {
				t.Logf("runs are killed at times, not at every point: %v", err)
				in.killAtTimes(t, s.name+"/"+string(shape))
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			chosen := sample(points, seen)
			t.Logf("%s/%s: %d of %d points", s.name, shape, len(chosen), len(points))
			for _, at := range chosen {
				for k, whom := range []torture.Whom{torture.Alone, torture.Everything} {
					if !wholeTorture && at%2 != k {
						continue
					}
					t.Run(fmt.Sprintf("%s/%s/%03d %s/%s", s.name, shape, at, points[at-1].Kind(), whom), func(t *testing.T) {
						t.Parallel()
						in.survive(t, func(p torture.Program) (torture.End, error) { return p.Trace(torture.At(at), whom) })
					})
				}
			}
		}
	}
}

// points are those of an undisturbed run.
func (in inputs) points(t *testing.T) ([]torture.Point, error) {
	t.Helper()
	end, err := victim(t, in.copy(t, t.TempDir()), "run").Trace(torture.Never, torture.Alone)
	if err != nil {
		return nil, err
	}
	if end.Code != in.code {
		t.Fatalf("an undisturbed run ended with %d", end.Code)
	}
	return end.Points, end.Wait()
}

// sample are the numbers of the points to kill at: one of each kind that was
// not seen yet, and some evenly spread; or all.
func sample(points []torture.Point, seen map[string]bool) []int {
	const spread = 8
	var chosen []int
	for i, p := range points {
		at := i + 1
		if wholeTorture || !seen[p.Kind()] || i*spread/len(points) != at*spread/len(points) {
			chosen = append(chosen, at)
		}
		seen[p.Kind()] = true
	}
	return chosen
}

// killAtTimes kills runs at evenly spread times.
func (in inputs) killAtTimes(t *testing.T, name string) {
	t.Helper()
	times := 30
	if wholeTorture {
		times = 300
	}
	took := in.took(t)
	for i := range times {
		delay := took * time.Duration(i) / time.Duration(times)
		whom := []torture.Whom{torture.Alone, torture.Everything}[i%2]
		t.Run(fmt.Sprintf("%s/after %s/%s", name, delay, whom), func(t *testing.T) {
			t.Parallel()
			in.survive(t, func(p torture.Program) (torture.End, error) { return p.KillAfter(delay, whom) })
		})
	}
}

// took is how long an undisturbed run takes.
func (in inputs) took(t *testing.T) time.Duration {
	t.Helper()
	end, err := victim(t, in.copy(t, t.TempDir()), "run").KillAfter(time.Hour, torture.Alone)
	if err == nil {
		err = end.Wait()
	}
	if err != nil || end.Code != in.code {
		t.Fatalf("an undisturbed run ended with %d: %v", end.Code, err)
	}
	return end.Took
}

// The same at random moments.
func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	kills := 20
	if wholeTorture {
		kills = 1000
	}
	random := rand.New(rand.NewPCG(seedOfTorture(t), 0))
	var worlds []inputs
	for i, s := range stages {
		worlds = append(worlds, s.make(t, shapesOf[i%len(shapesOf)]))
	}
	took := worlds[0].took(t)
	for i := range kills {
		in := worlds[random.IntN(len(worlds))]
		delay := time.Duration(random.Float64() * 1.2 * float64(took))
		whom := []torture.Whom{torture.Alone, torture.Everything}[random.IntN(2)]
		t.Run(fmt.Sprintf("%d after %s %s", i, delay.Round(time.Microsecond), whom), func(t *testing.T) {
			t.Parallel()
			in.survive(t, func(p torture.Program) (torture.End, error) { return p.KillAfter(delay, whom) })
		})
	}
}

// An IMPORT that dies while it writes ends the cycle; the next one finds out
// what it had taken.
func TestImportDies(t *testing.T) {
	t.Parallel()
	for i, s := range stages {
		in := s.make(t, shapesOf[i%len(shapesOf)])
		for _, task := range []postoffice.Task{postoffice.TaskDelete, postoffice.TaskDirectory} {
			for taken := range 6 {
				if !wholeTorture && taken%3 != 1 {
					continue
				}
				if s.name == "first" && task == postoffice.TaskDelete {
					continue // there is nothing to delete
				}
				t.Run(fmt.Sprintf("%s/%s after %d", s.name, task, taken), func(t *testing.T) {
					t.Parallel()
					in.surviveImport(t, postoffice.Fault{Program: "import", Task: task, Die: true, After: taken, Times: 1})
				})
			}
		}
	}
}

func (in inputs) surviveImport(t *testing.T, fault postoffice.Fault) {
	t.Helper()
	w := in.copy(t, t.TempDir())
	if err := postoffice.Edit(w.Path("po"), func(po *postoffice.PostOffice) error { return po.AddFault(fault) }); err != nil {
		t.Fatal(err)
	}
	code, said := ccdirsync(t, w, "run")
	if code != 1 || !strings.Contains(said, "did not run to its end") {
		t.Fatalf("the run ended with %d:\n%s", code, said)
	}
	if n := w.Exchange().Writes(); n > 0 {
		t.Errorf("the run went on and wrote to the directory %d times", n)
	}
	in.wantNatives(t, w, "when IMPORT died")
	in.wantRecovered(t, w)
}

// survive kills a run and looks at what comes after it.
func (in inputs) survive(t *testing.T, kill func(torture.Program) (torture.End, error)) {
	t.Helper()
	w := in.copy(t, t.TempDir())
	end, err := kill(victim(t, w, "run"))
	if err == nil {
		err = end.Wait()
	}
	if err != nil {
		t.Fatal(err)
	}
	if !end.Killed && end.Code != in.code {
		t.Fatalf("the run was not killed and ended with %d", end.Code)
	}
	w.Exchange().AwaitClients()
	in.wantNatives(t, w, "when it was killed")
	wrote := in.differs(t, w)
	next := in.wantRecovered(t, w)
	if recorded := wantObituary(t, w, next); wrote && !recorded {
		t.Error("the run wrote and is not in the ledger")
	}
}

// differs reports whether anything has been written to either side.
func (in inputs) differs(t *testing.T, w *scenario.World) bool {
	t.Helper()
	exchange, postOffice := content(t, w)
	before, beforeToo := content(t, in.World)
	return exchange != before || postOffice != beforeToo
}

// A program that dies may leave IMPORT at work. As long as it is, another
// cycle does not begin: it would take the file from under it and read a post
// office that changes.
func TestImportOutlivesRun(t *testing.T) {
	t.Parallel()
	for i, s := range stages {
		in := s.make(t, shapesOf[i%len(shapesOf)])
		points, err := in.points(t)
		if errors.Is(err, torture.ErrNoTrace) {
			t.Skipf("a run cannot be killed just when it has started IMPORT: %v", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		programs := 0 // the last one is IMPORT
		for _, p := range points {
			if p.After && p.Where == "program" {
				programs++
			}
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := in.copy(t, t.TempDir())
			fault := postoffice.Fault{Program: "import", Task: postoffice.TaskDirectory, Hang: true, Times: 1}
			if err := postoffice.Edit(w.Path("po"), func(po *postoffice.PostOffice) error { return po.AddFault(fault) }); err != nil {
				t.Fatal(err)
			}
			end, err := victim(t, w, "run").Trace(torture.Started(programs), torture.Alone)
			if err != nil || !end.Killed {
				t.Fatalf("the run was not killed: %v", err)
			}
			t.Cleanup(func() { _ = end.KillRest() }) // if it is still there
			before := everything(t, w)
			code, said := ccdirsync(t, w, "run")
			if code != 1 || !strings.Contains(said, "another cycle is running on this store") {
				t.Errorf("while IMPORT is at work, a run ended with %d:\n%s", code, said)
			}
			if diff := cmp.Diff(before, everything(t, w)); diff != "" {
				t.Errorf("while IMPORT is at work, a run changed something:\n%s", diff)
			}
			if err := errors.Join(end.KillRest(), end.Wait()); err != nil {
				t.Fatal(err)
			}
			// IMPORT may have been killed before it came to hang.
			if err := postoffice.Edit(w.Path("po"), func(po *postoffice.PostOffice) error { po.ClearFaults(); return nil }); err != nil {
				t.Fatal(err)
			}
			in.wantRecovered(t, w)
		})
	}
}
