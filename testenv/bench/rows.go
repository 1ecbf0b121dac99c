package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"ccdirsync/testenv/faultproxy"
	"ccdirsync/testenv/slapd"
)

// row is a part of the benchmark.
type row struct {
	name string
	do   func(*bench, context.Context) error
}

func rows() []row {
	return []row{
		{"read", (*bench).readAndPlan},
		{"incremental", (*bench).incremental},
		{"load", func(b *bench, ctx context.Context) error { return b.firstLoad(ctx, "dbnosync", false, 1.3) }},
		{"loadsync", func(b *bench, ctx context.Context) error { return b.firstLoad(ctx, "sync", true, 1) }},
		{"unchanged", (*bench).unchanged},
	}
}

// Memory bounds for the numbers of entries that have one, in megabytes.
func memoryBound(entries int, bounds map[int]float64) float64 { return bounds[entries] }

// readAndPlan compares a read of all recipients, and the plan of a first run,
// with ldapsearch.
func (b *bench) readAndPlan(ctx context.Context) error {
	server, err := b.directory(ctx, "read", b.entries, false)
	if err != nil {
		return err
	}
	ours, theirs, err := b.reading(ctx, server.URL)
	if err != nil {
		return err
	}
	pairs, err := b.pairsOf(ctx, ours, theirs)
	if err != nil {
		return err
	}
	b.results.account("read", "ldapsearch beside it", pairs)
	b.results.add(
		finding{what: "full read, wall time / ldapsearch's", bound: 1.15, values: each(pairs, wallRatio)},
		finding{what: "full read, CPU time / ldapsearch's", bound: 1, values: each(pairs, cpuRatio)},
		finding{what: "full read, peak memory", unit: "MB", bound: memoryBound(b.entries, map[int]float64{100_000: 120, 1_000_000: 1000}), values: each(pairs, megabytes)},
	)
	c, err := b.connector(ctx, "plan", server.URL, 0)
	if err != nil {
		return err
	}
	if pairs, err = b.pairsOf(ctx, invocation{args: c.command("plan")}, theirs); err != nil {
		return err
	}
	b.results.account("plan", "ldapsearch beside it", pairs)
	b.results.add(
		finding{what: "plan, wall time / ldapsearch's", bound: 1.5, values: each(pairs, wallRatio)},
		finding{what: "plan, CPU time / ldapsearch's", bound: 2, values: each(pairs, cpuRatio)},
		finding{what: "plan, peak memory", unit: "MB", bound: memoryBound(b.entries, map[int]float64{100_000: 160}), values: each(pairs, megabytes)},
	)
	return nil
}

// pairsOf measures two programs in turns, after one run of each that does not
// count.
func (b *bench) pairsOf(ctx context.Context, ours, theirs invocation) ([]pair, error) {
	runOf := func(i invocation) func() (usage, error) {
		return func() (usage, error) { return i.measure(ctx) }
	}
	pairs, err := takeTurns(1+b.pairs, runOf(ours), runOf(theirs))
	if err != nil {
		return nil, err
	}
	return pairs[1:], nil
}

// comparison is a directory that changes between the turns of two connectors,
// each with a post office of its own: one reads what changed, one everything.
type comparison struct {
	*bench
	server    *slapd.Server
	wire      *faultproxy.Proxy
	connector [2]connector
	bytes     [2][]float64 // on the wire, in each turn
	changed   int          // recipients between two turns
	turn      int
}

// incremental compares a cycle that reads what changed with one that reads
// everything.
func (b *bench) incremental(ctx context.Context) error {
	c := comparison{bench: b, changed: max(1, min(100, b.entries/100))}
	if err := c.settle(ctx); err != nil {
		return err
	}
	pairs, err := takeTurns(1+b.pairs, func() (usage, error) { return c.cycle(ctx, 0) }, func() (usage, error) { return c.cycle(ctx, 1) })
	if err != nil {
		return err
	}
	pairs = pairs[1:] // the first does not count
	var percent []float64
	for i := range pairs {
		percent = append(percent, 100*c.bytes[0][1+i]/c.bytes[1][1+i])
	}
	what := fmt.Sprintf("cycle with %d changes", c.changed)
	b.results.account(what+", incremental", "the same in full beside it", pairs)
	b.results.add(
		finding{what: what + ", LDAP bytes / full read's", unit: "%", bound: 5, values: percent},
		finding{what: what + ", CPU time / full cycle's", bound: 0.5, values: each(pairs, cpuRatio)},
	)
	return nil
}

// settle starts the server and has both connectors carry out their first
// cycle.
func (c *comparison) settle(ctx context.Context) (err error) {
	if c.server, err = c.directory(ctx, "incremental", c.entries, false); err != nil {
		return err
	}
	if c.wire, err = faultproxy.Start(c.server.URL); err != nil {
		return err
	}
	c.closers = append(c.closers, c.wire.Close)
	for i, setting := range []string{"incremental: true", "incremental: false"} {
		if c.connector[i], err = c.bench.connector(ctx, fmt.Sprintf("incremental%d", i), c.wire.URL(), 0, setting); err != nil {
			return err
		}
		if _, err = (invocation{args: c.connector[i].command("run")}).measure(ctx); err != nil {
			return err
		}
	}
	return nil
}

// cycle is the turn of one connector. Before the first one's the directory
// changes.
func (c *comparison) cycle(ctx context.Context, i int) (usage, error) {
	if i == 0 {
		c.turn++
		if err := c.modify(ctx, c.server, changesLDIF(c.entries, c.changed, c.turn)); err != nil {
			return usage{}, err
		}
	}
	before := c.passed()
	u, err := invocation{args: c.connector[i].command("run")}.measure(ctx)
	c.bytes[i] = append(c.bytes[i], c.passed()-before)
	return u, err
}

// passed are the bytes in both directions so far.
func (c *comparison) passed() float64 {
	return float64(c.wire.Passed(faultproxy.Client).Bytes + c.wire.Passed(faultproxy.Server).Bytes)
}

// modify carries out change records.
func (b *bench) modify(ctx context.Context, server *slapd.Server, changes func(io.Writer) error) error {
	file := b.path("changes.ldif")
	if err := writeFile(file, changes); err != nil {
		return err
	}
	return quiet(ctx, nil, "ldapmodify", "-x", "-H", server.URL, "-D", bindName, "-y", b.password, "-f", file)
}

// loading is what first loads of one kind of server have in common.
type loading struct {
	*bench
	kind      string
	sync      bool
	additions string // file with what ldapadd is given
	turn      int
	written   []float64 // seconds that step 9 took in each turn of ours
}

// mostLoads is how many pairs of first loads are taken at most: each takes
// minutes where every write is synced.
const mostLoads = 3

// firstLoad compares first runs with ldapadd on one kind of server.
func (b *bench) firstLoad(ctx context.Context, kind string, sync bool, bound float64) error {
	l := loading{bench: b, kind: kind, sync: sync, additions: b.path(kind + "-additions.ldif")}
	pairs, err := takeTurns(min(b.pairs, mostLoads), func() (usage, error) { return l.ours(ctx) }, func() (usage, error) { return l.theirs(ctx) })
	if err != nil {
		return err
	}
	b.results.account("first load, "+kind, "ldapadd beside it", pairs)
	var written []float64
	for i, p := range pairs {
		written = append(written, p.theirs.wall.Seconds()/l.written[i])
	}
	b.results.add(
		finding{what: "first load, " + kind + ", step 9, entries per second / ldapadd's", bound: bound, atLeast: true, values: written},
		finding{what: "first load, " + kind + ", the whole cycle, the same", values: each(pairs, func(p pair) float64 { return 1 / wallRatio(p) })},
	)
	return nil
}

// fresh starts a server without recipients.
func (l *loading) fresh(ctx context.Context, whose string) (*slapd.Server, string, error) {
	name := fmt.Sprintf("load-%s-%d-%s", l.kind, l.turn, whose)
	server, err := l.directory(ctx, name, 0, l.sync)
	return server, name, err
}

// ours is a first run, with a fresh post office.
func (l *loading) ours(ctx context.Context) (usage, error) {
	l.turn++
	server, name, err := l.fresh(ctx, "ours")
	if err != nil {
		return usage{}, err
	}
	c, err := l.connector(ctx, name+"-po", server.URL, l.entries)
	if err == nil && l.turn == 1 {
		_, err = (invocation{args: c.command("plan", "-o", "ldif"), output: l.additions}).measure(ctx)
	}
	if err != nil {
		return usage{}, err
	}
	u, err := invocation{args: c.command("run")}.measure(ctx)
	if err != nil {
		return u, err
	}
	took, err := stepTook(u.told, 9)
	l.written = append(l.written, took.Seconds())
	return u, l.remove(err, server, name, name+"-po")
}

// theirs is ldapadd with what the plan of ours adds.
func (l *loading) theirs(ctx context.Context) (usage, error) {
	server, name, err := l.fresh(ctx, "theirs")
	if err != nil {
		return usage{}, err
	}
	u, err := invocation{args: []string{"ldapadd", "-x", "-H", server.URL, "-D", bindName, "-y", l.password, "-f", l.additions}}.measure(ctx)
	return u, l.remove(err, server, name)
}

// remove stops a server and removes folders, unless there was an error.
func (b *bench) remove(err error, server *slapd.Server, folders ...string) error {
	if err != nil {
		return err
	}
	if err = server.Close(); err != nil {
		return err
	}
	for _, folder := range folders {
		if err = os.RemoveAll(b.path(folder)); err != nil {
			return err
		}
	}
	return nil
}

// unchanged compares a whole cycle that has nothing to do with one ldapsearch
// of both sides' recipients.
func (b *bench) unchanged(ctx context.Context) error {
	server, err := b.directory(ctx, "unchanged", b.entries, false)
	if err != nil {
		return err
	}
	// slapd gives no change numbers to what the first run adds.
	c, err := b.connector(ctx, "unchanged-po", server.URL, b.entries, "incremental: false")
	if err != nil {
		return err
	}
	if _, err = (invocation{args: c.command("run")}).measure(ctx); err != nil {
		return err
	}
	if err = quiet(ctx, nil, c.command("plan", "--check")...); err != nil {
		return fmt.Errorf("after the first run there is something left to do: %w", err)
	}
	_, theirs, err := b.reading(ctx, server.URL)
	if err != nil {
		return err
	}
	pairs, err := b.pairsOf(ctx, invocation{args: c.command("run")}, theirs)
	if err != nil {
		return err
	}
	b.results.account("cycle without changes", "ldapsearch of both beside it", pairs)
	b.results.add(finding{what: "cycle without changes, wall time / ldapsearch's of both", bound: 1.5, values: each(pairs, wallRatio)})
	return b.keepSteps(pairs)
}

// keepSteps keeps what the last run told, for a look at its steps.
func (b *bench) keepSteps(pairs []pair) error {
	return os.WriteFile(filepath.Join(b.dir, "unchanged.log"), []byte(pairs[len(pairs)-1].ours.told), 0o600)
}
