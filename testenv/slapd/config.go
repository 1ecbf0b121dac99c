package slapd

import (
	"context"
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
	"os"
	"os/exec"
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

// prepare writes all files that the server needs.
func (s *Server) prepare(ctx context.Context) error {
	files := map[string][]byte{
		"exchange55.schema":      exchange55Schema,
		"activedirectory.schema": activeDirectorySchema,
		"slapd.conf":             []byte(s.config()),
		"root.pw":                []byte(s.rootPassword),
	}
	if err := s.certify(files); err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(s.file(name), content, 0o600); err != nil {
			return err
		}
	}
	for i := range s.options.Users {
		if err := os.Mkdir(s.file(userFolder(i)), 0o700); err != nil {
			return err
		}
	}
	if err := os.Mkdir(s.file("data"), 0o700); err != nil {
		return err
	}
	return s.bulkLoad(ctx)
}

// bulkLoad fills the database while no server runs. The quick mode skips checks
// but stores entries as an addition does. The other quick way, -s, leaves out
// the structural class, and such entries refuse every modification with code 80
// (seen: slapd 2.5.13).
func (s *Server) bulkLoad(ctx context.Context) error {
	if s.options.Bulk == nil {
		return nil
	}
	c := exec.CommandContext(ctx, loadProgram, "-q", "-f", s.file("slapd.conf"), "-b", s.options.Suffix)
	c.Stdin = s.options.Bulk
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("load entries with slapadd: %w: %s", err, out)
	}
	return nil
}

func userFolder(i int) string { return fmt.Sprintf("user%d", i) }

// config is slapd.conf.
func (s *Server) config() string {
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
		line("database ldif\ndirectory %q\nsuffix %[2]q\nrootdn %[2]q\nrootpw %[3]q", s.file(userFolder(i)), user.Name, user.Password)
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
func (s *Server) schemaFiles() []string {
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
func (s *Server) constraints(line func(string, ...any)) {
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
func (s *Server) access(line func(string, ...any)) {
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
func (s *Server) certify(files map[string][]byte) error {
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
	for _, certificate := range shown.Certificate {
		files["server.pem"] = append(files["server.pem"], certificatePEM(certificate)...)
	}
	files["server.key"] = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	if s.options.Clients != nil {
		files["clients.pem"] = certificatePEM(s.options.Clients.Raw)
	}
	s.CA, s.CAFile = x509.NewCertPool(), s.file("server.pem")
	s.CA.AppendCertsFromPEM(files["server.pem"])
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
