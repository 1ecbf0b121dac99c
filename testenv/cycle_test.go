package testenv_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccdirsync/testenv"
	"ccdirsync/testenv/pdu"
	"ccdirsync/testenv/postoffice"
	"ccdirsync/testenv/scenario"
)

// programs builds the programs that a cycle needs, into a folder for PATH.
func programs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"ccdirsync", "ccpo"} {
		build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, name), "ccdirsync/cmd/"+name)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", name, err, out)
		}
	}
	return dir
}

// far is a world whose directory is somewhere else, behind a proxy.
type far struct {
	*scenario.World
	interrupted
	path string // of the programs
}

const nativesLDIF = `dn: cn=marta,cn=Recipients,ou=HQ,o=Contoso
objectClass: organizationalPerson
cn: Marta Quist
uid: marta
otherMailbox: CCMAIL$Quist, Marta at EXSITE1
mailPreferenceOption: 0

dn: cn=hidden,cn=Recipients,ou=HQ,o=Contoso
objectClass: organizationalPerson
cn: Hidden Hal
uid: hidden
otherMailbox: CCMAIL$Hal, Hidden at EXSITE1
Hide-From-Address-Book: TRUE
mailPreferenceOption: 0
`

// users is how many entries the post office has.
const users = 20

func startFar(t *testing.T, kind testenv.Kind, where testenv.Where, path string) far {
	t.Helper()
	var seed strings.Builder
	for n := range users {
		fmt.Fprintf(&seed, "Name: User%02d, Ann\nLocn: L\n\n", n)
	}
	w, err := scenario.NewWorld(t.TempDir(), postoffice.Lotus, nativesLDIF, seed.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if closing := w.Close(); closing != nil {
			t.Error(closing)
		}
	})
	f := far{World: w, path: path}
	f.interrupted = f.directory(t, kind, where)
	if err := w.Configure("url: "+w.Exchange().URL(), `timeout: 3s\nurl: `+f.proxy.URL()); err != nil {
		t.Fatal(err)
	}
	return f
}

// directory starts a directory that is as that of the world was at the start.
func (f far) directory(t *testing.T, kind testenv.Kind, where testenv.Where) interrupted {
	t.Helper()
	password, err := os.ReadFile(f.Path("exchange.pw"))
	if err != nil {
		t.Fatal(err)
	}
	return startInterrupted(t, kind, where, func(o *testenv.Options) {
		o.LDIF = string(f.Exchange().DumpContent())
		o.Accounts = []testenv.Account{{Domain: "CONTOSO", Name: "dirsync", Password: string(password), Write: true}}
	})
}

// restored puts a new directory in the place of one that was killed, and does
// what a person must who knows that entries are gone: the guards against that
// stop the cycle when more are missing than limits.floor.
func (f far) restored(t *testing.T, kind testenv.Kind, where testenv.Where) far {
	t.Helper()
	old := f.proxy.URL()
	f.interrupted = f.directory(t, kind, where)
	if err := errors.Join(
		f.Configure(old, f.proxy.URL()),
		f.Configure("post_office:", fmt.Sprintf(`limits: {floor: %d}\npost_office:`, users)),
	); err != nil {
		t.Fatal(err)
	}
	return f
}

// ccdirsync runs the program to its end.
func (f far) ccdirsync(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, filepath.Join(f.path, "ccdirsync"), args...)
	c.Dir, c.Env = f.Path("."), append(os.Environ(), "PATH="+f.path+string(os.PathListSeparator)+os.Getenv("PATH"))
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("ccdirsync %q: %v, %v\n%s", args, err, ctx.Err(), out.String())
	}
	return c.ProcessState.ExitCode(), out.String()
}

// imported is how many custom recipients of ours the directory has.
func (f far) imported(t *testing.T) int {
	t.Helper()
	dump, err := f.Dump(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(dump, "\nobjectClass: Remote-Address\n")
}

// Whole cycles of the program, with the directory in another process or across
// the network of a container: one that is disturbed while it reads has written
// nothing, one that is disturbed while it writes says so, the next one finishes
// its work, and then there is nothing to do.
func TestCycles(t *testing.T) {
	t.Parallel()
	path := programs(t)
	for _, test := range directories {
		if test.where == testenv.InProcess {
			continue
		}
		t.Run(fmt.Sprintf("%s in a %s", test.kind, test.where), func(t *testing.T) {
			t.Parallel()
			f := startFar(t, test.kind, test.where, path)
			f.disturbedReading(t)
			f.disturbedWriting(t)
			f.converges(t)
		})
	}
}

// A cycle whose directory is killed in the middle of its writes fails and says
// what is not known. The next one finds the directory as it was before that
// cycle, at another URL, as after a restore from a backup: it writes again what
// was done and is gone. A directory that comes back with what was written is
// that of TestCycles: testenv starts none again that was killed, and the
// Exchange one has its entries in memory only.
func TestKilledCycles(t *testing.T) {
	t.Parallel()
	path := programs(t)
	for _, test := range directories {
		if test.where == testenv.InProcess {
			continue
		}
		t.Run(fmt.Sprintf("%s in a %s", test.kind, test.where), func(t *testing.T) {
			t.Parallel()
			f := startFar(t, test.kind, test.where, path)
			f.killedWriting(t)
			f.restored(t, test.kind, test.where).converges(t)
		})
	}
}

// killedWriting kills the directory at one of the first entries.
func (f far) killedWriting(t *testing.T) {
	t.Helper()
	f.at(t, pdu.AddRequest, users/2, f.Kill)
	code, said := f.ccdirsync(t, "run")
	if f.proxy.Struck() != 1 {
		t.Error("the directory was not killed")
	}
	if code != 1 || !strings.Contains(said, "whether the server carried it out is not known") {
		t.Errorf("its directory killed while it writes, the run ended with %d:\n%s", code, said)
	}
}

// converges requires that one more run finishes the work.
func (f far) converges(t *testing.T) {
	t.Helper()
	if code, said := f.ccdirsync(t, "run"); code != 0 {
		t.Errorf("the next run ended with %d:\n%s", code, said)
	}
	if n := f.imported(t); n != users {
		t.Errorf("%d entries after the next run, want %d", n, users)
	}
	if code, said := f.ccdirsync(t, "plan", "--check"); code != 0 {
		t.Errorf("after all, plan --check ended with %d:\n%s", code, said)
	}
}

// disturbedReading pauses the directory while the first run of all reads it.
func (f far) disturbedReading(t *testing.T) {
	t.Helper()
	f.at(t, pdu.SearchEntry, 1, f.Pause)
	code, said := f.ccdirsync(t, "run")
	if err := f.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code != 1 || !strings.Contains(said, "no answer within") {
		t.Errorf("paused while it reads, the run ended with %d:\n%s", code, said)
	}
	if n := f.imported(t); n != 0 {
		t.Errorf("%d entries were written by a run that could not read", n)
	}
}

// disturbedWriting pauses the directory at one of the first entries.
func (f far) disturbedWriting(t *testing.T) {
	t.Helper()
	f.at(t, pdu.AddRequest, users/2, f.Pause)
	code, said := f.ccdirsync(t, "run")
	if err := f.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code == 0 {
		t.Errorf("paused while it writes, the run ended with %d:\n%s", code, said)
	}
	f.proxy.SetFaults()
}
