package slapd

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"path"
	"strconv"
	"strings"
	"time"
)

// lengths are the greatest lengths that Exchange keeps (documented: K259060;
// the addresses and notes inferred). slapd counts bytes.
var lengths = []struct {
	attributes string
	size       int
}{
	{"initials", 6},
	{"telephoneNumber", 32},
	{"rdn,uid,givenName,sn,Company,department", 64},
	{"mail", 256},
	{"info,textEncodedORAddress", 1024},
	{"otherMailbox,Target-Address", 1123},
	{"Extension-Attribute-1", 1024},
	{"Extension-Attribute-15", 2048},
}

// Setup is what a slapd needs that is started somewhere else, such as in a
// container: files, folders and the commands to run there. All paths are below
// Options.Dir, which only has to exist in that other place.
type Setup struct {
	Folders []string          // to be made, with mode 0700, in this order
	Files   map[string][]byte // content by path, with mode 0600
	CA      *x509.CertPool    // the authority that signed the server's certificate
	CAFile  string            // the same, in PEM form; one of Files

	options      Options
	rootName     string // may do everything, without limits
	rootPassword string
}

// NewSetup works out a setup. LDIF and Bulk of the options are left to the
// caller, who has the commands for them.
func NewSetup(o Options) (*Setup, error) {
	if o.SizeLimit == 0 {
		o.SizeLimit = 100 // Exchange's own (documented: K243786)
	}
	if o.MaxSize == 0 {
		o.MaxSize = defaultMaxSize
	}
	s := &Setup{options: o, rootName: "cn=seed," + o.Suffix, rootPassword: rand.Text()}
	s.Folders = []string{s.file("data")}
	for i := range o.Users {
		s.Folders = append(s.Folders, s.userFolder(i))
	}
	s.Files = map[string][]byte{
		s.file("exchange55.schema"):      exchange55Schema,
		s.file("activedirectory.schema"): activeDirectorySchema,
		s.file("slapd.conf"):             []byte(s.config()),
		s.file("root.pw"):                []byte(s.rootPassword),
	}
	return s, s.certify()
}

// ServeCommand serves on these URLs in the foreground, and tells of errors only.
func (s *Setup) ServeCommand(urls ...string) []string {
	// With a level the server stays in the foreground.
	return []string{serverProgram, "-f", s.file("slapd.conf"), "-h", strings.Join(urls, " "), "-d", "none"}
}

// BulkCommand fills the database from a file, or from its input if that is
// empty, while no server runs. The quick mode skips checks but stores
// entries as an addition does. The other quick way, -s, leaves out the
// structural class, and such entries refuse every modification with code 80
// (seen: slapd 2.5.13).
func (s *Setup) BulkCommand(file string) []string {
	command := []string{loadProgram, "-q", "-f", s.file("slapd.conf"), "-b", s.options.Suffix}
	if file != "" {
		command = append(command, "-l", file)
	}
	return command
}

// AddCommand adds the records of a file, or of its input if that is empty, to
// the server at a URL, without limits and whatever the rights.
func (s *Setup) AddCommand(url, file string) []string {
	command := append([]string{"ldapadd"}, s.asRoot(url)...)
	if file != "" {
		command = append(command, "-f", file)
	}
	return command
}

// DumpCommand prints the LDIF of all entries of the server at a URL, with
// operational attributes, parents first.
func (s *Setup) DumpCommand(url string) []string {
	return append(append([]string{"ldapsearch"}, s.asRoot(url)...),
		"-LLL", "-o", "ldif-wrap=no", "-b", s.options.Suffix, "(objectClass=*)", "*", "+")
}

func (s *Setup) asRoot(url string) []string {
	return []string{"-x", "-H", url, "-D", s.rootName, "-y", s.file("root.pw")}
}

func (s *Setup) file(name string) string { return path.Join(s.options.Dir, name) }

func (s *Setup) userFolder(i int) string { return s.file(fmt.Sprintf("user%d", i)) }

// config is slapd.conf.
func (s *Setup) config() string {
	o := s.options
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	for _, file := range s.schemaFiles() {
		line("include %q", file)
	}
	line("modulepath %s\nmoduleload back_mdb\nmoduleload constraint\nmoduleload syncprov", moduleFolder)
	line("TLSCertificateFile %q\nTLSCertificateKeyFile %q", s.file("server.pem"), s.file("server.key"))
	if o.Clients != nil {
		line("TLSCACertificateFile %q\nTLSVerifyClient try", s.file("clients.pem"))
	}
	line("sizelimit size.soft=%[1]s size.hard=%[1]s size.pr=%[1]s size.prtotal=unlimited", limit(o.SizeLimit))
	line("access to dn.base=\"\" by * read")
	if o.Schema != Exchange55 { // what Exchange publishes of its schema is not known
		line("access to dn.base=\"cn=Subschema\" by * read")
	}
	// A bind name of Exchange is not an entry. Here it is the administrator of
	// an empty database of its own, which makes it one that may bind.
	for i, user := range o.Users {
		line("database ldif\ndirectory %q\nsuffix %[2]q\nrootdn %[2]q\nrootpw %[3]q", s.userFolder(i), user.Name, user.Password)
	}
	// An equality index on USN-Changed makes searches for a range very slow.
	line("database mdb\ndirectory %q\nmaxsize %d\nindex objectClass,entryUUID,entryCSN eq", s.file("data"), o.MaxSize)
	if !o.Sync {
		line("dbnosync")
	}
	line("suffix %q\nrootdn %q\nrootpw %q", o.Suffix, s.rootName, s.rootPassword)
	for _, user := range o.Users {
		if user.Unlimited {
			line("limits dn.exact=%q size=unlimited time=unlimited", user.Name)
		}
	}
	if o.Syncrepl {
		line("overlay syncprov")
		if o.SessionLog > 0 {
			line("syncprov-sessionlog %d", o.SessionLog)
		}
	}
	s.constraints(line)
	s.access(line)
	if o.ReadOnly {
		line("readonly on")
	}
	return b.String()
}

// schemaFiles are the files of the schema, in the order in which they build
// upon each other.
func (s *Setup) schemaFiles() []string {
	switch s.options.Schema {
	case Standard:
		return []string{schemaFolder + "/core.schema", schemaFolder + "/cosine.schema", schemaFolder + "/inetorgperson.schema"}
	case ActiveDirectory:
		return []string{s.file("activedirectory.schema")}
	case Exchange55:
	}
	return []string{s.file("exchange55.schema")}
}

// constraints writes what the schema itself cannot say of values.
func (s *Setup) constraints(line func(string, ...any)) {
	switch s.options.Schema {
	case Standard:
		return
	case ActiveDirectory:
		line("overlay constraint\nconstraint_attribute cn count 1")
		return
	case Exchange55:
	}
	line("overlay constraint")
	for _, l := range lengths {
		line("constraint_attribute %s size %d", l.attributes, l.size)
	}
}

// limit is a number of entries in the words of slapd.conf.
func limit(entries int) string {
	if entries < 0 {
		return "unlimited"
	}
	return strconv.Itoa(entries)
}

// access writes who may do what. The first rule that fits an entry and an
// attribute counts.
func (s *Setup) access(line func(string, ...any)) {
	for _, dn := range s.options.Hide {
		line("access to dn.subtree=%q by * none", dn)
	}
	for _, dn := range s.options.Conceal {
		line("access to dn.children=%q by * none", dn)
	}
	var admins, writers string
	for _, user := range s.options.Users {
		right := "read"
		if user.Write {
			right = "write"
			writers += fmt.Sprintf(" by dn.exact=%q write", user.Name)
		}
		if strings.HasSuffix(strings.ToLower(strings.ReplaceAll(user.Name, " ", "")), ",cn=admin") {
			admins += fmt.Sprintf(" by dn.exact=%q %s", user.Name, right)
		}
	}
	if s.options.Schema != Exchange55 {
		line("access to *%s by * read", writers)
		return
	}
	line("access to filter=(|(Is-Deleted=TRUE)(Hide-From-Address-Book=TRUE))%s by * none", admins)
	line("access to dn.regex=\"^(.+,)?cn=Configuration,ou=[^,]+,%s$\"%s by users read by * none", s.options.Suffix, writers)
	line("access to attrs=Home-MDB,Is-Deleted,member,memberOf,owner,USN-Changed,USN-Created%s by users read by * none", writers)
	line("access to *%s by * read", writers)
}

// certify writes what the server shows and the authorities that it knows.
func (s *Setup) certify() error {
	shown := s.options.Certificate
	if shown == nil {
		var err error
		if shown, err = selfSigned(); err != nil {
			return err
		}
	}
	private, err := x509.MarshalPKCS8PrivateKey(shown.PrivateKey)
	if err != nil {
		return err
	}
	var chain []byte
	for _, certificate := range shown.Certificate {
		chain = append(chain, certificatePEM(certificate)...)
	}
	s.Files[s.file("server.pem")] = chain
	s.Files[s.file("server.key")] = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	if s.options.Clients != nil {
		s.Files[s.file("clients.pem")] = certificatePEM(s.options.Clients.Raw)
	}
	s.CA, s.CAFile = x509.NewCertPool(), s.file("server.pem")
	s.CA.AppendCertsFromPEM(chain)
	return nil
}

func certificatePEM(certificate []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
}

// selfSigned makes an authority that is the certificate for 127.0.0.1, too.
func selfSigned() (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "slapd for tests"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(24 * time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:                  true, // signs itself
		BasicConstraintsValid: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return &tls.Certificate{Certificate: [][]byte{certificate}, PrivateKey: key}, err
}
