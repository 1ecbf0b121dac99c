package cycle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"ccdirsync/ccmail"
	"ccdirsync/ldapsrc"
)

// Finding is the result of one check.
type Finding struct {
	Check   string `json:"check"`
	Detail  string `json:"detail"`
	Warning bool   `json:"warning,omitempty"` // works, but look at it
	Err     error  `json:"-"`
}

// Check tests what a run needs and tells every finding as it comes. It runs
// EXPORT into a temporary folder that it removes, and writes nothing to either
// side. The error is that of the checks that failed; a check that needs what
// another one failed to find is left out. What it found out that matters to
// other connectors is for Overlaps.
func Check(ctx context.Context, c Connector, tell func(Finding)) (Neighbour, error) {
	folder, err := os.MkdirTemp("", "ccdirsync-check-")
	if err != nil {
		return Neighbour{}, fmt.Errorf("make a temporary folder for the export files: %w", err)
	}
	r, err := newRun(Synchronize(), c, Trace{}, folder)
	if err != nil {
		return Neighbour{}, errors.Join(err, os.RemoveAll(folder))
	}
	ch := &checker{run: r, tell: tell}
	ch.permissions()
	ch.store()
	ch.programs()
	ch.postOffice(ctx)
	ch.exchange(ctx)
	return ch.neighbour(), errors.Join(errors.Join(ch.failures...), ch.close(), os.RemoveAll(folder))
}

type checker struct {
	*run
	tell     func(Finding)
	failures []error
	// postOfficeRead says that all of the post office was read and that it is
	// known whose its entries are.
	postOfficeRead bool
}

// found tells the result of a check; it reports whether the check passed.
func (ch *checker) found(check, detail string, err error) bool {
	if err != nil {
		detail = err.Error()
		ch.failures = append(ch.failures, fmt.Errorf("%s: %w", check, err))
	}
	ch.tell(Finding{Check: check, Detail: detail, Err: err})
	return err == nil
}

func (ch *checker) caution(check, detail string) {
	ch.tell(Finding{Check: check, Detail: detail, Warning: true})
}

func (ch *checker) permissions() {
	for _, caution := range ch.connector.Cautions {
		ch.caution("permissions", caution)
	}
	if len(ch.connector.Cautions) == 0 {
		ch.found("permissions", "nobody else can read the passwords, the store or the ledger", nil)
	}
}

func (ch *checker) store() {
	store := ch.connector.Store
	err := store.Prepare()
	if err == nil {
		err = store.CheckWritable()
	}
	ch.found("store", "its folders in "+store.Dir+" can be written", err)
	ch.path("store", filepath.Join(store.ImportFolder(), ccmail.DeleteImport))
	ch.path("path", ch.connector.PostOffice.Path)
}

// longestPath is what Lotus's programs for DOS take, in characters
// (documented: Q137394).
const longestPath = 126

// path warns of a path that Lotus's programs for DOS do not take (documented:
// Q164695, Q181186). What runs here may be other ones.
func (ch *checker) path(setting, path string) {
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	var problem string
	switch {
	case strings.Contains(path, " "):
		problem = "has a blank"
	case len([]rune(path)) > longestPath:
		problem = fmt.Sprintf("has more than %d characters", longestPath)
	default:
		return
	}
	ch.caution("paths", fmt.Sprintf("%s %s, which EXPORT and IMPORT for DOS do not take; if yours are those, choose a shorter %s without blanks",
		path, problem, setting))
}

func (ch *checker) programs() {
	ch.found("programs", "EXPORT and IMPORT were found", ch.connector.PostOffice.Programs.Find())
}

// postOffice exports and reads the post office, and looks who owns it.
func (ch *checker) postOffice(ctx context.Context) {
	if _, err := ch.exportPostOffice(ctx); !ch.found("post office", "EXPORT works: name, password and path are right", err) {
		return
	}
	whole := true
	for _, read := range []struct {
		check string
		step  func(context.Context) (string, error)
	}{
		{"directory file", func(context.Context) (string, error) {
			err := ch.readRecords()
			return count(len(ch.directory), "entry", "entries"), err
		}},
		{"lists file", ch.readLists},
		{"boards file", ch.readBoards},
	} {
		account, err := read.step(ctx)
		whole = ch.found(read.check, account, err) && whole
	}
	if n := len(ch.report.Warnings); n > 0 {
		ch.caution("export files", fmt.Sprintf("%s, which plan shows; the first: %s", count(n, "oddity", "oddities"), ch.report.Warnings[0]))
	}
	if ch.directory == nil {
		return
	}
	owned := ch.found("ownership", fmt.Sprintf("the post office entry of %s is this connector's or not there yet", ch.connector.Exchange.Owner.Site), ch.findOwners())
	ch.postOfficeRead = whole && owned
}

// exchange connects, looks for everything the configuration names, and tests
// what the account may see and do.
func (ch *checker) exchange(ctx context.Context) {
	c := ch.connector
	account, err := ch.readExchange(ctx)
	ch.connection()
	if !ch.found("directory", fmt.Sprintf("%s under %s, pages of %d", account, c.Exchange.Base, c.Server.PageSize), err) {
		return
	}
	switch {
	case c.Exchange.AdminView:
		ch.adminView(ctx)
	case ch.connector.Server.Profile.AdminSuffix != "":
		ch.caution("admin view", "is off: hidden entries are not seen")
	}
	if c.Exchange.Export == nil {
		ch.caution("export", "is off: nothing goes to cc:Mail")
	} else {
		ch.found("export", count(len(c.Exchange.Export.Containers), "container", "containers"), nil)
	}
	ch.schema(ctx)
	ch.imports(ctx)
}

// schema looks whether the server knows what the profile names, where the
// server tells.
func (ch *checker) schema(ctx context.Context) {
	profile := ch.connector.Server.Profile
	unknown, told, err := ch.conn.Unknown(ctx)
	lacks := func(names []string) string {
		return fmt.Sprintf("the server does not know %s of the profile %s", strings.Join(names, ", "), profile.Name)
	}
	switch {
	case err != nil:
		ch.found("schema", "", err)
	case !told: // Exchange 5.5 may be one that does not
	case len(unknown.Needed) > 0 && ch.connector.Exchange.Import != nil:
		ch.found("schema", "", errors.New(lacks(unknown.Needed)+", so nothing can be written; choose other attributes in the profile, or add them to the schema"))
	case len(unknown.Needed)+len(unknown.Others) > 0:
		ch.caution("schema", lacks(append(unknown.Needed, unknown.Others...))+"; what they would hold is not there")
	default:
		ch.found("schema", "the server knows all classes and attributes of the profile "+profile.Name, nil)
	}
}

// imports looks whether recipients could be written, and what they would lack.
func (ch *checker) imports(ctx context.Context) {
	c := ch.connector
	if c.Exchange.Import == nil {
		ch.caution("import", "is off: nothing comes from cc:Mail"+ch.readOnly(ctx))
		return
	}
	if !ldapsrc.DNWithin(c.Exchange.Import.Container, c.Exchange.Base) {
		ch.caution("import", fmt.Sprintf("%s is not below the base %s: addresses are not unique over both", c.Exchange.Import.Container, c.Exchange.Base))
	}
	err := ch.conn.CanWrite(ctx, c.Exchange.Import.Container)
	ch.found("import", c.Exchange.Import.Container+" can be written", err)
	ch.addresses()
}

// readOnly says why a directory cannot be written, where the profile says that
// it cannot.
func (ch *checker) readOnly(ctx context.Context) string {
	profile := ch.connector.Server.Profile
	if !profile.Write.ReadOnly {
		return ""
	}
	text := fmt.Sprintf(", and nothing can: the profile %s is one of directories that cannot be written", profile.Name)
	var refused *ldapsrc.Error
	switch err := ch.conn.CanWrite(ctx, ch.connector.Exchange.Base); {
	case errors.As(err, &refused):
		return text + ", and the server refuses it too: " + refused.Cause()
	case err != nil:
		return text
	}
	return text + "; the server itself would let this account write to " + ch.connector.Exchange.Base
}

// addresses tells which addresses recipients will lack that the directory has
// room for.
func (ch *checker) addresses() {
	c, lacking := ch.connector, []string{}
	if !c.Rules.MakesSMTP() && c.Server.Profile.HoldsAddress("SMTP") {
		lacking = append(lacking, "SMTP")
	}
	needsX400 := c.Server.Profile.Fields.X400 != ""
	if !c.Rules.MakesX400() && needsX400 {
		lacking = append(lacking, "X.400")
	}
	if len(lacking) == 0 {
		return
	}
	text := fmt.Sprintf("import.addresses is not set: custom recipients get no %s address", strings.Join(lacking, " or "))
	if needsX400 {
		text += ", and Exchange 5.5 routes on the X.400 one"
	}
	ch.caution("addresses", text)
}

// connection tells which server answered and how it is talked to.
func (ch *checker) connection() {
	if ch.conn == nil {
		return // told as the directory's failure
	}
	pin, secure := ch.conn.Peer()
	switch {
	case secure:
		ch.found("connection", fmt.Sprintf("%s, verified; the pin of its key is %s", ch.conn.URL(), pin), nil)
	case ch.conn.Local():
		ch.found("connection", ch.conn.URL()+", on this machine", nil)
	default:
		ch.caution("connection", ch.conn.URL()+" is not encrypted: who is on the wire reads the password and all data")
	}
}

// adminView looks for an entry that only the admin view shows.
func (ch *checker) adminView(ctx context.Context) {
	proved, err := ch.conn.AdminView(ctx, ch.connector.Exchange.Base)
	switch {
	case err != nil:
		ch.found("admin view", "", err)
	case proved:
		ch.found("admin view", "is proved: hidden or deleted entries are seen", nil)
	default:
		ch.caution("admin view", "is not proved: no hidden or deleted entry was seen; there may be none, or the account lacks the right (Q185475). Until it is, every run reads the whole directory")
	}
}
